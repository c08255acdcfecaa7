"""What is shown while a job runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from jobs.progress.reporter import Reporter, duration
from jobs.run.resume import TaskCounter
from jobs.stylize_folder import collect
from stylize.config import JobConfig
from stylize.results.schema import to_batch
from stylize.results.store import RowStore
from tests.support.scripted_workers import row, task


def test_rows_of_earlier_runs_count_as_done_but_not_as_pace() -> None:
    shown = Reporter(10, "off")
    shown.keep(6)
    assert shown.line() == "6 of 10 done, 0 failed, starting"
    shown._start -= 2
    shown.add(2, 1)
    assert shown.line() == "8 of 10 done, 1 failed, 1.0 images/s, 2 s left"


def test_a_pair_listed_twice_is_one_task_and_no_earlier_run_s(tmp_path: Path) -> None:
    config = JobConfig(manifest="list.csv", out=str(tmp_path))
    counter = TaskCounter(config, done={bytes.fromhex(task(3).task_id)[:16]}, failed=[])
    listed = iter([task(1), task(2), task(1), task(3), task(3)])
    assert list(counter.new(listed, unique=True)) == [task(1), task(2)]
    assert (counter.kept, counter.repeated, counter.counts) == (1, 2, {"ok": 1})


def test_what_was_read_last_is_counted_too(tmp_path: Path) -> None:
    counter = TaskCounter(JobConfig(manifest="list.csv", out=str(tmp_path)), done=set(), failed=[])
    shown = Reporter(5, "off")

    def batches() -> Iterator[pa.RecordBatch]:
        yield to_batch([row(task(1), "ok"), row(task(2), "failed")])
        counter.kept, counter.repeated = 2, 1  # seen as the stream of tasks ended, after the last batch was asked for

    with RowStore.open(tmp_path) as store:
        collect(batches(), store, counter, shown)
    assert (shown.total, shown.done, shown.earlier, shown.failed) == (4, 4, 2, 1)


def test_durations_are_short() -> None:
    assert [duration(s) for s in (5, 600, 12_000)] == ["5 s", "10 min", "3 h 20 min"]
