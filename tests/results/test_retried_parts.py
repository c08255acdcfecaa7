"""Merges of small parts while rows that are to be replaced lie in some of them, and one that was broken off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stylize.io import object_store
from stylize.results import compaction
from stylize.results.part_folder import PartFolder
from stylize.results.remote_parts import Mirror
from stylize.results.store import RowStore
from tests.support.numbered_rows import parts, rows, seen
from tests.support.s3 import bucket

MANY = 6


def test_parts_whose_rows_are_to_be_replaced_stay_out_of_a_merge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RowStore.open(tmp_path, part_rows=1)
    for number in range(MANY):
        store.add(rows(range(number, number + 1), status="failed"))
    with RowStore.open(tmp_path, part_rows=2) as store:
        assert len(parts(tmp_path)) == MANY
        monkeypatch.setattr(compaction, "MANY_PARTS", MANY)
        assert store.finished(retry_failed=True) == set()
        for number in range(MANY):
            store.add(rows(range(number, number + 1), minute=1))
            store.flush()
    assert seen(tmp_path) == dict.fromkeys(range(MANY), "ok")


def test_closing_ends_a_merge_that_was_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(folder: PartFolder, name: str) -> None:
        raise KeyboardInterrupt

    store = RowStore.open(tmp_path, part_rows=1)
    for number in range(3):
        store.add(rows(range(number, number + 1)))
    with monkeypatch.context() as patch:
        patch.setattr(PartFolder, "remove", interrupted)
        patch.setattr(compaction, "MANY_PARTS", 2)
        with pytest.raises(KeyboardInterrupt):
            store._compactor.merge_if_many(9)
    store.close()
    assert seen(tmp_path) == dict.fromkeys(range(3), "ok")
    assert len(parts(tmp_path)) == 1


@pytest.mark.parametrize(("step", "calls", "left"), [("_put", 1, 5), ("_unlink_here", 2, 1)])
def test_an_interrupt_in_a_merge_leaves_no_row_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, calls: int, left: int
) -> None:
    real = getattr(PartFolder, step)
    done: list[str] = []

    def interrupted(self: PartFolder, name: str, *args: Any, **more: Any) -> None:
        real(self, name, *args, **more)
        done.append(name)
        if len(done) == calls:
            raise KeyboardInterrupt

    def work() -> None:
        with RowStore.open(tmp_path, part_rows=2) as store:
            for n in range(0, 10, 2):
                store.add(rows(range(n, n + 2)))
            monkeypatch.setattr(PartFolder, step, interrupted)
            monkeypatch.setattr(compaction, "MANY_PARTS", 2)
            store._compactor.merge_if_many(9)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert len(seen(tmp_path)) == 10
    assert len(parts(tmp_path)) == left


def test_a_merge_that_only_seemed_to_fail_leaves_no_row_twice(
    tmp_path: Path, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with bucket() as s3:
        store = RowStore.open(tmp_path, part_rows=2, mirror=Mirror("s3://pictures/out/rows", lambda: None))
        for n in range(0, 10, 2):
            store.add(rows(range(n, n + 2)))
        monkeypatch.setattr(compaction, "MANY_PARTS", 2)
        s3.s3.faults = ["lose"] * 7  # every attempt of the merged part is written, and its answer lost
        store._compactor.merge_if_many(9)
        assert s3.s3.faults == []
        assert any("were not merged" in line for line in logged)
        there = [info.name for info in object_store.names("s3://pictures/out/rows")]
        assert there == [part.name for part in parts(tmp_path)]
        assert len(there) == 5


def test_a_row_that_was_replaced_is_read_no_more_however_lately_its_part_was_rewritten(tmp_path: Path) -> None:
    with RowStore.open(tmp_path) as store:
        store.add(rows(range(4), status="failed"))
    with RowStore.open(tmp_path) as store:
        store.finished(retry_failed=True)
        store._compactor._rewrite_at_s = float("inf")
        store.add(rows(range(2), minute=1))
        statuses = [one for batch in store.columns(["status"]) for one in batch.column("status").to_pylist()]
        assert sorted(statuses) == ["failed", "failed", "ok", "ok"]
