"""The driver's loop: a lazy stream of tasks in, Arrow batches of rows out, one row a task.

The actors are managed by hand on Ray Core because the driver must know which task each one holds: to time it out,
to blame the right image when a worker dies, to try a batch again one by one.

- Each seat (a worker's place) has a bounded window of batches in flight; a batch holds about BATCH_S of work.
- A worker that dies is replaced. All it held become suspects, tried one by one, each alone in a worker; one that
  kills its worker again, more than `retries` times, is a `crashed` row (`oom` where the system killed it for memory).
- A worker whose node is lost is no suspect: its tasks go back into the queue (`jobs.loss`).
- A worker that returns nothing for `timeout_s` is killed. A single task in front is a `timeout` row; a batch
  in front becomes suspects, and what waited behind it goes back into the queue.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import ray
from ray.exceptions import GetTimeoutError, OutOfMemoryError, RayError, RayTaskError

from jobs.cluster import head_lost, totals
from jobs.loss import Losses, is_out_of_reach
from jobs.seats import Batch, Seat, Source, is_done, next_attempt, reason_of
from jobs.worker import Place, UnfitNodeError, Work, Worker, unpack
from stylize.errors import CannotContinueError, StylizeError
from stylize.pairs import Task
from stylize.results.schema import Row

log = logging.getLogger(__name__)

WINDOW = 3
"""Batches in flight a worker: one being finished, one on the device, one being read."""
BATCH_S = 0.25
MAX_BATCH = 256
POLL_S = 0.25
FIT_EVERY_S = 5.0
MAX_FAILED_STARTS = 3
GET_S = 30.0
"""For the rows of a call that has ended: they are small, and come from a node that may be out of reach by now."""
LEFT_S = 5.0


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


def room(node: dict[str, Any], cpus: float, gpus: float) -> int:
    """How many workers, that take so much each, fit on a node of `ray.nodes()`; none on one that lacks a kind."""
    have = node["Resources"]
    fits = have.get("CPU", 0) / cpus
    if gpus >= 1:
        fits = min(fits, have.get("GPU", 0) // gpus)
    elif gpus:
        # A worker's share is of one card: three of 0.4 do not fit on a card and what is left of another.
        fits = min(fits, have.get("GPU", 0) * (1 / gpus // 1))
    return int(fits + 1e-9)


class FanOut:
    """Tasks over Ray actors: `with FanOut(...) as fan: for batch in fan.results(tasks): ...`; Ray is up already.

    `make(worker_id)` builds a worker's work inside the actor. `lost(task, status, error, where)` makes the row of a
    task whose worker cannot; `where` holds the columns that say which worker that was. `notify` gets plain
    lines about workers that died, hung or are waited for.
    """

    def __init__(
        self,
        make: Callable[[str], Work],
        lost: Callable[[Task, str, str, Row], pa.RecordBatch],
        options: Options,
        notify: Callable[[str], None] = log.warning,
    ) -> None:
        self.options = options
        self._make = ray.put(make)
        self._lost = lost
        self._notify = notify
        self._seats: list[Seat] = []
        self._suspects: deque[Task] = deque()
        self._again: deque[Task] = deque()
        self._out: deque[pa.RecordBatch] = deque()
        self._problem: StylizeError | None = None
        self._numbers = 0
        self._failed_starts = 0
        self._losses = Losses(notify)
        self.places: dict[str, Place] = {}
        """Where each worker ran that was loaded."""
        self._fit_at = 0.0
        self._wait_notice_at = time.monotonic() + 30

    def results(self, tasks: Iterator[Task]) -> Iterator[pa.RecordBatch | None]:
        """Batches of rows as they come; None now and then, so that the caller can do its own chores.

        Raises what a worker said when it could not load or write (a StylizeError), or CannotContinueError when
        workers keep dying before they have loaded.
        """
        source = Source(tasks)
        while True:
            self._fill_cluster()
            self._feed(source)
            if source.empty and not self._busy():
                return
            self._wait()
            self._expire()
            self._settle_silent()
            yield None
            while self._out:
                yield self._out.popleft()
            if self._problem is not None:
                raise self._problem

    def __enter__(self) -> FanOut:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers; between two calls of `results` they stay loaded."""
        if head_lost() is None:
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
        return sum(room(node, self.options.cpus, self.options.gpus) for node in ray.nodes() if node["Alive"])

    def _seat(self) -> Seat:
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
        return Seat(self._numbers, actor, actor.start.remote())

    def _feed(self, source: Source) -> None:
        for seat in self._seats:
            if not seat.ready or seat.solo or seat.silent_since is not None:
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

    def _size(self, seat: Seat) -> int:
        """Tasks in the next call: about BATCH_S of work, one while nothing is known of the worker's pace."""
        if not seat.seconds_a_task:
            return 1
        return min(self.options.max_batch, max(1, int(BATCH_S / seat.seconds_a_task)))

    def _send(self, seat: Seat, tasks: list[Task], solo: bool = False) -> None:
        if not seat.held:
            seat.since = time.monotonic()
        seat.solo = solo
        seat.held.append(Batch(tasks, seat.actor.run.remote(seat.sent, tasks)))
        seat.sent += 1

    def _wait(self) -> None:
        # Only the oldest call of each worker, so that what is left is what it is busy with.
        refs = {
            seat.starting if seat.starting is not None else seat.held[0].ref: seat
            for seat in self._seats
            if seat.starting is not None or seat.at_work
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

    def _started(self, seat: Seat) -> None:
        try:
            seat.place, problem = ray.get(seat.starting, timeout=GET_S)
        except RayError as error:
            # A node that is lost says nothing about the stylizer.
            self._failed_starts += not is_out_of_reach(error)
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise CannotContinueError(
                    f"{self._failed_starts} workers died while they loaded the stylizer: {reason_of(error)}"
                ) from None
            self._replace(seat)
            return
        seat.starting = None
        if isinstance(problem, UnfitNodeError):
            self._unfit(seat, problem)
            return
        if problem is not None:
            self._problem = problem
        self.places[seat.name] = seat.place
        seat.ready = True

    def _unfit(self, seat: Seat, problem: UnfitNodeError) -> None:
        """Go on without this node, unless no other is left."""
        seat.useless = True
        self._notify(f"{problem}; going on without this node")
        if all(one.useless for one in self._seats):
            self._problem = CannotContinueError(str(problem))

    def _collect(self, seat: Seat) -> None:
        while seat.held and is_done(seat.held[0].ref):
            batch = seat.held[0]
            try:
                self._take(batch, ray.get(batch.ref, timeout=GET_S))
            except RayTaskError as error:
                # Not the worker's end but a fault in its own code: which task's is found one by one.
                if len(batch.tasks) == 1:
                    self._end(seat, batch.tasks, "failed", reason_of(error))
                else:
                    self._suspects.extend(map(next_attempt, batch.tasks))
            except RayError as error:
                if is_out_of_reach(error):
                    self._losses.fell_silent(seat)
                else:
                    self._died(seat, error)
                return
            now = time.monotonic()
            spent = (now - seat.since) / len(batch.tasks)
            seat.seconds_a_task = spent if not seat.seconds_a_task else 0.7 * seat.seconds_a_task + 0.3 * spent
            seat.since, seat.solo = now, False
            self._failed_starts = 0
            seat.held.popleft()

    def _take(self, batch: Batch, result: bytes | StylizeError) -> None:
        if isinstance(result, StylizeError):
            self._problem = result
        else:
            self._out.append(unpack(result))

    def _died(self, seat: Seat, error: RayError) -> None:
        """The worker is gone: keep what it had returned, suspect what it held, put another in its place."""
        if self._losses.node_is_gone(seat):
            self._lost_with_node(seat)
            return
        reason = reason_of(error)
        # By its type: the text of any death names the OOM killer among the common causes.
        memory = isinstance(error, OutOfMemoryError)
        alone = seat.solo
        left = self._left(seat)
        held = sum(len(batch.tasks) for batch in left)
        self._notify(f"{seat.name} died with {held} tasks in hand, trying them one by one: {reason}")
        for batch in left:
            for task in batch.tasks:
                if alone and task.attempt - self._losses.times(task) > self.options.retries:
                    self._end(seat, [task], "oom" if memory else "crashed", f"its worker died: {reason}")
                else:
                    self._suspects.append(next_attempt(task))
        self._replace(seat)

    def _settle_silent(self) -> None:
        for seat in [seat for seat in self._seats if seat.silent_since is not None]:
            verdict = self._losses.verdict(seat)
            if isinstance(verdict, RayError):
                seat.silent_since = None
                self._died(seat, verdict)
            elif verdict:
                self._lost_with_node(seat)

    def _lost_with_node(self, seat: Seat) -> None:
        """Its node is lost, not its tasks' fault: they go to other workers."""
        alone = seat.solo
        for batch in self._left(seat, wait_s=0 if seat.silent_since is not None else LEFT_S):
            for task in batch.tasks:
                if not self._losses.is_too_often(task):
                    (self._suspects if alone else self._again).append(next_attempt(task))
                elif alone:
                    self._end(seat, [task], "crashed", f"its machine was lost {self._losses.MOST} times while it ran")
                else:
                    self._suspects.append(next_attempt(task))
        self._replace(seat)

    def _expire(self) -> None:
        now = time.monotonic()
        for seat in list(self._seats):
            # What is done was only not looked at: this loop may have been busy with another worker's end.
            if seat.at_work and now - seat.since > self.options.timeout_s and not is_done(seat.held[0].ref):
                self._hung(seat)

    def _hung(self, seat: Seat) -> None:
        ray.kill(seat.actor)
        left = self._left(seat)
        if left:
            first, *behind = left
            if len(first.tasks) == 1:
                self._notify(f"{seat.name} was replaced: {first.tasks[0].pair.content.uri!r} timed out")
                self._end(seat, first.tasks, "timeout", f"took longer than timeout_s = {self.options.timeout_s:g}")
            else:
                # Which of them hangs is not known yet.
                self._suspects.extend(next_attempt(task) for task in first.tasks)
            self._again.extend(task for batch in behind for task in batch.tasks)
        self._replace(seat)

    def _left(self, seat: Seat, wait_s: float = LEFT_S) -> list[Batch]:
        """What a dead worker had not returned; what it had is kept."""
        refs = [batch.ref for batch in seat.held]
        there = set(ray.wait(refs, num_returns=len(refs), timeout=wait_s, fetch_local=False)[0]) if refs else set()
        left = []
        for batch in seat.held:
            try:
                if batch.ref not in there:
                    raise GetTimeoutError
                self._take(batch, ray.get(batch.ref, timeout=LEFT_S))
            except RayError:
                left.append(batch)
        seat.held.clear()
        return left

    def _end(self, seat: Seat, tasks: list[Task], status: str, error: str) -> None:
        self._out.extend(self._lost(task, status, error, seat.where) for task in tasks)

    def _replace(self, seat: Seat) -> None:
        ray.kill(seat.actor)
        self._seats[self._seats.index(seat)] = self._seat()
