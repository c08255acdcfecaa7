from __future__ import annotations

from typing import Any

import pytest
import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError, RayError, WorkerCrashedError

from jobs.scheduler.failure_detector import SILENT_S, NodeFailureDetector, Verdict, judge
from jobs.scheduler.worker import WorkerLocation
from jobs.scheduler.worker_state import ProbeResult, WorkerPhase, WorkerState


class DiedError(ActorDiedError):
    """As Ray says it."""

    def __init__(self, text: str, preempted: bool = False) -> None:
        super().__init__()
        self._text, self._preempted = text, preempted

    def __str__(self) -> str:
        return self._text

    @property
    def preempted(self) -> bool:
        """Return whether its machine was taken back."""
        return self._preempted


DIED = DiedError("The actor died unexpectedly: worker exit type SYSTEM_ERROR")
UNAVAILABLE = ActorUnavailableError("not there", None)


@pytest.mark.parametrize(
    ("node_alive", "probe", "silent_s", "verdict"),
    [
        (True, ProbeResult(), 0, Verdict.UNKNOWN),
        (True, ProbeResult(), SILENT_S, Verdict.UNKNOWN),
        (True, ProbeResult(), SILENT_S + 1, Verdict.GIVEN_UP),
        (True, ProbeResult(answered=True), 5, Verdict.ANSWERS_AGAIN),
        (True, ProbeResult(answered=True), SILENT_S + 1, Verdict.ANSWERS_AGAIN),
        (True, ProbeResult(error=UNAVAILABLE), 5, Verdict.UNKNOWN),
        (True, ProbeResult(error=GetTimeoutError()), 5, Verdict.UNKNOWN),
        (True, ProbeResult(error=UNAVAILABLE), SILENT_S + 1, Verdict.GIVEN_UP),
        (True, ProbeResult(error=DiedError("its node has died")), 5, Verdict.UNKNOWN),
        (True, ProbeResult(error=DiedError("gone", preempted=True)), 5, Verdict.UNKNOWN),
        (True, ProbeResult(error=DIED), 0, Verdict.PROCESS_DIED),
        (True, ProbeResult(error=WorkerCrashedError()), 0, Verdict.PROCESS_DIED),
        (True, ProbeResult(error=DiedError("the process receives a SIGTERM")), 0, Verdict.TOLD_TO_END),
        (False, ProbeResult(), 0, Verdict.NODE_LOST),
        (False, ProbeResult(answered=True), 0, Verdict.NODE_LOST),
        (False, ProbeResult(error=DIED), 0, Verdict.NODE_LOST),
        (False, ProbeResult(error=DiedError("the process receives a SIGTERM")), 0, Verdict.NODE_LOST),
    ],
)
def test_what_was_seen_of_a_silent_worker_has_one_meaning(
    node_alive: bool, probe: ProbeResult, silent_s: float, verdict: Verdict
) -> None:
    assert judge(node_alive, probe, silent_s) is verdict


def worker(number: int, node_id: str = "n1") -> WorkerState:
    """A busy worker on a node of the same name."""
    made = WorkerState(number, None, None, WorkerLocation(node_id, f"host-{node_id}"))
    made.transition(WorkerPhase.IDLE)
    made.transition(WorkerPhase.BUSY)
    return made


def test_a_lost_node_is_announced_once_and_other_verdicts_for_each_worker() -> None:
    said: list[str] = []
    detector = NodeFailureDetector(said.append)
    for number, node_id, verdict in [
        (1, "n1", Verdict.NODE_LOST),
        (2, "n1", Verdict.NODE_LOST),
        (3, "n2", Verdict.NODE_LOST),
        (4, "n3", Verdict.ANSWERS_AGAIN),
        (5, "n3", Verdict.ANSWERS_AGAIN),
        (6, "n3", Verdict.NODE_LOST),
    ]:
        detector.announce(worker(number, node_id), verdict)
    assert said == [
        "worker-1 on host-n1 is lost with its node; its tasks go to other workers",
        "worker-3 on host-n2 is lost with its node; its tasks go to other workers",
        "worker-4 on host-n3 answers again; its tasks are done again elsewhere",
        "worker-5 on host-n3 answers again; its tasks are done again elsewhere",
        "worker-6 on host-n3 is lost with its node; its tasks go to other workers",
    ]


@pytest.mark.parametrize(
    ("error", "node_alive", "verdict"), [(UNAVAILABLE, True, Verdict.UNKNOWN), (DIED, False, Verdict.NODE_LOST)]
)
def test_an_error_is_observed_with_what_ray_says_of_the_node(
    error: RayError, node_alive: bool, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes: list[dict[str, Any]] = [{"NodeID": "n1", "Alive": node_alive}, {"NodeID": "n2", "Alive": True}]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    assert NodeFailureDetector(print).observe(worker(1), error) == (verdict, error)
