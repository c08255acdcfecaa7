"""The tasks that are still to be given out, and what becomes of those whose worker does not return their rows.

| what happened to the worker   | tasks of its oldest batch                 | of batches behind it |
|-------------------------------|-------------------------------------------|----------------------|
| its runner raised an error    | several: suspicious; only one: `failed`   | are not touched      |
| its process died, or has lost | suspicious [1]                            | suspicious           |
| its GPU to an error           |                                           |                      |
| it was lost with its node [2] | wait again [3]                            | wait again [3]       |
| it took longer than timeout_s | several: suspicious; only one: `timeout`  | wait again           |

1. `crashed`, or `oom` if memory ran out, once it was retried alone and killed more than `retries` workers.
   With no `retries`, also the first time where the worker held nothing else and memory did not run out.
2. Or was told to end, or has not answered for so long that nobody knows what came of its calls: no task's fault.
3. Suspicious if it was already, or from the MAX_NODE_LOSSES-th time on; if it was retried alone by then, `crashed`.

A suspicious task is retried alone: as the only one of its batch, on a node that does nothing else meanwhile. So no task
pays for another one's fault. Each row of the table is a method of TaskQueue, which returns the tasks that end here.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from jobs.scheduler.worker_state import Batch
from stylize.tasks.task import Task

MAX_NODE_LOSSES = 5
"""How many losses of its node a task is blamed for: that many can no longer be chance, it may be what ends machines."""


@dataclass(frozen=True)
class FailedTask:
    """A task that is given up, with its row's status and error."""

    task: Task
    status: str
    error: str


class TaskQueue:
    """Tasks in the order in which workers get them. retries: how often each may kill a worker before it is given up."""

    def __init__(self, retries: int) -> None:
        self.suspicious: deque[Task] = deque()
        self._retries = retries
        self._again: deque[Task] = deque()
        self._new: Iterator[Task] = iter(())
        self._no_more = True
        self._deaths: Counter[str] = Counter()
        """How many workers died with a task in hand."""
        self._node_losses: Counter[str] = Counter()

    def read_from(self, tasks: Iterator[Task]) -> None:
        """Take new tasks from this stream from now on, no earlier than they are asked for."""
        self._new, self._no_more = tasks, False

    @property
    def is_empty(self) -> bool:
        """Return whether no task is left to be given out; the stream's end is known once `take` has met it."""
        return self._no_more and not self._again and not self.suspicious

    def take(self, count: int) -> list[Task]:
        """Remove up to `count` tasks that are not suspicious, those that wait again before new ones."""
        taken = [self._again.popleft() for _ in range(min(count, len(self._again)))]
        while len(taken) < count and not self._no_more:
            task = next(self._new, None)
            if task is None:
                self._no_more = True
            else:
                taken.append(task)
        return taken

    def runner_raised(self, batch: Batch, reason: str) -> list[FailedTask]:
        """Sort the tasks of a batch of whose code something was raised; the worker itself lives."""
        if len(batch.tasks) == 1:
            return [FailedTask(batch.tasks[0], "failed", reason)]
        self._suspect(batch.tasks)
        return []

    def process_died(self, batches: Iterable[Batch], reason: str, out_of_memory: bool) -> list[FailedTask]:
        """Sort the tasks of a worker whose process died. out_of_memory: its node ran out of memory."""
        failed, held = [], list(batches)
        # Memory may have run out because of what other workers of the node did.
        sole = not out_of_memory and sum(len(batch.tasks) for batch in held) == 1
        for batch in held:
            for task in batch.tasks:
                self._deaths[task.task_id] += 1
                if (batch.alone or sole) and self._deaths[task.task_id] > self._retries:
                    status = "oom" if out_of_memory else "crashed"
                    failed.append(FailedTask(task, status, f"its worker died: {reason}"))
                else:
                    self._suspect([task])
        return failed

    def node_lost(self, batches: Iterable[Batch]) -> list[FailedTask]:
        """Sort the tasks of a worker that was lost with its node, or may have been: that is no task's fault."""
        failed = []
        for batch in batches:
            for task in batch.tasks:
                self._node_losses[task.task_id] += 1
                too_often = self._node_losses[task.task_id] >= MAX_NODE_LOSSES
                if too_often and batch.alone:
                    error = f"its machine was lost {self._node_losses[task.task_id]} times while it was there"
                    failed.append(FailedTask(task, "crashed", error))
                elif too_often or batch.alone:
                    self._suspect([task])
                else:
                    self._again.append(_next_attempt(task))
        return failed

    def timed_out(self, front: Batch, behind: Iterable[Batch], timeout_s: float) -> list[FailedTask]:
        """Sort the tasks of a worker that was ended because its oldest batch took too long."""
        self.not_begun(behind)
        if len(front.tasks) == 1:
            return [FailedTask(front.tasks[0], "timeout", f"took longer than timeout_s = {timeout_s:g}")]
        self._suspect(front.tasks)
        return []

    def not_begun(self, batches: Iterable[Batch]) -> None:
        """Let tasks wait again that their worker had hardly looked at: this was no attempt."""
        self._again.extend(task for batch in batches for task in batch.tasks)

    def _suspect(self, tasks: Iterable[Task]) -> None:
        self.suspicious.extend(map(_next_attempt, tasks))


def _next_attempt(task: Task) -> Task:
    return replace(task, attempt=task.attempt + 1)
