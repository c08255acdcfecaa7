"""What the driver knows of one worker: the phase it is in, where it runs, and the batches it holds.

A worker goes from phase to phase by `transition` alone, as _NEXT_PHASES has it.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from jobs.scheduler.worker import WorkerLocation
from stylize.errors import named_message
from stylize.results.schema import Row
from stylize.tasks.task import Task

GET_S = 30.0
"""How long to wait for the answer of a call that has ended: it is small, but its node may be out of reach by now."""
UNHEARD_S = 60.0
"""How long one that is late and does not answer is waited for: Ray notices the loss of a machine by then."""


class WorkerPhase(Enum):
    """Where a worker stands."""

    STARTING = "waits for a node with room"
    LOADING = "loads the stylizer"
    IDLE = "is loaded and holds nothing"
    BUSY = "holds batches"
    RETRYING_ALONE = "holds one suspicious task, and its node does nothing else"
    UNREACHABLE = "does not answer, and may be dead or not"
    UNFIT = "is on a node that cannot do this work, and stays there so that no other worker is put there"
    ENDED = "was ended"


_LOADED = {WorkerPhase.IDLE, WorkerPhase.BUSY, WorkerPhase.RETRYING_ALONE, WorkerPhase.UNREACHABLE}
_NEXT_PHASES = {
    WorkerPhase.STARTING: {WorkerPhase.LOADING, WorkerPhase.IDLE, WorkerPhase.UNFIT},
    WorkerPhase.LOADING: {WorkerPhase.IDLE, WorkerPhase.UNFIT},
    WorkerPhase.IDLE: {WorkerPhase.BUSY, WorkerPhase.RETRYING_ALONE},
    WorkerPhase.BUSY: {WorkerPhase.BUSY, WorkerPhase.IDLE, WorkerPhase.UNREACHABLE},
    WorkerPhase.RETRYING_ALONE: {WorkerPhase.IDLE, WorkerPhase.UNREACHABLE},
    WorkerPhase.UNREACHABLE: set(),
    WorkerPhase.UNFIT: set(),
}
"""What may follow each phase, besides ENDED, which nothing follows. A batch more leaves a worker BUSY."""


@dataclass(slots=True)
class Batch:
    """The tasks of one call. alone: it is one suspicious task, which has its node to itself. loads: it is the first of
    a sweep's block, whose method is loaded in the same call.
    """

    tasks: list[Task]
    call: Any
    alone: bool = False
    loads: bool = False


@dataclass(frozen=True)
class ProbeResult:
    """What came of asking a worker for a sign of life: an answer, an error, or neither yet.

    loading_s: what it answered, as `Worker.ping` says.
    """

    answered: bool = False
    loading_s: float = 0.0
    error: RayError | None = None


@dataclass(slots=True)
class WorkerState:
    """One worker: `number` counts from 1, `actor` is Ray's handle, `start_call` its call that loads the stylizer."""

    number: int
    actor: Any
    start_call: Any
    location: WorkerLocation | None = None
    """Where it runs, once that is known."""
    batches: deque[Batch] = field(default_factory=deque)
    """What it was given and has not returned, oldest first."""
    front_since: float = 0.0
    """When its oldest batch became the oldest; `time.monotonic`, as all times here."""
    answered_at: float = float("-inf")
    """When it last showed that it is alive."""
    seconds_per_task: float | None = None
    """Its pace, of which later batches tell more than earlier ones; None before the first."""
    _phase: WorkerPhase = field(default=WorkerPhase.STARTING, init=False)
    _phase_since: float = field(default_factory=time.monotonic, init=False)
    _ping: Any = field(default=None, init=False)
    _batches_sent: int = field(default=0, init=False)
    _block: tuple[str | None, int | None] = field(default=(None, None), init=False)
    """Variant and repeat of what it was given last."""

    @property
    def phase(self) -> WorkerPhase:
        return self._phase

    @property
    def phase_s(self) -> float:
        return time.monotonic() - self._phase_since

    def transition(self, to: WorkerPhase) -> None:
        """Go on to another phase. Raises ValueError if that may not follow the present one."""
        ends = to is WorkerPhase.ENDED and self._phase is not WorkerPhase.ENDED
        if not ends and to not in _NEXT_PHASES.get(self._phase, ()):
            raise ValueError(f"{self.name} is {self._phase.name} and cannot become {to.name}")
        self._phase, self._phase_since, self._ping = to, time.monotonic(), None

    def send(self, tasks: list[Task], alone: bool = False) -> None:
        """Give it a batch. alone: the batch is one suspicious task."""
        self.transition(WorkerPhase.RETRYING_ALONE if alone else WorkerPhase.BUSY)
        if not self.batches:
            self.front_since = time.monotonic()
        block = tasks[0].variant, tasks[0].repeat
        self.batches.append(Batch(tasks, self.actor.run.remote(self._batches_sent, tasks), alone, block != self._block))
        self._batches_sent += 1
        self._block = block

    def is_late(self, timeout_s: float, load_s: float) -> bool:
        """Return whether its oldest batch takes longer than `timeout_s`, beside at most `load_s` of loading for it.

        What is done was only not looked at: the driver may have been busy with another worker's end. One that does not
        answer may be lost with its machine, which is no task's fault.
        """
        spent = time.monotonic() - self.front_since
        holds = self._phase in (WorkerPhase.BUSY, WorkerPhase.RETRYING_ALONE)
        if not holds or spent <= timeout_s or is_done(self.batches[0].call):
            return False
        probe, most_s = self.probe(), load_s if self.batches[0].loads else 0.0
        if not probe.answered:
            return spent > timeout_s + most_s + UNHEARD_S
        return spent > timeout_s + min(probe.loading_s, most_s)

    def finish_front(self) -> None:
        """Let go of the oldest batch, which has come back, and note the worker's pace."""
        now, batch = time.monotonic(), self.batches.popleft()
        spent = (now - self.front_since) / len(batch.tasks)
        self.seconds_per_task = spent if self.seconds_per_task is None else 0.7 * self.seconds_per_task + 0.3 * spent
        self.front_since = self.answered_at = now
        if not self.batches:
            self.transition(WorkerPhase.IDLE)

    def end(self) -> None:
        """Kill it, whatever it does. Its batches stay here, to be looked through."""
        if self._phase is not WorkerPhase.ENDED:
            self.transition(WorkerPhase.ENDED)
            ray.kill(self.actor)

    def probe(self) -> ProbeResult:
        """Ask the process for a sign of life, or look for the answer to the last such question; never waits for it."""
        if self._ping is None:
            self._ping = self.actor.ping.remote()
        if not is_done(self._ping):
            return ProbeResult()
        ping, self._ping = self._ping, None
        try:
            loading_s = ray.get(ping, timeout=GET_S)
        except RayError as error:
            return ProbeResult(error=error)
        self.answered_at = time.monotonic()
        return ProbeResult(answered=True, loading_s=loading_s)

    def forget_answers(self) -> None:
        """Take it for alive no longer: something began on its node that may end it."""
        self.answered_at, self._ping = float("-inf"), None

    @property
    def awaited_call(self) -> Any:
        """Return the call whose end is worth waking up for, if any: of batches the oldest, which it is busy with."""
        if self._phase in (WorkerPhase.STARTING, WorkerPhase.LOADING):
            return self.start_call
        if self._phase in (WorkerPhase.BUSY, WorkerPhase.RETRYING_ALONE):
            return self.batches[0].call
        asked = self._phase is WorkerPhase.IDLE and self._ping is not None and not is_done(self._ping)
        return self._ping if asked else None

    @property
    def is_loaded(self) -> bool:
        """Return whether it has loaded its stylizer and was not ended since."""
        return self._phase in _LOADED

    @property
    def holds_suspicious(self) -> bool:
        """Return whether it holds a suspicious task, also while it does not answer."""
        return any(batch.alone for batch in self.batches)

    @property
    def node_id(self) -> str | None:
        """Return Ray's id of its node, once that is known."""
        return None if self.location is None else self.location.node_id

    @property
    def name(self) -> str:
        """Return what the column `worker_id` holds."""
        return f"worker-{self.number}"

    @property
    def columns(self) -> Row:
        """Return the columns of a row that say which worker this is and where it runs."""
        row: Row = {"worker_id": self.name}
        if self.location is not None:
            row |= {"node": self.location.node, "gpu_ids": self.location.gpu_ids_text}
        return row


def is_done(call: Any) -> bool:
    """Return whether a call has ended, well or not."""
    return bool(ray.wait([call], timeout=0, fetch_local=False)[0])


def reason_of(error: BaseException) -> str:
    """Return the one of Ray's many lines that says why a call failed."""
    if isinstance(error, RayTaskError):
        return named_message(getattr(error, "cause", error))
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if any(w in line for w in ("exit", "killed", "memory", "died", "signal"))]
    line = (telling or lines or [type(error).__name__])[-1].split(". Some common causes")[0]
    return " ".join(line.split())[:300]
