"""What the fan-out keeps of its workers and their tasks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.exceptions import RayTaskError

from jobs.scheduler.worker import WorkerLocation
from stylize.errors import named_message
from stylize.results.schema import Row
from stylize.tasks.task import Task


@dataclass(slots=True)
class Batch:
    """Tasks of one call, and what will be their rows."""

    tasks: list[Task]
    ref: Any


@dataclass(slots=True)
class WorkerState:
    """A worker's place and what it holds, oldest first."""

    number: int
    actor: Any
    starting: Any
    held: deque[Batch] = field(default_factory=deque)
    ready: bool = False
    solo: bool = False
    since: float = 0.0
    sent: int = 0
    seconds_a_task: float = 0.0
    place: WorkerLocation | None = None
    """Where it runs, once that is known."""
    useless: bool = False
    """Its node cannot do this work. It stays there, unused, so that no other worker is put there."""
    silent_since: float | None = None
    """When it stopped answering, though nobody knows yet that it is dead."""
    ping: Any = None
    placed_at: float | None = None
    """When it was first seen to have a place on some node, while it loads."""

    @property
    def node_id(self) -> str | None:
        """Ray's id of its node, once that is known."""
        return None if self.place is None else self.place.node_id

    @property
    def name(self) -> str:
        """The column `worker_id`."""
        return f"worker-{self.number}"

    @property
    def where(self) -> Row:
        """The columns that say which worker this is and where it runs."""
        place = self.place
        return {"worker_id": self.name} | ({} if place is None else {"node": place.node, "gpu_ids": place.gpu_ids_text})

    @property
    def at_work(self) -> bool:
        """Whether its calls are worth waiting for."""
        return bool(self.held) and self.silent_since is None


class Source:
    """The stream of tasks, with a look at whether it has ended."""

    def __init__(self, tasks: Iterator[Task]) -> None:
        self._tasks = tasks
        self.empty = False

    def take(self, count: int) -> list[Task]:
        """Up to `count` tasks."""
        taken: list[Task] = []
        while len(taken) < count and not self.empty:
            task = next(self._tasks, None)
            if task is None:
                self.empty = True
            else:
                taken.append(task)
        return taken


def next_attempt(task: Task) -> Task:
    """The same task, tried once more."""
    return replace(task, attempt=task.attempt + 1)


def is_done(ref: Any) -> bool:
    """Whether a call has ended, well or not."""
    return bool(ray.wait([ref], timeout=0, fetch_local=False)[0])


def reason_of(error: BaseException) -> str:
    """Ray's many lines in one that says why."""
    if isinstance(error, RayTaskError):
        cause = getattr(error, "cause", error)
        return named_message(cause)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if any(w in line for w in ("exit", "killed", "memory", "died", "signal"))]
    line = (telling or lines or [type(error).__name__])[-1].split(". Some common causes")[0]
    return " ".join(line.split())[:300]
