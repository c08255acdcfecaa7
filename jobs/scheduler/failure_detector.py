"""Workers that stop answering: whether a node is lost, or only a process, or nothing at all.

A killed process is known to be dead at once, a lost machine or link only when Ray gives the node up, after some ten to
sixty seconds. Until then its tasks wait: a task that ends its worker is blamed, and a machine's end is not its fault.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError, ObjectLostError, RayError

from jobs.scheduler.worker_state import WorkerState
from stylize.tasks.task import Task

ASK_EVERY_S = 1.0
SILENT_S = 120.0
"""When a worker that does not answer is given up although Ray takes its node for alive."""


class NodeFailureDetector:
    """Which workers fell silent, and how often each task's node was lost."""

    MOST = 5
    """Times that a task's node may be lost before the task itself is a suspect."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        self._notify = notify
        self._times: Counter[str] = Counter()
        self._told: set[str] = set()
        self._alive: set[str] = set()
        self._asked_at = -ASK_EVERY_S

    def fell_silent(self, seat: WorkerState) -> None:
        """It could not be reached: from now on `verdict` finds out why."""
        if seat.silent_since is None:
            seat.silent_since, seat.ping = time.monotonic(), None

    def verdict(self, seat: WorkerState) -> bool | RayError:
        """Whether a silent worker is lost with its node; the error if only its process died."""
        assert seat.silent_since is not None
        if self.node_is_gone(seat):
            return True
        if seat.ping is None:
            seat.ping = seat.actor.ping.remote()
        elif ray.wait([seat.ping], timeout=0)[0]:
            ping, seat.ping = seat.ping, None
            try:
                ray.get(ping)
            except RayError as error:
                if not is_out_of_reach(error):
                    return error
            else:
                # It is back, but which of its calls came through nobody knows.
                self._tell(seat, "answers again; its tasks are done again elsewhere", once=False)
                return True
        if time.monotonic() - seat.silent_since > SILENT_S:
            self._tell(seat, f"has not answered for {SILENT_S:.0f} s; its tasks go to other workers", once=False)
            return True
        return False

    def node_is_gone(self, seat: WorkerState) -> bool:
        """Whether Ray has given up a worker's node; said once a node."""
        if seat.place is None:
            return False
        if time.monotonic() - self._asked_at > ASK_EVERY_S:
            self._alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
            self._asked_at = time.monotonic()
        if seat.node_id in self._alive:
            return False
        self._tell(seat, "is lost with its node; its tasks go to other workers")
        return True

    def was_told_to_end(self, seat: WorkerState, error: RayError) -> bool:
        """Whether a worker was sent SIGTERM: by a machine that shuts down and has not yet said so, perhaps."""
        if "process receives a SIGTERM" not in str(error):
            return False
        self._notify(f"{seat.name} was told to end; its tasks go to other workers")
        return True

    def is_too_often(self, task: Task) -> bool:
        """Count one more loss of a task's node; whether that can no longer be chance."""
        self._times[task.task_id] += 1
        return self._times[task.task_id] >= self.MOST

    def times(self, task: Task) -> int:
        """How many of a task's attempts ended with its node."""
        return self._times[task.task_id]

    def _tell(self, seat: WorkerState, what: str, once: bool = True) -> None:
        assert seat.place is not None
        if once and seat.place.node_id in self._told:
            return
        self._told.add(seat.place.node_id)
        self._notify(f"{seat.name} on {seat.place.node} {what}")


def is_out_of_reach(error: Any) -> bool:
    """Whether an error means that nothing is known of the process, or that its node died."""
    if isinstance(error, ActorUnavailableError | GetTimeoutError | ObjectLostError):
        return True
    return isinstance(error, ActorDiedError) and (error.preempted or "its node has died" in str(error))
