"""A run under way: its workers, and what it writes to. The main job's and a sweep's are alike in this."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from jobs.progress.prometheus import Metrics
from jobs.progress.stats import RunStats
from jobs.run.driver import Driver
from jobs.run.output_dir import OutputDir
from jobs.scheduler import preflight
from jobs.scheduler.scheduler import Scheduler
from jobs.scheduler.worker_pool import SchedulerOptions
from stylize.errors import CannotContinueError
from stylize.results.run_record import RunRecord, now
from stylize.results.schema import Row
from stylize.tasks.task import Task


@dataclass(frozen=True)
class RunContext:
    """What a run under way works with: OUT, its record and its loop."""

    out: OutputDir
    record: RunRecord
    driver: Driver

    @property
    def stats(self) -> RunStats:
        """Return what is counted."""
        return self.driver.reporter.stats

    def has_failed(self) -> bool:
        """Return whether a row of this run is not ok, so that somebody may look for its lines among Ray's logs."""
        return bool(self.stats.failed)

    def check_nodes(self, make: Any, options: SchedulerOptions, required: preflight.Requirements) -> None:
        """Ask a cluster's nodes before work starts; those that join later are asked by the workers that `make` makes.

        Raises UsageError, CannotContinueError.
        """
        self.record.nodes = preflight.check_nodes(options, required, self.driver.reporter.note)
        self.out.save(self.record)
        make.check = required.check

    def work(
        self, make: Any, lost_row: Callable[[Task, str, str, Row], pa.RecordBatch], options: SchedulerOptions,
        streams: Iterable[Iterator[Task]], metrics: Metrics | None = None,
    ) -> None:  # fmt: skip
        """Do streams of tasks, one after the other, with workers of which each is a runner of `make`'s."""
        reporter = self.driver.reporter
        with Scheduler(make, lost_row, options, notify=reporter.note) as scheduler:
            reporter.watch(scheduler, metrics)
            try:
                for tasks in streams:
                    self.driver.run(scheduler, tasks)
            finally:
                # Not after Ray's end: who sends SIGTERM may not wait for that.
                self._save_progress(scheduler)

    def _save_progress(self, scheduler: Scheduler) -> None:
        """Write what is known now, if OUT can be written: the run may be ended before it is finished."""
        with contextlib.suppress(CannotContinueError):
            self.driver.store.flush()
            self.record.workers |= {name: asdict(place) for name, place in scheduler.locations.items()}
            self.record.counts = self.stats.counts
            self.record.last_row_at = now()
            self.out.save(self.record)

    def finish(self) -> None:
        """Write that the run is over, and how. Raises CannotContinueError."""
        self.record.counts = self.stats.counts
        self.record.rows = self.stats.done - self.stats.kept
        self.record.finished_at = now()
        self.out.save(self.record)
