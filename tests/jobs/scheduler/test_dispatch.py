"""Which worker gets which task, with workers that are none: no Ray."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pytest
import ray
from ray.exceptions import ActorUnavailableError

from jobs.scheduler import worker_state
from jobs.scheduler.scheduler import Scheduler
from jobs.scheduler.worker import WorkerLocation, pack
from jobs.scheduler.worker_pool import SchedulerOptions
from jobs.scheduler.worker_state import Batch, ProbeResult, WorkerPhase, WorkerState
from stylize.results.schema import to_batch
from stylize.tasks.task import Task
from tests.jobs.scheduler.fake_actor import FakeActor
from tests.support.scripted_workers import Scripted, lost, row, task


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Scheduler:
    """A scheduler of two workers on node `a` and one on `b`, all just loaded; calls never end."""
    monkeypatch.setattr(ray, "put", lambda value: value)
    monkeypatch.setattr(ray, "kill", lambda actor: None)
    monkeypatch.setattr(worker_state, "is_done", lambda call: False)
    made = Scheduler(Scripted, lost, SchedulerOptions(actors=3), notify=lambda line: None)
    for number, node in enumerate("aab", 1):
        worker = WorkerState(number, FakeActor(), None, WorkerLocation(node, node))
        worker.transition(WorkerPhase.IDLE)
        worker.answered_at = time.monotonic()
        made._pool.workers.append(worker)
    return made


def suspect(scheduler: Scheduler, *tasks: Task) -> None:
    """Make tasks suspicious, as if their worker had died."""
    scheduler._queue.process_died([Batch(list(tasks), None)], "exit", out_of_memory=False)


def held(scheduler: Scheduler) -> list[list[int]]:
    """The numbers of the tasks that each worker holds."""

    def numbers(batches: Iterable[Batch]) -> list[int]:
        return [int(one.pair.content.uri.partition(":")[0]) for batch in batches for one in batch.tasks]

    return [numbers(worker.batches) for worker in scheduler._pool.workers]


def test_suspicious_tasks_have_a_node_each_and_new_ones_wait(scheduler: Scheduler) -> None:
    suspect(scheduler, task(1), task(2), task(3))
    scheduler._queue.read_from(iter([task(4)]))
    scheduler._dispatch()
    assert held(scheduler) == [[1], [], [2]]
    assert [worker.phase.name for worker in scheduler._pool.workers] == ["RETRYING_ALONE", "IDLE", "RETRYING_ALONE"]


def test_new_tasks_go_to_nodes_where_nothing_is_retried(scheduler: Scheduler) -> None:
    suspect(scheduler, task(1))
    scheduler._queue.read_from(task(number) for number in range(2, 100))
    scheduler._dispatch()
    assert held(scheduler) == [[1], [], [2, 3, 4]]


def test_a_suspicious_task_waits_for_a_node_whose_workers_hold_nothing(scheduler: Scheduler) -> None:
    scheduler._queue.read_from(iter([task(1), task(2), task(3), task(4), task(5), task(6), task(7)]))
    scheduler._dispatch()
    assert held(scheduler) == [[1, 2, 3], [4, 5, 6], [7]]
    suspect(scheduler, task(8))
    scheduler._dispatch()
    assert held(scheduler) == [[1, 2, 3], [4, 5, 6], [7]]
    scheduler._pool.workers[2].finish_front()
    scheduler._dispatch()
    assert held(scheduler) == [[1, 2, 3], [4, 5, 6], [8]]


def test_a_worker_beside_a_retried_task_is_asked_again_before_it_gets_one(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, beside, _ = scheduler._pool.workers
    suspect(scheduler, task(1), task(2), task(3))
    scheduler._dispatch()
    first.finish_front()
    first.transition(WorkerPhase.ENDED)
    scheduler._dispatch()
    assert held(scheduler)[1] == []
    assert len(beside.actor.ping.calls) == 1
    monkeypatch.setattr(worker_state, "is_done", lambda call: True)
    monkeypatch.setattr(ray, "get", lambda call, timeout: None)
    scheduler._dispatch()
    assert held(scheduler)[1] == [3]


def test_a_worker_that_died_while_it_was_idle_is_replaced_and_its_task_not_blamed(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead: Any = scheduler._pool.workers[2]
    new = WorkerState(4, FakeActor(), None)
    monkeypatch.setattr(scheduler._pool, "_make_worker", lambda: new)
    monkeypatch.setattr(WorkerState, "probe", lambda one: ProbeResult(error=ActorUnavailableError("gone", None)))
    dead.forget_answers()
    suspect(scheduler, task(1), task(2))
    scheduler._dispatch()
    assert held(scheduler) == [[1], [], []]
    assert scheduler._pool.workers[2] is new
    assert [one.attempt for one in scheduler._queue.suspicious] == [2]


def test_an_unreachable_worker_gets_nothing_and_keeps_its_node_from_retries(scheduler: Scheduler) -> None:
    scheduler._queue.read_from(iter([task(1)]))
    scheduler._dispatch()
    scheduler._pool.workers[0].transition(WorkerPhase.UNREACHABLE)
    suspect(scheduler, task(2), task(3))
    scheduler._dispatch()
    assert held(scheduler) == [[1], [], [2]]


def test_tasks_behind_one_that_came_through_before_its_workers_end_wait_again(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler._queue.read_from(iter([task(1), task(2), task(3)]))
    scheduler._dispatch()
    monkeypatch.setattr(scheduler._pool, "_make_worker", lambda: WorkerState(4, FakeActor(), None))
    monkeypatch.setattr(ray, "wait", lambda calls, **options: (calls[:1], calls[1:]))
    monkeypatch.setattr(ray, "get", lambda call, timeout: pack(to_batch([row(task(1), "ok")])))
    scheduler._timed_out(scheduler._pool.workers[0])
    scheduler._dispatch()
    assert held(scheduler) == [[], [2, 3], []]
    assert [batch.column("status").to_pylist() for batch in scheduler._rows] == [["ok"]]


def test_a_batch_that_ended_and_is_looked_at_late_is_no_timeout(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler._queue.read_from(iter([task(1)]))
    scheduler._dispatch()
    worker = scheduler._pool.workers[0]
    worker.front_since = float("-inf")
    monkeypatch.setattr(scheduler._pool, "_make_worker", lambda: WorkerState(4, FakeActor(), None))
    monkeypatch.setattr(ray, "wait", lambda calls, **options: ([], calls))
    monkeypatch.setattr(worker_state, "is_done", lambda call: True)
    scheduler._end_hung_workers()
    assert (worker.phase, held(scheduler)) == (WorkerPhase.BUSY, [[1], [], []])
    monkeypatch.setattr(worker_state, "is_done", lambda call: False)
    scheduler._end_hung_workers()
    assert worker.phase is WorkerPhase.ENDED
