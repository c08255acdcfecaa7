from __future__ import annotations

import hashlib
import json
import random
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stylize.errors import UsageError
from stylize.io.files import write_json_atomic
from stylize.results import compaction
from stylize.results.parts import digests, iter_part, keys, open_parts, part_paths, replaced_rows
from stylize.results.read import read_rows
from stylize.results.schema import SCHEMA, to_batch
from stylize.results.store import RowStore
from tests.support.numbered_rows import rows


def duplicated(out: Path) -> RowStore:
    """Five tasks, of which two have a newer row in a second part."""
    store = RowStore.open(out)
    store.add(rows(range(5), "failed"))
    store.flush()
    store.add(rows((1, 3), minute=1))
    store.flush()
    return store


def test_one_row_a_task_is_read_even_from_an_unmended_folder(tmp_path: Path) -> None:
    duplicated(tmp_path)
    table = read_rows(tmp_path)
    assert table.schema.equals(SCHEMA, check_metadata=True)
    statuses = dict(zip(table["seed"].to_pylist(), table["status"].to_pylist(), strict=True))
    assert table.num_rows == 5
    assert statuses == {0: "failed", 1: "ok", 2: "failed", 3: "ok", 4: "failed"}


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    duplicated(tmp_path)
    table = read_rows(tmp_path, ["status", "seed"])
    assert table.column_names == ["status", "seed"]
    assert sorted(table["seed"].to_pylist()) == [0, 1, 2, 3, 4]
    assert read_rows(tmp_path, (name for name in ("status", "seed"))).equals(table)
    assert read_rows(tmp_path, ["seed", "status", "seed"]).column_names == ["seed", "status", "seed"]
    stored = RowStore.open(tmp_path).columns(["status", "seed"])
    assert all(batch.schema.names == ["status", "seed"] for batch in stored)


@pytest.mark.parametrize(
    ("columns", "says"),
    [("ssim", "columns: expected a list of names, got 'ssim'"), ([None, 3], "no such column: None, 3; the known ones")],
)
def test_columns_that_are_no_names_are_a_usage_error(tmp_path: Path, columns: Any, says: str) -> None:
    duplicated(tmp_path)
    with pytest.raises(UsageError, match=says):
        read_rows(tmp_path, columns)


def test_an_unknown_column_and_a_folder_that_is_no_run_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no rows folder"):
        read_rows(tmp_path)
    RowStore.open(tmp_path)
    with pytest.raises(UsageError, match=r"no such column: time; the known ones: run_id, task_id"):
        read_rows(tmp_path, ["seed", "time"])
    assert read_rows(tmp_path).num_rows == 0


def test_rows_are_whole_while_a_driver_merges_and_replaces_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MANY_PARTS", 2)
    with RowStore.open(tmp_path) as store:
        store.add(rows(range(40), "failed"))
    stop = threading.Event()

    def drive() -> None:
        minute = 1
        while not stop.is_set():
            with RowStore.open(tmp_path, part_rows=10) as store:
                store.finished(retry_failed=True)
                for n in range(0, 40, 10):
                    store.add(rows(range(n, n + 10), "failed", minute))
            minute += 1
            stop.wait(0.02)

    driver = threading.Thread(target=drive)
    driver.start()
    try:
        for _ in range(40):
            assert sorted(read_rows(tmp_path, ["seed"])["seed"].to_pylist()) == list(range(40))
    finally:
        stop.set()
        driver.join()


def test_held_parts_are_read_as_they_were_when_a_driver_replaces_them(tmp_path: Path) -> None:
    duplicated(tmp_path)
    with open_parts(tmp_path / "rows") as parts:
        with RowStore.open(tmp_path) as store:
            store.finished(retry_failed=True)
            store.add(rows(range(5), minute=2))
        assert not Path(parts[0].name).exists()
        seeds = [seed for part in parts for batch in iter_part(part, ["seed"]) for seed in batch["seed"].to_pylist()]
        assert seeds == [0, 1, 2, 3, 4, 1, 3]
        replaced = {path.name: list(which) for path, which in replaced_rows(parts).items()}
        assert replaced == {Path(parts[0].name).name: [1, 3]}
    assert all(part.closed for part in parts)
    assert sorted(read_rows(tmp_path, ["seed"])["seed"].to_pylist()) == [0, 1, 2, 3, 4]


def test_a_row_whose_newer_one_came_after_parts_were_listed_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duplicated(tmp_path)

    def listed(folder: Path) -> list[Path]:
        monkeypatch.setattr("stylize.results.parts.part_paths", part_paths)
        found = part_paths(folder)
        with RowStore.open(tmp_path) as store:
            store.finished(retry_failed=True)
            store.add(rows([2], minute=2))
        return found

    monkeypatch.setattr("stylize.results.parts.part_paths", listed)
    assert sorted(read_rows(tmp_path, ["seed"])["seed"].to_pylist()) == [0, 1, 2, 3, 4]


def test_replaced_rows_agree_with_a_plain_search(tmp_path: Path) -> None:
    draw = random.Random(0)
    for trial in range(5):
        out = tmp_path / str(trial)
        store = RowStore.open(out)
        best: dict[int, tuple[int, int, int]] = {}
        for part in range(4):
            batch = [(draw.randrange(12), draw.randrange(4)) for _ in range(draw.randrange(1, 8))]
            for place, (number, minute) in enumerate(batch):
                best[number] = max(best.get(number, (-1, 0, 0)), (minute, part, place))
            store.add(to_batch([rows([number], minute=minute).to_pylist()[0] for number, minute in batch]))
            store.flush()
        paths = part_paths(out / "rows")
        replaced = replaced_rows(paths)
        kept = {
            (part, place)
            for part, path in enumerate(paths)
            for place in range(store._folder.rows[path.name])
            if place not in replaced.get(path, ())
        }
        assert kept == {(part, place) for _, part, place in best.values()}


def test_keys_are_the_first_half_of_each_task_id_also_in_a_slice() -> None:
    names = [hashlib.sha256(bytes([n])).hexdigest() for n in range(10)]
    assert keys(pa.array(names)[3:7]) == [bytes.fromhex(name)[:16] for name in names[3:7]]
    assert keys(pa.array([], pa.string())) == []
    for bad in ([names[0], None], ["ab"], [names[0] + "00"], ["x" * 64]):
        with pytest.raises(ValueError, match=r"task_id|[Nn]on-hex"):
            digests(pa.array(bad, pa.string()))


def test_json_is_whole_utf8_and_keeps_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    settings = {"command": ["фото", "caf\udce9"], "seed": 1}
    for _ in range(2):
        write_json_atomic(tmp_path / "run.json", settings)
    assert json.loads((tmp_path / "run.json").read_text("utf-8")) == settings
    assert "фото" in (tmp_path / "run.json").read_text("utf-8")
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_a_path_may_be_a_text(tmp_path: Path) -> None:
    with duplicated(tmp_path):
        pass
    assert read_rows(str(tmp_path)).equals(read_rows(tmp_path))
