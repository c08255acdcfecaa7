"""The driver's loop: a lazy stream of tasks in, Arrow batches of rows out, one row a task.

The actors are managed by hand on Ray Core because the driver must know which task each one holds: to time it out,
to blame the right image when a worker dies, to try a batch again one by one.

- Each seat (a worker's place) has a bounded window of batches in flight; a batch holds about BATCH_S of work.
- A worker that dies is replaced (`worker_pool`). All it held become suspects, tried one by one, each alone on its node;
  one that kills its worker again, more than `retries` times, is a `crashed` row (`oom` where Ray ended it for memory).
- A worker whose node is lost is no suspect: its tasks go back into the queue (`failure_detector`).
- A worker that returns nothing for `timeout_s` is killed. A single task in front is a `timeout` row; a batch
  in front becomes suspects, and what waited behind it goes back into the queue.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator

import pyarrow as pa
import ray
from ray.exceptions import GetTimeoutError, OutOfMemoryError, RayError, RayTaskError

from jobs.scheduler.failure_detector import NodeFailureDetector, is_out_of_reach
from jobs.scheduler.shutdown import shutdown
from jobs.scheduler.worker import BatchRunner, WorkerLocation, unpack
from jobs.scheduler.worker_pool import GET_S, SchedulerOptions, WorkerPool
from jobs.scheduler.worker_state import Batch, Source, WorkerState, is_done, next_attempt, reason_of
from stylize.errors import StylizeError
from stylize.results.schema import Row
from stylize.tasks.task import Task

log = logging.getLogger(__name__)

BATCH_S = 0.25
POLL_S = 0.25
LEFT_S = 5.0
FRESH_S = 2.0
"""How long a worker that answered counts as alive."""


class Scheduler:
    """Tasks over Ray actors: `with Scheduler(...) as fan: for batch in fan.results(tasks): ...`; Ray is up already.

    `make(worker_id)` builds a worker's work inside the actor. `lost(task, status, error, where)` makes the row of a
    task whose worker cannot; `where` holds the columns that say which worker that was. `notify` gets plain
    lines about workers that died, hung or are waited for.
    """

    def __init__(
        self,
        make: Callable[[str], BatchRunner],
        lost: Callable[[Task, str, str, Row], pa.RecordBatch],
        options: SchedulerOptions,
        notify: Callable[[str], None] = log.warning,
    ) -> None:
        self.options = options
        self._crew = WorkerPool(make, options, notify)
        self._lost = lost
        self._notify = notify
        self._suspects: deque[Task] = deque()
        self._again: deque[Task] = deque()
        self._out: deque[pa.RecordBatch] = deque()
        self._problem: StylizeError | None = None
        self._losses = NodeFailureDetector(notify)

    def results(self, tasks: Iterator[Task]) -> Iterator[pa.RecordBatch | None]:
        """Batches of rows as they come; None now and then, so that the caller can do its own chores.

        Raises what a worker said when it could not load or write (a StylizeError), or CannotContinueError when
        workers keep failing before they have loaded.
        """
        source = Source(tasks)
        while True:
            self._crew.fill()
            self._feed(source)
            if source.empty and not self._busy():
                return
            self._wait()
            self._crew.expire()
            self._expire()
            self._settle_silent()
            yield None
            while self._out:
                yield self._out.popleft()
            if problem := self._problem or self._crew.problem:
                raise problem

    def drain(self) -> Iterator[pa.RecordBatch]:
        """What workers have ready and `results` has not given yet, when the run ends early."""
        if not shutdown.ray_is_lost:
            for seat in self._crew.seats:
                self._left(seat, wait_s=0)
        while self._out:
            yield self._out.popleft()

    def __enter__(self) -> Scheduler:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers; between two calls of `results` they stay loaded."""
        self._crew.end()

    @property
    def workers(self) -> int:
        """How many workers are loaded."""
        return self._crew.loaded

    @property
    def locations(self) -> dict[str, WorkerLocation]:
        """Where each worker ran that was loaded."""
        return self._crew.locations

    @property
    def queued(self) -> int:
        """How many tasks workers hold: given to them and not back."""
        return sum(len(batch.tasks) for seat in self._crew.seats for batch in seat.held)

    def _busy(self) -> bool:
        return bool(self._suspects or self._again or self._out or any(seat.held for seat in self._crew.seats))

    def _feed(self, source: Source) -> None:
        on_trial = {seat.node_id for seat in self._crew.seats if seat.solo}
        for seat in list(self._crew.seats):
            if not seat.ready or seat.silent_since is not None:
                continue
            if seat.node_id in on_trial:
                seat.ping = None  # an answer from before the trial says nothing of after it
                continue
            if self._suspects:
                # Nothing new is given out until every suspect has had its turn.
                if not seat.held and not self._at_work_beside(seat) and self._is_alive(seat):
                    self._send(seat, [self._suspects.popleft()], solo=True)
                    on_trial.add(seat.node_id)
                continue
            while len(seat.held) < self.options.window:
                size = self._size(seat)
                batch = [self._again.popleft() for _ in range(min(size, len(self._again)))]
                batch += source.take(size - len(batch))
                if not batch:
                    break
                self._send(seat, batch)

    def _at_work_beside(self, seat: WorkerState) -> bool:
        # A suspect has its node for itself: where memory runs out, Ray ends the youngest worker, whoever took it.
        return any(other.held and other.node_id == seat.node_id for other in self._crew.seats if other is not seat)

    def _is_alive(self, seat: WorkerState) -> bool:
        """Whether a worker has just answered: one that died while it was idle is no suspect's fault."""
        if time.monotonic() - seat.since < FRESH_S:
            return True
        if seat.ping is None:
            seat.ping = seat.actor.ping.remote()
        elif is_done(seat.ping):
            ping, seat.ping = seat.ping, None
            try:
                ray.get(ping, timeout=GET_S)
            except RayError:
                self._crew.replace(seat)
            else:
                return True
        return False

    def _size(self, seat: WorkerState) -> int:
        """Tasks in the next call: about BATCH_S of work, one while nothing is known of the worker's pace."""
        if not seat.seconds_a_task:
            return 1
        return min(self.options.max_batch, max(1, int(BATCH_S / seat.seconds_a_task)))

    def _send(self, seat: WorkerState, tasks: list[Task], solo: bool = False) -> None:
        if not seat.held:
            seat.since = time.monotonic()
        seat.solo, seat.ping = solo, None
        seat.held.append(Batch(tasks, seat.actor.run.remote(seat.sent, tasks)))
        seat.sent += 1

    def _wait(self) -> None:
        # Only the oldest call of each worker, so that what is left is what it is busy with.
        refs = {
            seat.starting if seat.starting is not None else seat.held[0].ref: seat
            for seat in self._crew.seats
            if seat.starting is not None or seat.at_work
        }
        pings = [seat.ping for seat in self._crew.seats if seat.ready and not seat.held and seat.ping is not None]
        pings = [ping for ping in pings if not is_done(ping)]
        if not refs and not pings:
            time.sleep(POLL_S)
            return
        if not ray.wait([*refs, *pings], num_returns=1, timeout=POLL_S, fetch_local=False)[0] or not refs:
            return
        ready, _ = ray.wait(list(refs), num_returns=len(refs), timeout=0, fetch_local=False)
        for seat in [refs[ref] for ref in ready]:
            if seat.starting is not None:
                self._crew.started(seat)
            else:
                self._collect(seat)

    def _collect(self, seat: WorkerState) -> None:
        while seat.held and is_done(seat.held[0].ref):
            batch = seat.held[0]
            try:
                result = ray.get(batch.ref, timeout=GET_S)
            except RayTaskError as error:
                seat.held.popleft()
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
            else:
                # Let go of before it is taken: an interrupt in between must not leave it in both places.
                seat.held.popleft()
                self._take(result)
            now = time.monotonic()
            spent = (now - seat.since) / len(batch.tasks)
            seat.seconds_a_task = spent if not seat.seconds_a_task else 0.7 * seat.seconds_a_task + 0.3 * spent
            seat.since, seat.solo = now, False
            self._crew.did_work()

    def _take(self, result: bytes | StylizeError) -> None:
        if isinstance(result, StylizeError):
            self._problem = result
        else:
            self._out.append(unpack(result))

    def _died(self, seat: WorkerState, error: RayError) -> None:
        """The worker is gone: keep what it had returned, suspect what it held, put another in its place."""
        if self._losses.node_is_gone(seat) or self._losses.was_told_to_end(seat, error):
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
        self._crew.replace(seat)

    def _settle_silent(self) -> None:
        for seat in [seat for seat in self._crew.seats if seat.silent_since is not None]:
            verdict = self._losses.verdict(seat)
            if isinstance(verdict, RayError):
                seat.silent_since = None
                self._died(seat, verdict)
            elif verdict:
                self._lost_with_node(seat)

    def _lost_with_node(self, seat: WorkerState) -> None:
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
        self._crew.replace(seat)

    def _expire(self) -> None:
        now = time.monotonic()
        for seat in list(self._crew.seats):
            # What is done was only not looked at: this loop may have been busy with another worker's end.
            if seat.at_work and now - seat.since > self.options.timeout_s and not is_done(seat.held[0].ref):
                self._hung(seat)

    def _hung(self, seat: WorkerState) -> None:
        ray.kill(seat.actor)
        front = seat.held[0]
        left = self._left(seat)
        # Its front may have come through after all, just before its end; what is behind it had hardly begun.
        if front not in left:
            self._again.extend(task for batch in left for task in batch.tasks)
        else:
            first, *behind = left
            if len(first.tasks) == 1:
                self._notify(f"{seat.name} was replaced: {first.tasks[0].pair.content.uri!r} timed out")
                self._end(seat, first.tasks, "timeout", f"took longer than timeout_s = {self.options.timeout_s:g}")
            else:
                # Which of them hangs is not known yet.
                self._suspects.extend(next_attempt(task) for task in first.tasks)
            self._again.extend(task for batch in behind for task in batch.tasks)
        self._crew.replace(seat)

    def _left(self, seat: WorkerState, wait_s: float = LEFT_S) -> list[Batch]:
        """What a dead worker had not returned; what it had is kept."""
        refs = [batch.ref for batch in seat.held]
        there = set(ray.wait(refs, num_returns=len(refs), timeout=wait_s, fetch_local=False)[0]) if refs else set()
        left = []
        while seat.held:
            batch = seat.held.popleft()
            try:
                if batch.ref not in there:
                    raise GetTimeoutError
                self._take(ray.get(batch.ref, timeout=LEFT_S))
            except RayError:
                left.append(batch)
        return left

    def _end(self, seat: WorkerState, tasks: list[Task], status: str, error: str) -> None:
        self._out.extend(self._lost(task, status, error, seat.where) for task in tasks)
