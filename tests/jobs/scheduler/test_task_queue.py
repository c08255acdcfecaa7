from __future__ import annotations

from dataclasses import replace

from jobs.scheduler.task_queue import MAX_NODE_LOSSES, FailedTask, TaskQueue
from jobs.scheduler.worker_state import Batch
from stylize.tasks.task import Task
from tests.support.scripted_workers import task

ONE, TWO, THREE = (task(number) for number in range(3))


def again(one: Task) -> Task:
    """The task with an attempt more."""
    return replace(one, attempt=one.attempt + 1)


def batch(*tasks: Task, alone: bool = False) -> Batch:
    return Batch(list(tasks), None, alone)


def outcomes(failed: list[FailedTask]) -> list[tuple[Task, str]]:
    return [(one.task, one.status) for one in failed]


def test_new_tasks_are_read_no_earlier_than_they_are_asked_for() -> None:
    queue, stream = TaskQueue(retries=1), iter([ONE, TWO, THREE])
    queue.read_from(stream)
    assert queue.take(2) == [ONE, TWO]
    assert next(stream) == THREE
    assert not queue.is_empty  # nobody knows yet
    assert queue.take(1) == []
    assert queue.is_empty


def test_tasks_that_wait_again_come_before_new_ones() -> None:
    queue = TaskQueue(retries=1)
    queue.read_from(iter([THREE]))
    queue.not_begun([batch(ONE), batch(TWO)])
    assert queue.take(3) == [ONE, TWO, THREE]


def test_a_fault_of_the_code_fails_the_only_task_and_makes_several_suspicious() -> None:
    queue = TaskQueue(retries=1)
    assert queue.runner_raised(batch(ONE), "KeyError: x") == [FailedTask(ONE, "failed", "KeyError: x")]
    assert queue.runner_raised(batch(TWO, THREE), "KeyError: x") == []
    assert list(queue.suspicious) == [again(TWO), again(THREE)]
    assert queue.take(1) == []


def test_all_that_a_dead_worker_held_is_suspicious() -> None:
    queue = TaskQueue(retries=1)
    assert queue.process_died([batch(ONE), batch(TWO, THREE)], "exit", out_of_memory=False) == []
    assert list(queue.suspicious) == [again(ONE), again(TWO), again(THREE)]


def test_a_task_that_kills_its_worker_once_more_when_retried_alone_is_given_up() -> None:
    for memory, status in ((False, "crashed"), (True, "oom")):
        queue = TaskQueue(retries=2)
        queue.process_died([batch(ONE)], "exit", memory)
        assert queue.process_died([batch(queue.suspicious.popleft(), alone=True)], "exit", memory) == []
        last = queue.suspicious.popleft()
        assert last.attempt == 3
        failed = queue.process_died([batch(last, alone=True)], "exit", memory)
        assert failed == [FailedTask(last, status, "its worker died: exit")]
        assert queue.is_empty


def test_with_no_retries_a_task_is_tried_again_only_to_find_out_whose_fault_it_was() -> None:
    queue = TaskQueue(retries=0)
    assert outcomes(queue.process_died([batch(ONE)], "exit", out_of_memory=False)) == [(ONE, "crashed")]
    assert queue.process_died([batch(ONE), batch(TWO)], "exit", out_of_memory=False) == []
    assert queue.process_died([batch(THREE)], "killed for memory", out_of_memory=True) == []
    suspicious = list(queue.suspicious)
    assert suspicious == [again(ONE), again(TWO), again(THREE)]
    for one in suspicious:
        assert outcomes(queue.process_died([batch(one, alone=True)], "exit", out_of_memory=False)) == [(one, "crashed")]


def test_another_tasks_fault_in_its_batch_is_no_retry() -> None:
    for name, more in (("timed_out", ([], 7)), ("runner_raised", ("KeyError: x",))):
        queue = TaskQueue(retries=1)
        getattr(queue, name)(batch(ONE, TWO), *more)
        second = queue.suspicious.popleft()
        assert queue.process_died([batch(second, alone=True)], "exit", out_of_memory=False) == []
        third = queue.suspicious.pop()
        failed = queue.process_died([batch(third, alone=True)], "exit", out_of_memory=False)
        assert outcomes(failed) == [(again(again(ONE)), "crashed")]


def test_a_lost_node_is_no_task_s_fault_and_no_retry() -> None:
    queue = TaskQueue(retries=1)
    assert queue.node_lost([batch(ONE)]) == []
    assert not queue.suspicious
    (second,) = queue.take(1)
    assert second == again(ONE)
    queue.process_died([batch(second)], "exit", out_of_memory=False)
    third = queue.suspicious.popleft()
    assert outcomes(queue.process_died([batch(third, alone=True)], "exit", False)) == [(third, "crashed")]


def test_a_suspicious_task_stays_suspicious_when_its_node_is_lost() -> None:
    queue = TaskQueue(retries=1)
    assert queue.node_lost([batch(ONE, alone=True)]) == []
    assert list(queue.suspicious) == [again(ONE)]


def test_a_task_whose_node_is_lost_time_and_again_is_suspicious_then_given_up() -> None:
    queue, now = TaskQueue(retries=1), ONE
    for _ in range(MAX_NODE_LOSSES - 1):
        assert queue.node_lost([batch(now)]) == []
        (now,) = queue.take(1)
    assert queue.node_lost([batch(now)]) == []
    assert queue.take(1) == []
    now = queue.suspicious.popleft()
    failed = queue.node_lost([batch(now, alone=True)])
    assert failed == [
        FailedTask(now, "crashed", f"its machine was lost {MAX_NODE_LOSSES + 1} times while it was there")
    ]


def test_a_hang_is_a_timeout_of_the_only_task_and_what_waited_behind_it_is_not_blamed() -> None:
    queue = TaskQueue(retries=1)
    failed = queue.timed_out(batch(ONE), [batch(TWO)], timeout_s=7)
    assert failed == [FailedTask(ONE, "timeout", "took longer than timeout_s = 7")]
    assert queue.take(2) == [TWO]
    assert queue.timed_out(batch(ONE, TWO), [batch(THREE)], timeout_s=7) == []
    assert list(queue.suspicious) == [again(ONE), again(TWO)]
    assert queue.take(2) == [THREE]
