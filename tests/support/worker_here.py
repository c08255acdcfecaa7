"""A job's worker in the test's own process, and no Ray: for what a job keeps and says, whoever does its work.

A worker of Ray's takes 3 to 4 s of a core to start, or is forked in a fraction of that (`forked_workers`); this one
takes nothing, and needs no Ray to be up. The actor's code is the same. In `tests/jobs` test_stylize_folder.py,
test_benchmark.py, test_score.py and progress/test_faulty_run.py see to it that jobs, sweeps and scoring work on Ray,
and scheduler/ to what becomes of workers that die or hang.

`python -m tests.support.worker_here jobs.benchmark SWEEP OUT` runs a command so in a process of its own.
"""

from __future__ import annotations

import contextlib
import logging
import runpy
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
import ray
import torch
from ray import cloudpickle

from jobs.progress import log_format
from jobs.scheduler.worker import BatchRunner, Worker, WorkerLocation, unpack
from stylize.errors import StylizeError
from stylize.tasks.task import Task


class WorkerHere:
    """Stands in a Scheduler's place. Settings and tasks go through pickle, rows as bytes, as to and from an actor."""

    def __init__(self, make_runner: Callable[[str], BatchRunner], *_: object, **more: object) -> None:
        self._worker = Worker(_sent(make_runner), "worker-1")
        self.locations: dict[str, WorkerLocation] = {}
        self.workers = self.queued = self._given = 0

    def __enter__(self) -> WorkerHere:
        return self

    def __exit__(self, *_: object) -> None:
        self.workers = 0

    def results(self, tasks: Iterator[Task]) -> Iterator[pa.RecordBatch | None]:
        """Yield the row of one task after the other, and None before each."""
        for task in tasks:
            if not self.workers:
                self._load()
            yield None
            self.queued = 1
            packed = self._worker.run(self._given, [_sent(task)])
            self._given += 1
            self.queued = 0
            if isinstance(packed, StylizeError):
                raise packed
            yield unpack(packed)

    def _load(self) -> None:
        self.locations["worker-1"], problem = self._worker.start()
        if problem is not None:
            raise problem
        self.workers = 1

    def drain(self) -> Iterator[pa.RecordBatch]:
        """Nothing is ready that was not yielded."""
        return iter(())


class NoMetrics:
    """Where no Ray is up to hand them on."""

    due = False

    def __init__(self, *_: object) -> None:
        pass

    def observe(self, times: object) -> None:
        """Keep nothing."""

    def record(self, numbers: object) -> None:
        """Tell nobody."""


def _sent(what: Any) -> Any:
    """As it arrives in another process."""
    return cloudpickle.loads(cloudpickle.dumps(what))


@contextlib.contextmanager
def working_here() -> Iterator[None]:
    """Let jobs and sweeps that this process runs do their work so."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.run.context.Scheduler", WorkerHere)
        for module in ("jobs.run.restyle", "jobs.sweep.measure"):
            patch.setattr(f"{module}.local_or_cluster", lambda *_, **more: contextlib.nullcontext(False))
        patch.setattr("jobs.run.placement.joins_cluster", lambda address: False)  # whatever other tests have started
        if not ray.is_initialized():  # else what the driver tells Prometheus goes there
            patch.setattr("jobs.run.restyle.Metrics", NoMetrics)
        patch.setattr(log_format, "logs_folder", lambda: None)
        # Ray keeps a worker's lines in a file, and the driver's process prints none of them.
        patch.setattr("jobs.scheduler.worker.log_format", SimpleNamespace(configure=lambda worker: None))
        patch.setattr(logging.getLogger("stylize.pipeline.failures"), "disabled", True)
        yield
    torch.set_num_threads(threads)


if __name__ == "__main__":
    del sys.argv[0]
    with working_here():
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
