"""Work for the fan-out's tests: what a task does is written in its content's URI, `number:action`."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from stylize.errors import UsageError
from stylize.inputs import Input, Pair
from stylize.pairs import Task
from stylize.results.schema import Row, to_batch

STYLE = Input("style", "1:1", None)


def task(number: int, action: str = "ok") -> Task:
    """A task that does `action`: ok, exit, hang, raise, or wait until a file is there."""
    uri = f"{number}:{action}"
    return Task(hashlib.sha256(uri.encode()).hexdigest(), Pair(Input(uri, "1:1", None), STYLE), f"{number}.jpg")


def tasks(actions: Iterable[str]) -> Iterator[Task]:
    """Tasks numbered from 0."""
    return (task(number, action) for number, action in enumerate(actions))


def row(task: Task, status: str, error: str | None = None, worker: str | None = None) -> Row:
    """As much of a row as the tests look at."""
    return {
        "task_id": task.task_id,
        "attempt": task.attempt,
        "content_uri": task.pair.content.uri,
        "status": status,
        "error": error,
        "worker_id": worker,
        "started_at": datetime.now(UTC),
    }


def lost(task: Task, status: str, error: str, where: Row) -> pa.RecordBatch:
    """The row of a task whose worker cannot speak for it."""
    return to_batch([row(task, status, error) | where])


class Scripted:
    """Does what the tasks say."""

    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id

    def submit(self, tasks: list[Task]) -> Callable[[], pa.RecordBatch]:
        """One `ok` row for each task that comes through."""
        return lambda: self._run(tasks)

    def _run(self, tasks: list[Task]) -> pa.RecordBatch:
        for task in tasks:
            self._do(task.pair.content.uri.partition(":")[2])
        return to_batch([row(task, "ok", worker=self.worker_id) for task in tasks])

    def _do(self, action: str) -> None:
        word, _, value = action.partition(" ")
        if word == "exit":
            os._exit(1)
        elif word == "hang":
            time.sleep(600)
        elif word == "raise":
            raise RuntimeError("a fault\nof the work")
        elif word == "sleep":
            time.sleep(float(value))
        elif word == "wait":
            while not Path(value).exists():
                time.sleep(0.01)


def refuse(worker_id: str) -> Scripted:
    """A stylizer that does not load because the call is wrong."""
    raise UsageError("no such setting; known: alpha")


def exit_on_load(worker_id: str) -> Scripted:
    """A stylizer whose loading ends the process."""
    os._exit(1)


@dataclass(frozen=True)
class ExitOnFirstLoads:
    """Ends its process until `times` marks are there, then loads."""

    marks: str
    times: int

    def __call__(self, worker_id: str) -> Scripted:
        """Scripted, at last."""
        folder = Path(self.marks)
        if len(list(folder.iterdir())) < self.times:
            (folder / worker_id).touch()
            os._exit(1)
        return Scripted(worker_id)
