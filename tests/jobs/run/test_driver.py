"""The loop that drives a Scheduler, with one that the tests script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from jobs.progress.reporter import Reporter
from jobs.progress.stats import RunStats
from jobs.run.driver import Driver
from jobs.scheduler.scheduler import Scheduler
from stylize.errors import CannotContinueError
from stylize.results.read import read_rows
from stylize.results.schema import to_batch
from stylize.results.store import RowStore
from stylize.tasks.task import Task
from tests.support.scripted_workers import row, task


class ScriptedScheduler:
    """Gives one batch, then raises `error` if there is one; workers have another batch ready by then."""

    def __init__(self, error: BaseException | None = None) -> None:
        self._error = error
        self._tasks: list[Task] = []

    def results(self, tasks: Iterator[Task]) -> Iterator[pa.RecordBatch | None]:
        self._tasks = list(tasks)
        yield None
        yield to_batch([row(self._tasks.pop(0), "ok")])
        if self._error is not None:
            raise self._error
        yield from self.drain()

    def drain(self) -> Iterator[pa.RecordBatch]:
        yield to_batch([row(task, "oom") for task in self._tasks])


def drive(
    store: RowStore, scheduler: ScriptedScheduler, first: int = 0, stats: RunStats | None = None, **options: Any
) -> RunStats:
    stats = stats or RunStats(3)
    tasks = map(task, range(first, first + 3))
    Driver(store, Reporter(stats, "off"), **options).run(cast(Scheduler, scheduler), tasks)
    return stats


def test_rows_are_stored_and_counted(tmp_path: Path) -> None:
    with RowStore.open(tmp_path) as store:
        stats = drive(store, ScriptedScheduler())
    assert read_rows(tmp_path, ["status"]).column("status").to_pylist() == ["ok", "oom", "oom"]
    assert stats.counts == {"ok": 1, "oom": 2}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), CannotContinueError("Ray is gone"), SystemError("a wait")])
def test_what_workers_had_ready_is_on_disk_when_the_loop_ends_early(tmp_path: Path, error: BaseException) -> None:
    with RowStore.open(tmp_path, flush_s=10_000) as store:
        with pytest.raises(type(error)):
            drive(store, ScriptedScheduler(error))
        assert read_rows(tmp_path, ["status"]).num_rows == 3


def test_a_disk_that_fails_at_the_end_does_not_hide_why_the_run_ended_and_rows_in_memory_are_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(store: RowStore) -> None:
        raise CannotContinueError("no space left on device")

    with RowStore.open(tmp_path, flush_s=10_000) as store, monkeypatch.context() as patch:
        patch.setattr(RowStore, "flush", full)
        stats = RunStats(3)
        with pytest.raises(CannotContinueError, match="Ray is gone"):
            drive(store, ScriptedScheduler(CannotContinueError("Ray is gone")), stats=stats)
        assert stats.done == 0  # what is not stored is done again
        with pytest.raises(CannotContinueError, match="no space left"):
            drive(store, ScriptedScheduler(), stats=stats)


def test_rows_that_a_batch_takes_the_place_of_are_retired(tmp_path: Path) -> None:
    with RowStore.open(tmp_path) as store:
        drive(store, ScriptedScheduler())
    with RowStore.open(tmp_path) as store:
        older = [row.key for row in store.replaceable()]
        drive(store, ScriptedScheduler(), first=3, superseded=lambda batch: [older.pop()])
    assert sorted(read_rows(tmp_path, ["status"]).column("status").to_pylist()) == ["ok", "ok", "oom", "oom"]


def test_no_older_row_is_retired_for_a_batch_that_an_interrupt_kept_from_being_stored(tmp_path: Path) -> None:
    with RowStore.open(tmp_path) as store:
        drive(store, ScriptedScheduler())
    with RowStore.open(tmp_path) as store:
        older = [row.key for row in store.replaceable()]

        def superseded(batch: pa.RecordBatch) -> Iterator[bytes]:
            while older:
                yield older.pop()
                if not older:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            drive(store, ScriptedScheduler(), first=3, superseded=superseded)
    assert read_rows(tmp_path, ["status"]).column("status").to_pylist().count("oom") == 4
