"""Shards share out the pairs: each to exactly one, and to the same one whatever else there is."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stylize import config as configs
from stylize.config import JobConfig
from stylize.tasks import pairing
from stylize.tasks.task import Input, Pair

SHARDS = ("1/3", "2/3", "3/3")


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """30 photos, two artworks and a manifest of their pairs."""
    for name in (*(f"content/{n:02d}.jpg" for n in range(30)), "styles/a.jpg", "styles/b.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    lines = (f"content/{n:02d}.jpg,styles/{s}.jpg\n" for n in range(30) for s in "ab")
    (tmp_path / "list.csv").write_text("content_uri,style_uri\n" + "".join(lines))
    return tmp_path


def config(root: Path, shard: str | None = None, **values: Any) -> JobConfig:
    folders = {} if "manifest" in values else {"content": str(root / "content"), "styles": str(root / "styles")}
    return configs.build({"out": "/out", "shard": shard} | folders | values)


def task_ids(made: JobConfig) -> list[str]:
    return [t.task_id for t in pairing.tasks(pairing.pairs(made), made.result_settings(), None, made.format)]


def uris(made: JobConfig) -> set[tuple[str, str]]:
    return {(pair.content.uri, pair.style.uri) for pair in pairing.pairs(made)}


@pytest.mark.parametrize("kind", ["cross", "zip", "manifest"])
def test_shards_do_every_task_exactly_once_and_count_their_own(inputs: Path, kind: str) -> None:
    values: dict[str, Any] = {"manifest": str(inputs / "list.csv")} if kind == "manifest" else {"pairing": kind}
    if kind == "zip":
        values |= {"styles": str(inputs / "content")}
    parts = [task_ids(config(inputs, shard, **values)) for shard in SHARDS]
    assert Counter(itertools.chain.from_iterable(parts)) == Counter(task_ids(config(inputs, **values)))
    assert all(parts)
    assert [len(part) for part in parts] == [pairing.survey(config(inputs, shard, **values)).pairs for shard in SHARDS]


def test_a_new_file_moves_no_pair_to_another_shard(inputs: Path) -> None:
    before = [uris(config(inputs, shard)) for shard in SHARDS]
    (inputs / "content" / "00 first.jpg").write_bytes(b"x")
    (inputs / "styles" / "c.jpg").write_bytes(b"x")
    after = [uris(config(inputs, shard)) for shard in SHARDS]
    assert all(old <= new for old, new in zip(before, after, strict=True))
    assert sum(map(len, after)) == 31 * 3


def test_a_replaced_file_is_another_task_of_the_same_shard(inputs: Path) -> None:
    before, ids = uris(config(inputs, "1/3")), task_ids(config(inputs, "1/3"))
    for path in (inputs / "content").iterdir():
        path.write_bytes(b"a newer version")
        os.utime(path, (1, 1))
    assert uris(config(inputs, "1/3")) == before
    assert not set(ids) & set(task_ids(config(inputs, "1/3")))


def test_a_pair_of_given_names_stays_in_its_shard_in_every_version() -> None:
    stream = [Pair(Input(f"/c/{n}.jpg", "1:1", None), Input("/s/é.jpg", "1:1", None)) for n in range(8)]
    assert [int(pair.content.uri[3]) for pair in pairing.in_shard(iter(stream), "1/2")] == [0, 3, 4]


def test_shards_are_of_one_size_within_chance() -> None:
    stream = [Pair(Input(f"/c/{n}.jpg", "1", None), Input(f"/s/{n % 9}.jpg", "1", None)) for n in range(20_000)]
    sizes = [sum(1 for _ in pairing.in_shard(iter(stream), f"{own}/8")) for own in range(1, 9)]
    assert all(2300 < size < 2700 for size in sizes)
    assert sum(sizes) == len(stream)


def test_a_shard_changes_no_setting_of_the_result(inputs: Path) -> None:
    assert config(inputs, "1/3").result_settings() == config(inputs).result_settings()
