"""The one loop that drives a Scheduler: for the main job, sweeps and the tools that measure the driver."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa

from jobs.progress.reporter import Reporter
from jobs.scheduler.scheduler import Scheduler
from jobs.scheduler.shutdown import shutdown
from stylize.errors import CannotContinueError
from stylize.results.store import RowStore
from stylize.tasks.task import Task


class Driver:
    """Runs tasks through a Scheduler, and stores, counts and shows their rows.

    `superseded` names the keys of earlier runs' rows that a batch takes the place of.
    """

    def __init__(
        self,
        store: RowStore,
        reporter: Reporter,
        superseded: Callable[[pa.RecordBatch], Iterable[bytes]] = lambda batch: (),
    ) -> None:
        self.reporter = reporter
        self.store, self._superseded = store, superseded

    def run(self, scheduler: Scheduler, tasks: Iterator[Task]) -> None:
        """Do the tasks. If that ends early, on a signal or an error, what workers have ready is on disk before it does.

        Raises what the Scheduler raises, KeyboardInterrupt, and CannotContinueError where rows cannot be written.
        """
        try:
            for batch in scheduler.results(tasks):
                if batch is None:
                    shutdown.check()
                else:
                    self._keep(batch)
                self.store.tick()
                self.reporter.tick()
            self.store.flush()  # before the last word on how many are done
        except BaseException:
            # The error under way is the one to be told.
            with contextlib.suppress(CannotContinueError):
                for batch in scheduler.drain():
                    self._keep(batch)
                self.store.flush()
            self.reporter.stats.take_back(self.store.waiting_rows)
            raise

    def _keep(self, batch: pa.RecordBatch) -> None:
        # All first, as this takes time: an interrupt must not take rows away for a batch that is then not stored.
        for key in list(self._superseded(batch)):
            self.store.retire(key)
        self.reporter.stats.add(batch)
        self.store.add(batch)
