"""The driver's loop: a lazy stream of tasks in, Arrow batches of rows out, one row a task.

The actors are managed by hand on Ray Core because the driver must know which task each one holds: to time it out,
to blame the right image when a worker dies, to try a batch again one by one.

- Each seat (a worker's place) has a bounded window of batches in flight; a batch holds about BATCH_S of work.
- A worker that dies is replaced. All it held become suspects, tried one by one, each alone in a worker; one that
  kills its worker again, more than `retries` times, is a `crashed` row (`oom` where the system killed it for memory).
- A worker that returns nothing for `timeout_s` is killed. A single task in front is a `timeout` row; a batch
  in front becomes suspects, and what waited behind it goes back into the queue.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import ray
from ray.exceptions import GetTimeoutError, OutOfMemoryError, RayError, RayTaskError

from jobs.cluster import totals
from jobs.worker import Work, Worker, unpack
from stylize.errors import CannotContinueError, StylizeError
from stylize.pairs import Task

log = logging.getLogger(__name__)

WINDOW = 3
"""Batches in flight a worker: one being finished, one on the device, one being read."""
BATCH_S = 0.25
MAX_BATCH = 256
POLL_S = 0.25
FIT_EVERY_S = 5.0
MAX_FAILED_STARTS = 3


@dataclass(frozen=True)
class Options:
    """How many workers, what each takes, and when to give up on a task."""

    actors: int | None = None
    """None fills the cluster, and goes on filling it as it grows."""
    cpus: float = 1
    gpus: float = 0
    timeout_s: float = 600
    retries: int = 1
    window: int = WINDOW
    max_batch: int = MAX_BATCH
    """Tasks a call at most."""
    env: dict[str, str] = field(default_factory=dict)
    """Environment variables of the workers."""


@dataclass(slots=True)
class _Batch:
    tasks: list[Task]
    ref: Any


@dataclass(slots=True)
class _Seat:
    """A worker's place and what it holds, oldest first."""

    number: int
    actor: Any
    starting: Any
    held: deque[_Batch] = field(default_factory=deque)
    ready: bool = False
    solo: bool = False
    since: float = 0.0
    sent: int = 0
    seconds_a_task: float = 0.0


class FanOut:
    """Tasks over Ray actors: `with FanOut(...) as fan: for batch in fan.results(tasks): ...`; Ray is up already.

    `make(worker_id)` builds a worker's work inside the actor. `lost(task, status, error)` makes the row of a task
    whose worker cannot. `notify` gets plain lines about workers that died, hung or are waited for.
    """

    def __init__(
        self,
        make: Callable[[str], Work],
        lost: Callable[[Task, str, str], pa.RecordBatch],
        options: Options,
        notify: Callable[[str], None] = log.warning,
    ) -> None:
        self.options = options
        self._make = ray.put(make)
        self._lost = lost
        self._notify = notify
        self._seats: list[_Seat] = []
        self._suspects: deque[Task] = deque()
        self._again: deque[Task] = deque()
        self._out: deque[pa.RecordBatch] = deque()
        self._problem: StylizeError | None = None
        self._numbers = 0
        self._failed_starts = 0
        self._fit_at = 0.0
        self._wait_notice_at = time.monotonic() + 30

    def results(self, tasks: Iterator[Task]) -> Iterator[pa.RecordBatch | None]:
        """Batches of rows as they come; None now and then, so that the caller can do its own chores.

        Raises what a worker said when it could not load or write (a StylizeError), or CannotContinueError when
        workers keep dying before they have loaded.
        """
        source = _Source(tasks)
        while True:
            self._fill_cluster()
            self._feed(source)
            if source.empty and not self._busy():
                return
            self._wait()
            self._expire()
            yield None
            while self._out:
                yield self._out.popleft()
            if self._problem is not None:
                raise self._problem

    def __enter__(self) -> FanOut:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers; between two calls of `results` they stay loaded."""
        for seat in self._seats:
            ray.kill(seat.actor)
        self._seats.clear()

    @property
    def workers(self) -> int:
        """How many workers are loaded."""
        return sum(seat.ready for seat in self._seats)

    @property
    def queued(self) -> int:
        """How many tasks workers hold: given to them and not back."""
        return sum(len(batch.tasks) for seat in self._seats for batch in seat.held)

    def _busy(self) -> bool:
        return bool(self._suspects or self._again or self._out or any(seat.held for seat in self._seats))

    def _fill_cluster(self) -> None:
        now = time.monotonic()
        if now < self._fit_at:
            return
        self._fit_at = now + FIT_EVERY_S
        wanted = self.options.actors if self.options.actors is not None else max(1, self._fitting())
        while len(self._seats) < wanted:
            self._seats.append(self._seat())
        if not self.workers and now > self._wait_notice_at:
            self._wait_notice_at = now + 60
            self._notify(
                f"waiting for {self.options.cpus:g} CPU and {self.options.gpus:g} GPU for a worker; "
                f"the cluster has {totals()}"
            )

    def _fitting(self) -> int:
        # Node by node: an actor cannot straddle two.
        count = 0
        for node in ray.nodes():
            if node["Alive"]:
                have = node["Resources"]
                fits = [have.get("CPU", 0) / self.options.cpus]
                if self.options.gpus:
                    fits.append(have.get("GPU", 0) / self.options.gpus)
                count += int(min(fits) + 1e-9)
        return count

    def _seat(self) -> _Seat:
        self._numbers += 1
        actor: Any = (
            ray.remote(Worker)
            .options(
                num_cpus=self.options.cpus,
                num_gpus=self.options.gpus,
                max_concurrency=self.options.window + 1,
                max_restarts=0,
                runtime_env={"env_vars": self.options.env} if self.options.env else None,
            )
            .remote(self._make, f"worker-{self._numbers}")
        )
        return _Seat(self._numbers, actor, actor.start.remote())

    def _feed(self, source: _Source) -> None:
        for seat in self._seats:
            if not seat.ready or seat.solo:
                continue
            if self._suspects:
                # Nothing new is given out until every suspect has had its turn, alone in a worker.
                if not seat.held:
                    self._send(seat, [self._suspects.popleft()], solo=True)
                continue
            while len(seat.held) < self.options.window:
                size = self._size(seat)
                batch = [self._again.popleft() for _ in range(min(size, len(self._again)))]
                batch += source.take(size - len(batch))
                if not batch:
                    break
                self._send(seat, batch)

    def _size(self, seat: _Seat) -> int:
        """Tasks in the next call: about BATCH_S of work, one while nothing is known of the worker's pace."""
        if not seat.seconds_a_task:
            return 1
        return min(self.options.max_batch, max(1, int(BATCH_S / seat.seconds_a_task)))

    def _send(self, seat: _Seat, tasks: list[Task], solo: bool = False) -> None:
        if not seat.held:
            seat.since = time.monotonic()
        seat.solo = solo
        seat.held.append(_Batch(tasks, seat.actor.run.remote(seat.sent, tasks)))
        seat.sent += 1

    def _wait(self) -> None:
        # Only the oldest call of each worker, so that what is left is what it is busy with.
        refs = {
            seat.starting if seat.starting is not None else seat.held[0].ref: seat
            for seat in self._seats
            if seat.starting is not None or seat.held
        }
        if not refs:
            time.sleep(POLL_S)
            return
        if not ray.wait(list(refs), num_returns=1, timeout=POLL_S, fetch_local=False)[0]:
            return
        ready, _ = ray.wait(list(refs), num_returns=len(refs), timeout=0, fetch_local=False)
        for seat in [refs[ref] for ref in ready]:
            if seat.starting is not None:
                self._started(seat)
            else:
                self._collect(seat)

    def _started(self, seat: _Seat) -> None:
        try:
            problem = ray.get(seat.starting)
        except RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise CannotContinueError(
                    f"{self._failed_starts} workers died while they loaded the stylizer: {_reason(error)}"
                ) from None
            self._replace(seat)
            return
        if problem is not None:
            self._problem = problem
        seat.starting, seat.ready = None, True

    def _collect(self, seat: _Seat) -> None:
        while seat.held and _is_done(seat.held[0].ref):
            batch = seat.held[0]
            try:
                self._take(batch, ray.get(batch.ref))
            except RayTaskError as error:
                # Not the worker's end but a fault in its own code: which task's is found one by one.
                if len(batch.tasks) == 1:
                    self._end(batch.tasks, "failed", _reason(error))
                else:
                    self._suspects.extend(map(_next_attempt, batch.tasks))
            except RayError as error:
                self._died(seat, error)
                return
            now = time.monotonic()
            spent = (now - seat.since) / len(batch.tasks)
            seat.seconds_a_task = spent if not seat.seconds_a_task else 0.7 * seat.seconds_a_task + 0.3 * spent
            seat.since, seat.solo = now, False
            self._failed_starts = 0
            seat.held.popleft()

    def _take(self, batch: _Batch, result: bytes | StylizeError) -> None:
        if isinstance(result, StylizeError):
            self._problem = result
        else:
            self._out.append(unpack(result))

    def _died(self, seat: _Seat, error: RayError) -> None:
        """The worker is gone: keep what it had returned, suspect what it held, put another in its place."""
        reason = _reason(error)
        # By its type: the text of any death names the OOM killer among the common causes.
        memory = isinstance(error, OutOfMemoryError)
        alone = seat.solo
        left = self._left(seat)
        held = sum(len(batch.tasks) for batch in left)
        self._notify(f"worker-{seat.number} died with {held} tasks in hand, trying them one by one: {reason}")
        for batch in left:
            for task in batch.tasks:
                if alone and task.attempt > self.options.retries:
                    self._end([task], "oom" if memory else "crashed", f"its worker died: {reason}")
                else:
                    self._suspects.append(_next_attempt(task))
        self._replace(seat)

    def _expire(self) -> None:
        now = time.monotonic()
        for seat in list(self._seats):
            # What is done was only not looked at: this loop may have been busy with another worker's end.
            if seat.held and now - seat.since > self.options.timeout_s and not _is_done(seat.held[0].ref):
                self._hung(seat)

    def _hung(self, seat: _Seat) -> None:
        ray.kill(seat.actor)
        left = self._left(seat)
        if left:
            first, *behind = left
            if len(first.tasks) == 1:
                self._notify(f"worker-{seat.number} was replaced: {first.tasks[0].pair.content.uri!r} timed out")
                self._end(first.tasks, "timeout", f"took longer than timeout_s = {self.options.timeout_s:g}")
            else:
                # Which of them hangs is not known yet.
                self._suspects.extend(_next_attempt(task) for task in first.tasks)
            self._again.extend(task for batch in behind for task in batch.tasks)
        self._replace(seat)

    def _left(self, seat: _Seat) -> list[_Batch]:
        """What a dead worker had not returned; what it had is kept."""
        left = []
        for batch in seat.held:
            try:
                self._take(batch, ray.get(batch.ref, timeout=5))
            except (RayError, GetTimeoutError):
                left.append(batch)
        seat.held.clear()
        return left

    def _end(self, tasks: list[Task], status: str, error: str) -> None:
        self._out.extend(self._lost(task, status, error) for task in tasks)

    def _replace(self, seat: _Seat) -> None:
        ray.kill(seat.actor)
        self._seats[self._seats.index(seat)] = self._seat()


class _Source:
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


def _next_attempt(task: Task) -> Task:
    return replace(task, attempt=task.attempt + 1)


def _is_done(ref: Any) -> bool:
    return bool(ray.wait([ref], timeout=0, fetch_local=False)[0])


def _reason(error: BaseException) -> str:
    """Ray's many lines in one that says why."""
    if isinstance(error, RayTaskError):
        cause = getattr(error, "cause", error)
        return f"{type(cause).__name__}: {' '.join(str(cause).split())}"[:300]
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if any(w in line for w in ("exit", "killed", "memory", "died", "signal"))]
    line = (telling or lines or [type(error).__name__])[-1].split(". Some common causes")[0]
    return " ".join(line.split())[:300]
