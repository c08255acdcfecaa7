"""Runners for the scheduler's tests: what a task does is written in its content's URI, `number:action`."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from jobs.scheduler.worker import UnfitNodeError
from stylize.errors import DeviceLostError, UsageError
from stylize.results.schema import Row, to_batch
from stylize.tasks.task import Input, Pair, Task

STYLE = Input("style", "1:1", None)


def task(number: int, action: str = "ok") -> Task:
    """A task that does `action`: ok, exit, hang, raise, sleep, wait for a file, or one of those with a folder below.

    beside FOLDER: leaves a file there for as long as it runs. alone FOLDER: ends its worker unless it is the only one.
    sign FOLDER: leaves a file named after its process. lose: the worker has lost its GPU from here on. lose FILE: the
    first time only, when the file is not there yet.
    """
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
        self.lost_its_device = False

    def submit(self, tasks: list[Task]) -> Callable[[], pa.RecordBatch]:
        """One `ok` row for each task that comes through."""
        return lambda: self._run(tasks)

    def _run(self, tasks: list[Task]) -> pa.RecordBatch:
        for task in tasks:
            self._do(task.pair.content.uri.partition(":")[2])
        return to_batch([row(task, "ok", worker=self.worker_id) for task in tasks])

    def _do(self, action: str) -> None:
        word, _, value = action.partition(" ")
        if word == "lose" and not (value and Path(value).exists()):
            if value:
                Path(value).touch()
            self.lost_its_device = True
        if self.lost_its_device:
            raise DeviceLostError("AcceleratorError: CUDA error: an illegal memory access was encountered")
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
        elif word == "beside":
            with tempfile.NamedTemporaryFile(dir=value, prefix=f"{os.getpid()}-"):
                time.sleep(0.3)
        elif word == "alone":
            for _ in range(20):
                # Those that died with their worker left their files.
                if any(Path("/proc", mark.name.partition("-")[0]).exists() for mark in Path(value).iterdir()):
                    os._exit(1)
                time.sleep(0.02)
        elif word == "sign":
            Path(value, str(os.getpid())).touch()


def refuse(worker_id: str) -> Scripted:
    """A stylizer that does not load because the call is wrong."""
    raise UsageError("no such setting; known: alpha")


def exit_on_load(worker_id: str) -> Scripted:
    """A stylizer whose loading ends the process."""
    os._exit(1)


def raise_on_load(worker_id: str) -> Scripted:
    """A stylizer that this machine cannot load."""
    raise RuntimeError("no kernel image\nis available")


def only_the_first_loads(worker_id: str) -> Scripted:
    """All workers but the first are on a machine with a broken driver."""
    return Scripted(worker_id) if worker_id == "worker-1" else raise_on_load(worker_id)


def the_first_hangs(worker_id: str) -> Scripted:
    """The first worker never has its weights."""
    time.sleep(600 if worker_id == "worker-1" else 0)
    return Scripted(worker_id)


@dataclass(frozen=True)
class Unfit:
    """Refuses to work on the node whose id is in `file`."""

    file: str

    def __call__(self, worker_id: str) -> Scripted:
        """Scripted, elsewhere."""
        import ray

        if ray.get_runtime_context().get_node_id() in Path(self.file).read_text():
            raise UnfitNodeError("this node does not see CONTENT's photo.jpg")
        return Scripted(worker_id)


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
