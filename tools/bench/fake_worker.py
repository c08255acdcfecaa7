"""Workers that take a set time for an image and make none: what is measured beside them is the driver."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from jobs.progress.reporter import Reporter
from jobs.progress.stats import RunStats
from jobs.run.driver import Driver
from jobs.scheduler.scheduler import Scheduler
from stylize.results.schema import Row, to_batch
from stylize.results.store import RowStore
from stylize.tasks import pairing
from stylize.tasks.task import Input, Pair, Task

A_STYLE = 1000


class SimulatedWork:
    """Takes `image_s` for each image, one after the other as a device does; rows at once for 0.

    Deadlines are absolute, so that a sleep that is too long does not delay the images behind it. Time in which a
    worker has nothing to do is lost, as a device's is.
    """

    def __init__(self, image_s: float, worker_id: str) -> None:
        self._image_s, self._worker_id = image_s, worker_id
        self._free_at = 0.0
        self._wall = time.time() - time.perf_counter()

    def submit(self, tasks: list[Task]) -> Callable[[], pa.RecordBatch]:
        """Return a row per task, with the columns any task has, and times where time is taken."""
        if not self._image_s:
            return lambda: to_batch([null_row(task) for task in tasks])
        start = max(self._free_at, time.perf_counter())
        self._free_at = start + len(tasks) * self._image_s
        return lambda: self._rows(tasks, start)

    def _rows(self, tasks: list[Task], start: float) -> pa.RecordBatch:
        rows = []
        for number, task in enumerate(tasks):
            begin = start + number * self._image_s
            time.sleep(max(0.0, begin + self._image_s - time.perf_counter()))
            times = {
                "started_at": datetime.fromtimestamp(self._wall + begin, UTC),
                "stylize_s": time.perf_counter() - begin,
                "worker_id": self._worker_id,
            }
            rows.append(null_row(task) | times)
        return to_batch(rows)


@dataclass(frozen=True)
class MakeSimulated:
    """What an actor is sent."""

    image_s: float = 0.0

    def __call__(self, worker_id: str) -> SimulatedWork:
        """Return what an actor runs."""
        return SimulatedWork(self.image_s, worker_id)


def null_row(task: Task) -> Row:
    """Return the row of a task that was not looked at."""
    pair = task.pair
    return {
        "run_id": "simulated",
        "task_id": task.task_id,
        "attempt": task.attempt,
        "content_uri": pair.content.uri,
        "style_uri": pair.style.uri,
        "stylizer": "null",
        "status": "ok",
    }


def lost(task: Task, status: str, error: str, where: Row) -> pa.RecordBatch:
    """A simulated worker is never lost, so one that is ends the measurement."""
    raise RuntimeError(f"a worker was lost: {status}: {error}")


def null_pairs(count: int) -> Iterator[Pair]:
    """Yield `count` pairs of names that stand for no files, a thousand a style."""
    for number in range(count):
        yield Pair(
            Input(f"/photos/{number % A_STYLE:04d}.jpg", "1:1", "photos"),
            Input(f"/styles/{number // A_STYLE:04d}.jpg", "1:1", "styles"),
        )


def null_tasks(stream: Iterator[Pair]) -> Iterator[Task]:
    """Yield tasks with the keys that a real job's have to be given."""
    return pairing.tasks(stream, {}, hashlib.sha256().hexdigest(), "jpg")


def load_workers(scheduler: Scheduler, workers: int) -> None:
    """Do tasks, whose rows do not count, until so many workers are loaded."""

    def until_loaded() -> Iterator[Task]:
        for task in null_tasks(null_pairs(10**9)):
            if scheduler.workers >= workers:
                return
            yield task

    for _ in scheduler.results(until_loaded()):
        pass


def run_tasks(scheduler: Scheduler, store: RowStore, tasks: Iterator[Task], count: int) -> None:
    """Put the rows of `count` tasks on disk, as a job does. Raises RuntimeError if there are fewer, or some not ok."""
    stats = RunStats(count)
    Driver(store, Reporter(stats, "off")).run(scheduler, tasks)
    store.flush()
    if stats.counts != {"ok": count}:
        raise RuntimeError(f"{stats.counts} for {count} tasks")
