"""The scheduler's loop: a lazy stream of tasks in, Arrow batches of rows out, one row per task.

The actors are managed by hand on Ray Core because the driver must know which task each one holds: to time it out, to
blame the right image when a worker dies, to try a batch again one by one.

- A worker has a bounded window of batches in flight; a batch holds about BATCH_S of work.
- Suspicious tasks come first, each alone on its node; nothing new is given out until every one has had its turn.
- What becomes of a task whose worker died, hung or was lost is the table in `task_queue`; here is a method for each.
- A worker that is ended is replaced (`worker_pool`). Whether one that does not answer is dead: `failure_detector`.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import ray
from ray.exceptions import RayError, RayTaskError

from jobs.scheduler.failure_detector import NodeFailureDetector, Verdict
from jobs.scheduler.shutdown import shutdown
from jobs.scheduler.task_queue import FailedTask, TaskQueue
from jobs.scheduler.worker import BatchRunner, WorkerLocation, unpack
from jobs.scheduler.worker_pool import SchedulerOptions, WorkerPool
from jobs.scheduler.worker_state import GET_S, Batch, WorkerPhase, WorkerState, is_done, reason_of
from stylize.errors import DeviceLostError, StylizeError, counted
from stylize.results.schema import Row
from stylize.tasks.task import Task

log = logging.getLogger(__name__)

BATCH_S = 0.25
POLL_S = 0.25
LEFT_S = 5.0
"""How long to wait for what a dead worker had returned just before."""
FRESH_S = 2.0
"""How long a worker that answered counts as alive."""


class Scheduler:
    """Runs tasks over Ray actors: `with Scheduler(...) as scheduler: for batch in scheduler.results(tasks): ...`.

    Ray is up already. `make_runner(worker_id)` makes a BatchRunner inside the actor. `lost_row(task, status, error,
    where)` makes the batch of one row of a task whose worker cannot; `where` holds the columns that say which worker
    that was. `notify` gets plain lines about workers that died, hung or are waited for.
    """

    def __init__(
        self,
        make_runner: Callable[[str], BatchRunner],
        lost_row: Callable[[Task, str, str, Row], pa.RecordBatch],
        options: SchedulerOptions,
        notify: Callable[[str], None] = log.warning,
    ) -> None:
        self._options = options
        self._pool = WorkerPool(make_runner, options, notify)
        self._queue = TaskQueue(options.retries)
        self._detector = NodeFailureDetector(notify)
        self._lost_row = lost_row
        self._notify = notify
        self._rows: deque[pa.RecordBatch] = deque()
        self._problem: StylizeError | None = None

    def results(self, tasks: Iterator[Task]) -> Iterator[pa.RecordBatch | None]:
        """Yield batches of rows as they come, and None now and then, so that the caller can do its own chores.

        Raises what a worker said when it could not load or write (a StylizeError), or CannotContinueError when
        workers keep failing before they have loaded.
        """
        self._queue.read_from(tasks)
        while True:
            self._pool.fill()
            self._dispatch()
            if self._queue.is_empty and not self._rows and not self.queued:
                return
            self._wait()
            self._pool.end_slow_starts()
            self._end_hung_workers()
            self._judge_unreachable_workers()
            yield None
            while self._rows:
                yield self._rows.popleft()
            if problem := self._problem or self._pool.problem:
                raise problem

    def drain(self) -> Iterator[pa.RecordBatch]:
        """Yield what workers have ready and `results` has not yielded yet, when the run ends early."""
        if not shutdown.ray_is_lost:
            for worker in self._pool.workers:
                self._take_unreturned(worker, wait_s=0)
        while self._rows:
            yield self._rows.popleft()

    def __enter__(self) -> Scheduler:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers; between two calls of `results` they stay loaded."""
        self._pool.end()

    @property
    def workers(self) -> int:
        """Return how many workers are loaded."""
        return self._pool.loaded

    @property
    def locations(self) -> dict[str, WorkerLocation]:
        """Return where each worker ran that was loaded, by its name."""
        return self._pool.locations

    @property
    def queued(self) -> int:
        """Return how many tasks workers hold: given to them and not back."""
        return sum(len(batch.tasks) for worker in self._pool.workers for batch in worker.batches)

    # What is given out, and to whom.

    def _dispatch(self) -> None:
        self._dispatch_suspicious()
        if not self._queue.suspicious:
            self._dispatch_new()

    def _dispatch_suspicious(self) -> None:
        """Give each suspicious task a node of its own, as long as there is one where nothing is at work.

        Where memory runs out, Ray ends the youngest worker, whoever took it: hence the whole node.
        """
        for worker in list(self._pool.workers):
            if not self._queue.suspicious:
                return
            neighbours = [w for w in self._pool.workers if w is not worker and w.node_id == worker.node_id]
            if worker.phase is not WorkerPhase.IDLE or any(one.batches for one in neighbours):
                continue
            if self._has_just_answered(worker):
                worker.send([self._queue.suspicious.popleft()], alone=True)
                for one in neighbours:
                    one.forget_answers()

    def _has_just_answered(self, worker: WorkerState) -> bool:
        """Return whether an idle worker is known to live: the task is not to blame for one that died before."""
        if time.monotonic() - worker.answered_at < FRESH_S:
            return True
        probe = worker.probe()
        if probe.error is not None:
            self._pool.replace(worker)
        return probe.answered

    def _dispatch_new(self) -> None:
        """Fill the windows of all workers but those on a node where a suspicious task is retried alone."""
        retrying = {worker.node_id for worker in self._pool.workers if worker.holds_suspicious}
        for worker in self._pool.workers:
            if worker.phase not in (WorkerPhase.IDLE, WorkerPhase.BUSY) or worker.node_id in retrying:
                continue
            while len(worker.batches) < self._options.window:
                tasks = self._queue.take(self._batch_size(worker))
                if not tasks:
                    break
                worker.send(tasks)

    def _batch_size(self, worker: WorkerState) -> int:
        """Return how many tasks are about BATCH_S of work; one while nothing is known of the worker's pace."""
        if not worker.seconds_per_task:
            return 1
        return min(self._options.max_batch, max(1, int(BATCH_S / worker.seconds_per_task)))

    # What comes back.

    def _wait(self) -> None:
        """Sleep until a worker has something to say, POLL_S at most, and take what all of them have."""
        workers = {call: w for w in self._pool.workers if (call := w.awaited_call) is not None}
        if not workers:
            time.sleep(POLL_S)
            return
        if not ray.wait(list(workers), num_returns=1, timeout=POLL_S, fetch_local=False)[0]:
            return
        ended, _ = ray.wait(list(workers), num_returns=len(workers), timeout=0, fetch_local=False)
        for worker in [workers[call] for call in ended]:
            if worker.phase in (WorkerPhase.STARTING, WorkerPhase.LOADING):
                self._pool.started(worker)
            else:
                self._collect(worker)

    def _collect(self, worker: WorkerState) -> None:
        """Take the rows of a worker's batches that have ended, from the oldest one on."""
        while worker.batches and is_done(worker.batches[0].call):
            batch = worker.batches[0]
            try:
                result = ray.get(batch.call, timeout=GET_S)
            except RayTaskError as error:
                worker.finish_front()
                self._give_up(worker, self._queue.runner_raised(batch, reason_of(error)))
            except RayError as error:
                self._settle(worker, *self._detector.observe(worker, error))
                return
            else:
                if isinstance(result, DeviceLostError):
                    self._process_died(worker, result)
                    return
                # Let go of before it is kept: an interrupt in between must not leave it in both places.
                worker.finish_front()
                self._keep(result)
            self._pool.did_work()

    def _keep(self, result: bytes | StylizeError) -> None:
        if isinstance(result, StylizeError):
            self._problem = result
        else:
            self._rows.append(unpack(result))

    def _give_up(self, worker: WorkerState, failed: Iterable[FailedTask]) -> None:
        self._rows.extend(self._lost_row(one.task, one.status, one.error, worker.columns) for one in failed)

    # What happens to workers: a method for each row of the table in `task_queue`.

    def _judge_unreachable_workers(self) -> None:
        for worker in list(self._pool.workers):
            if worker.phase is WorkerPhase.UNREACHABLE:
                self._settle(worker, *self._detector.observe(worker))

    def _settle(self, worker: WorkerState, verdict: Verdict, error: RayError | None) -> None:
        """Do what a verdict on a worker asks for. error: what a call or probe of it ended with, if one has."""
        if verdict is Verdict.UNKNOWN:
            if worker.phase is not WorkerPhase.UNREACHABLE:
                worker.transition(WorkerPhase.UNREACHABLE)
        elif verdict is Verdict.PROCESS_DIED:
            assert error is not None
            self._process_died(worker, error)
        else:
            self._node_lost(worker, verdict)

    def _process_died(self, worker: WorkerState, error: RayError | DeviceLostError) -> None:
        no_memory = self._pool.memory_deaths.reason(error, worker.location.node if worker.location else None)
        reason = no_memory or reason_of(error)
        unreturned = self._take_unreturned(worker)
        count = sum(len(batch.tasks) for batch in unreturned)
        self._notify(f"{worker.name} died with {counted(count, 'task')} in hand, to be tried one by one: {reason}")
        self._give_up(worker, self._queue.process_died(unreturned, reason, out_of_memory=no_memory is not None))
        self._pool.replace(worker)

    def _node_lost(self, worker: WorkerState, verdict: Verdict) -> None:
        self._detector.announce(worker, verdict)
        # One that was told to end may have returned something just before; the others cannot be reached.
        unreturned = self._take_unreturned(worker, wait_s=LEFT_S if verdict is Verdict.TOLD_TO_END else 0)
        self._give_up(worker, self._queue.node_lost(unreturned))
        self._pool.replace(worker)

    def _end_hung_workers(self) -> None:
        """End every worker that has returned nothing for `timeout_s`."""
        for worker in list(self._pool.workers):
            if worker.is_late(self._options.timeout_s, self._options.load_s):
                self._timed_out(worker)

    def _timed_out(self, worker: WorkerState) -> None:
        worker.end()
        front = worker.batches[0]
        unreturned = self._take_unreturned(worker)
        if front in unreturned:
            failed = self._queue.timed_out(front, unreturned[1:], self._options.timeout_s)
            for one in failed:
                self._notify(f"{worker.name} was replaced: {one.task.pair.content.uri!r} timed out")
            self._give_up(worker, failed)
        else:
            # It came through after all, just before the worker's end.
            self._queue.not_begun(unreturned)
        self._pool.replace(worker)

    def _take_unreturned(self, worker: WorkerState, wait_s: float = LEFT_S) -> list[Batch]:
        """Take a worker's batches from it and return those without rows; the rows of the others are kept."""
        calls = [batch.call for batch in worker.batches]
        ended = ray.wait(calls, num_returns=len(calls), timeout=wait_s, fetch_local=False)[0] if calls else []
        unreturned = []
        while worker.batches:
            batch = worker.batches[0]
            try:
                result = ray.get(batch.call, timeout=LEFT_S) if batch.call in ended else None
            except RayError:
                result = None
            worker.batches.popleft()
            if result is None or isinstance(result, DeviceLostError):
                unreturned.append(batch)
            else:
                self._keep(result)
        return unreturned
