from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from stylize.io import files
from stylize.results import compaction, part_folder
from stylize.results import parts as part_module
from stylize.results.schema import SCHEMA, SCHEMA_VERSION, to_batch
from stylize.results.store import RowStore
from tests.support.numbered_rows import parts, rows, seen, task_id


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MANY_PARTS", 15)


def test_rows_come_back_with_their_columns_units_and_version(tmp_path: Path) -> None:
    with RowStore.open(tmp_path) as store:
        store.add(rows(range(3), ssim=0.5))
    frame = pd.read_parquet(tmp_path / "rows")
    assert list(frame.columns) == SCHEMA.names
    assert frame.ssim.tolist() == [0.5] * 3
    assert frame.stylize_s.isna().all()
    (part,) = parts(tmp_path)
    written = pq.read_schema(part)
    assert written.field("stylize_s").metadata[b"unit"] == b"s"
    assert written.metadata[b"schema_version"] == SCHEMA_VERSION.encode()


def test_a_part_is_written_when_enough_rows_wait(tmp_path: Path) -> None:
    store = RowStore.open(tmp_path, part_rows=4, flush_s=1e9)
    store.add(rows(range(3)))
    assert parts(tmp_path) == []
    store.add(rows(range(3, 5)))
    assert len(seen(tmp_path)) == 5


def test_a_part_is_written_before_its_texts_are_too_long_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylize.results.store._PART_BYTES", 50_000)
    store = RowStore.open(tmp_path, flush_s=1e9)
    store.add(rows(range(2), error="x" * 15_000))
    assert parts(tmp_path) == []
    store.add(rows(range(2, 4), error="x" * 15_000))
    assert len(seen(tmp_path)) == 4


def test_a_part_is_written_when_rows_have_waited_long_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    store = RowStore.open(tmp_path, flush_s=1)
    store.tick()
    store.add(rows(range(1)))
    assert parts(tmp_path) == []
    clock[0] += 1.01
    store.tick()
    assert len(seen(tmp_path)) == 1


def test_part_names_sort_by_time(tmp_path: Path) -> None:
    with RowStore.open(tmp_path, run_id="run 1/a", part_rows=1) as store:
        for n in range(20):
            store.add(rows(range(n, n + 1)))
    assert list(seen(tmp_path)) == list(range(20))
    assert all("-run1a-" in part.name for part in parts(tmp_path))


def test_finished_holds_every_row_or_with_retry_failed_the_ok_ones(tmp_path: Path) -> None:
    with RowStore.open(tmp_path) as store:
        store.add(rows(range(5), variant="a"))
        store.add(rows(range(5, 8), status="oom", variant="b"))
        store.add(rows(range(8, 9), status="a newer program's", variant="c"))
    store = RowStore.open(tmp_path)
    key = [bytes.fromhex(task_id(n))[:16] for n in range(9)]
    assert store.finished(retry_failed=False) == set(key)
    assert store.finished(retry_failed=True) == set(key[:5])
    assert [store.count_by_status(list(names)) for names in ("ab", "b", "c", "")] == [
        {"ok": 5, "oom": 3}, {"oom": 3}, {"a newer program's": 1}, {},
    ]  # fmt: skip


def test_a_retried_row_takes_the_older_ones_place(tmp_path: Path) -> None:
    with RowStore.open(tmp_path) as store:
        store.add(rows(range(4)))
        store.add(rows(range(4, 6), status="failed"))
        store.flush()
        store.add(rows(range(6, 8), status="crashed"))
    with RowStore.open(tmp_path) as store:
        store.finished(retry_failed=True)
        store.add(rows(range(5, 8), minute=1))
        store.flush()
        assert len(seen(tmp_path)) == 8  # at once, not only at the end
    assert seen(tmp_path) == {n: "failed" if n == 4 else "ok" for n in range(8)}
    assert len(parts(tmp_path)) == 2  # the part whose every row was replaced is gone


def test_many_retries_leave_one_row_a_task(tmp_path: Path, few_are_many: None) -> None:
    with RowStore.open(tmp_path) as store:
        store.add(rows(range(90), status="nan"))
    for minute in (1, 2):
        with RowStore.open(tmp_path, part_rows=2) as store:
            assert store.finished(retry_failed=True) == set()
            for n in range(0, 90, 3):
                store.add(rows(range(n, n + 3), status="nan" if minute == 1 else "ok", minute=minute))
        assert len(seen(tmp_path)) == 90
    assert set(seen(tmp_path).values()) == {"ok"}


@pytest.mark.parametrize("minute", [0, 1])
def test_open_keeps_the_newest_of_two_rows_of_a_task(tmp_path: Path, minute: int) -> None:
    store = RowStore.open(tmp_path)
    store.add(rows(range(10), status="failed", minute=2 * minute))
    store.flush()
    store.add(rows(range(5, 15), minute=1))  # as if killed before the older rows went
    store.flush()
    RowStore.open(tmp_path)
    middle = "failed" if minute else "ok"
    assert seen(tmp_path) == {n: "failed" if n < 5 else "ok" if n >= 10 else middle for n in range(15)}


def test_of_rows_without_a_start_the_later_part_wins(tmp_path: Path) -> None:
    store = RowStore.open(tmp_path)
    for status in ("crashed", "failed", "ok"):
        store.add(rows(range(3), status=status, started_at=None))
        store.flush()
    RowStore.open(tmp_path)
    assert seen(tmp_path) == dict.fromkeys(range(3), "ok")


def test_a_kill_between_merging_and_unlinking_is_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RowStore.open(tmp_path, part_rows=2)
    for n in range(0, 10, 2):
        store.add(rows(range(n, n + 2)))
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "rows", copy)
    monkeypatch.setattr(compaction, "MANY_PARTS", 2)
    store._compactor.merge_if_many(9)
    assert len(parts(tmp_path)) == 1
    for old in list(copy.iterdir())[:3]:
        shutil.copy(old, tmp_path / "rows")
    RowStore.open(tmp_path)
    assert len(seen(tmp_path)) == 10


def test_many_parts_are_merged_on_close_and_on_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_are_many: None
) -> None:
    store = RowStore.open(tmp_path, part_rows=1)
    for n in range(compaction.MANY_PARTS + 1):
        store.add(rows(range(n, n + 1)))
    assert len(parts(tmp_path)) == compaction.MANY_PARTS + 1
    with monkeypatch.context() as patch:
        patch.setattr(part_module, "MERGED_ROWS", 9)
        RowStore.open(tmp_path)
    assert sorted(pq.read_metadata(p).num_rows for p in parts(tmp_path)) == [7, 9]
    with RowStore.open(tmp_path, part_rows=1) as store:
        for n in range(100, 100 + compaction.MANY_PARTS):
            store.add(rows(range(n, n + 1)))
    assert len(parts(tmp_path)) == 1
    assert len(seen(tmp_path)) == 2 * compaction.MANY_PARTS + 1


def test_a_slow_run_does_not_pile_up_small_parts(tmp_path: Path, few_are_many: None) -> None:
    store = RowStore.open(tmp_path, flush_s=0.0)
    for n in range(40):
        store.add(rows(range(n, n + 1)))
        assert len(parts(tmp_path)) < compaction.MANY_PARTS
    assert len(seen(tmp_path)) == 40


def test_leftover_temporary_files_go_and_other_files_stay(tmp_path: Path) -> None:
    RowStore.open(tmp_path)
    (tmp_path / "images" / "cats").mkdir()
    left = [tmp_path / where / (".tmp-" + 32 * "0") for where in (".", "rows", "images", "images/cats")]
    kept = [tmp_path / "images" / name for name in (".DS_Store", ".tmp-mine", "a.jpg")]
    for path in left + kept:
        path.touch()
    RowStore.open(tmp_path)
    assert [path.exists() for path in left] == [False] * 4
    assert [path.exists() for path in kept] == [True] * 3


def test_a_bad_row_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    store = RowStore.open(tmp_path)
    bad = [{}, {"task_id": "abc"}, {"task_id": "g" * 64}]
    for row in bad:
        with pytest.raises(ValueError, match=r"task_id|[Nn]on-hex"):
            store.add(to_batch([row]))
    with pytest.raises(ValueError, match="columns of SCHEMA"):
        store.add(rows(range(1)).select(["task_id"]))
    store.close()
    assert seen(tmp_path) == {}


def test_a_run_of_no_tasks_reads_as_an_empty_table_with_columns(tmp_path: Path) -> None:
    for _ in range(2):
        with RowStore.open(tmp_path) as store:
            assert store.finished(retry_failed=False) == set()
    frame = pd.read_parquet(tmp_path / "rows")
    assert list(frame.columns) == SCHEMA.names
    assert len(parts(tmp_path)) == 1


def test_an_error_on_the_way_does_not_lose_the_rows_that_wait(tmp_path: Path) -> None:
    def work() -> None:
        with RowStore.open(tmp_path) as store:
            store.add(rows(range(3)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert len(seen(tmp_path)) == 3


def test_an_interrupt_right_after_a_write_adds_no_row_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RowStore.open(tmp_path)
    write = files.write_atomic

    def interrupted(*args: Any, **more: Any) -> None:
        write(*args, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(part_folder, "write_atomic", interrupted)
    store.add(rows(range(3)))
    with pytest.raises(KeyboardInterrupt):
        store.flush()
    monkeypatch.undo()
    store.close()
    assert len(seen(tmp_path)) == 3


@pytest.mark.parametrize(("redo", "replaced"), [(False, [1]), (True, [0, 1, 2])])
def test_new_rows_replace_those_whose_image_is_gone_or_all_when_redone(
    redo: bool, replaced: list[int], tmp_path: Path
) -> None:
    with RowStore.open(tmp_path) as store:
        for number in range(3):
            store.add(rows(range(number, number + 1), output_uri=f"/out/images/{number}.jpg", ssim=0.0))
    key = [bytes.fromhex(task_id(n))[:16] for n in range(3)]
    with RowStore.open(tmp_path) as store:
        lost = list(store.replaceable(lambda uri: not uri.endswith("1.jpg")))
        assert [(row.key, row.status) for row in lost] == [(key[1], "ok")]
        gone = {row.key for row in lost}
        assert [uri[-5:] for uri, _ in store.results(gone)] == ["0.jpg", "2.jpg"]
        assert store.finished(False, gone, redo) == set(key) - {key[n] for n in replaced}
        for number in replaced:
            store.add(rows(range(number, number + 1), ssim=1.0))
        store.flush()
    frame = pd.read_parquet(tmp_path / "rows").set_index("task_id")
    assert frame.index.is_unique
    assert [frame.ssim[task_id(n)] for n in range(3)] == [float(n in replaced) for n in range(3)]
