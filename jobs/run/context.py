"""A run under way: what it writes to, and what it has counted. The main job's and a sweep's are alike in this."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass

from jobs.progress.stats import RunStats
from jobs.run.driver import Driver
from jobs.run.output_dir import OutputDir
from jobs.scheduler.scheduler import Scheduler
from stylize.errors import CannotContinueError
from stylize.results.run_record import RunRecord, now
from stylize.results.store import RowStore


@dataclass(frozen=True)
class RunContext:
    """What a run under way works with: OUT, the store of its rows, its record and its loop."""

    out: OutputDir
    store: RowStore
    record: RunRecord
    driver: Driver

    @property
    def stats(self) -> RunStats:
        """Return what is counted."""
        return self.driver.reporter.stats

    def has_failed(self) -> bool:
        """Return whether a row of this run is not ok, so that somebody may look for its lines among Ray's logs."""
        return bool(self.stats.failed)

    def save_progress(self, scheduler: Scheduler) -> None:
        """Write what is known now, if OUT can be written: the run may be ended before it is finished."""
        with contextlib.suppress(CannotContinueError):
            self.store.flush()
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
