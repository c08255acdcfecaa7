"""Workers that stop answering: whether a node is lost, or only a process, or nothing at all.

A killed process is known to be dead at once, a lost machine or link only when Ray gives the node up, after some ten to
sixty seconds. Until then its tasks wait: a task that ends its worker is blamed, and a machine's end is not its fault.

`observe` asks, `judge` decides, `announce` says it; what becomes of the tasks is in `task_queue`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError, ObjectLostError, RayError

from jobs.scheduler.worker_state import ProbeResult, WorkerPhase, WorkerState

ASK_EVERY_S = 1.0
SILENT_S = 120.0
"""When a worker that does not answer is given up although Ray holds its node to be alive."""


class Verdict(Enum):
    """What is known of a worker that failed to answer; the value is what the user is told."""

    UNKNOWN = "does not answer"
    PROCESS_DIED = "died"
    TOLD_TO_END = "was told to end; its tasks go to other workers"
    NODE_LOST = "is lost with its node; its tasks go to other workers"
    ANSWERS_AGAIN = "answers again; its tasks are done again elsewhere"
    GIVEN_UP = f"has not answered for {SILENT_S:.0f} s; its tasks go to other workers"


def judge(node_alive: bool, probe: ProbeResult, silent_s: float) -> Verdict:
    """Return what is known of a worker. node_alive: as Ray has it. silent_s: for how long it has not answered."""
    if not node_alive:
        return Verdict.NODE_LOST
    if probe.answered:
        # It is back, but which of its calls came through nobody knows.
        return Verdict.ANSWERS_AGAIN
    error = probe.error
    if error is not None and not is_out_of_reach(error):
        # SIGTERM: a machine shuts down, perhaps, and has not yet said so.
        return Verdict.TOLD_TO_END if "process receives a SIGTERM" in str(error) else Verdict.PROCESS_DIED
    return Verdict.GIVEN_UP if silent_s > SILENT_S else Verdict.UNKNOWN


def is_out_of_reach(error: RayError) -> bool:
    """Return whether an error means that nothing is known of the process, or that its node died."""
    if isinstance(error, ActorUnavailableError | GetTimeoutError | ObjectLostError):
        return True
    return isinstance(error, ActorDiedError) and (error.preempted or "its node has died" in str(error))


class NodeFailureDetector:
    """Observes workers that failed to answer. `notify` gets a line about each that is given up with its node."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        self._notify = notify
        self._announced: set[str] = set()
        self._alive: set[str] = set()
        self._asked_at = float("-inf")

    def observe(self, worker: WorkerState, error: RayError | None = None) -> tuple[Verdict, RayError | None]:
        """Return what is known of a worker now, and the error that says so.

        error: what a call of it has just ended with, instead of a probe.
        """
        probe = worker.probe() if error is None else ProbeResult(error=error)
        silent_s = worker.phase_s if worker.phase is WorkerPhase.UNREACHABLE else 0.0
        return judge(self._is_alive(worker.node_id), probe, silent_s), probe.error

    def announce(self, worker: WorkerState, verdict: Verdict) -> None:
        """Say what became of a worker; that a node is lost is said once per node."""
        location = worker.location
        assert location is not None
        if verdict is Verdict.NODE_LOST:
            if location.node_id in self._announced:
                return
            self._announced.add(location.node_id)
        self._notify(f"{worker.name} on {location.node} {verdict.value}")

    def _is_alive(self, node_id: str | None) -> bool:
        if time.monotonic() - self._asked_at > ASK_EVERY_S:
            self._alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
            self._asked_at = time.monotonic()
        return node_id is None or node_id in self._alive
