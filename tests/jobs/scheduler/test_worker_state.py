from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import ray
from ray.exceptions import RayError

from jobs.scheduler import worker_state
from jobs.scheduler.worker import WorkerLocation
from jobs.scheduler.worker_pool import SchedulerOptions, WorkerPool
from jobs.scheduler.worker_state import WorkerPhase, WorkerState, reason_of
from tests.jobs.scheduler.fake_actor import FakeActor
from tests.support.scripted_workers import task

WAYS = {
    "STARTING": [],
    "LOADING": ["LOADING"],
    "IDLE": ["IDLE"],
    "BUSY": ["IDLE", "BUSY"],
    "RETRYING_ALONE": ["IDLE", "RETRYING_ALONE"],
    "UNREACHABLE": ["IDLE", "BUSY", "UNREACHABLE"],
    "UNFIT": ["UNFIT"],
    "ENDED": ["ENDED"],
}
"""How each phase is reached."""


def worker(phase: str = "STARTING") -> WorkerState:
    """A worker in a phase."""
    made = WorkerState(7, FakeActor(), "start")
    for step in WAYS[phase]:
        made.transition(WorkerPhase[step])
    assert made.phase is WorkerPhase[phase]
    return made


@pytest.mark.parametrize("before", WAYS)
def test_any_worker_can_be_ended_once_and_none_starts_again(before: str) -> None:
    one = worker(before)
    if before != "ENDED":
        with pytest.raises(ValueError, match=f"worker-7 is {before} and cannot become STARTING"):
            one.transition(WorkerPhase.STARTING)
        assert one.phase is WorkerPhase[before]
        one.transition(WorkerPhase.ENDED)
    for phase in WorkerPhase:
        with pytest.raises(ValueError, match="worker-7 is ENDED and cannot become"):
            one.transition(phase)


@pytest.mark.parametrize("before", ["UNREACHABLE", "UNFIT"])
def test_a_worker_that_is_given_up_does_not_come_back(before: str) -> None:
    for phase in WorkerPhase:
        if phase is not WorkerPhase.ENDED:
            with pytest.raises(ValueError, match=f"{before} and cannot become {phase.name}"):
                worker(before).transition(phase)


def test_a_worker_is_busy_until_its_last_batch_is_back() -> None:
    one = worker("IDLE")
    one.send([task(0)])
    one.send([task(1), task(2)])
    assert one.actor.run.calls == [(0, [task(0)]), (1, [task(1), task(2)])]
    assert one.awaited_call == "call 1"
    one.finish_front()
    assert one.phase.name == "BUSY"
    assert one.awaited_call == "call 2"
    one.finish_front()
    assert one.phase.name == "IDLE"
    assert one.awaited_call is None


def test_a_worker_that_retries_a_task_alone_takes_nothing_else() -> None:
    one = worker("IDLE")
    one.send([task(0)], alone=True)
    for alone in (False, True):
        with pytest.raises(ValueError, match="RETRYING_ALONE"):
            one.send([task(1)], alone)
    assert len(one.batches) == len(one.actor.run.calls) == 1
    one.transition(WorkerPhase.UNREACHABLE)
    assert one.holds_suspicious  # its node is not free again


@pytest.mark.parametrize("phase", ["STARTING", "LOADING", "UNREACHABLE", "UNFIT", "ENDED"])
def test_a_worker_that_is_not_ready_takes_nothing(phase: str) -> None:
    one = worker(phase)
    with pytest.raises(ValueError, match=phase):
        one.send([task(0)])
    assert not one.batches


def test_an_answer_from_before_a_phase_says_nothing_of_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = {"call 1"}
    monkeypatch.setattr(worker_state, "is_done", lambda call: call in answered)
    monkeypatch.setattr(ray, "get", lambda call, timeout: None)
    one = worker("IDLE")
    assert one.probe().answered
    assert not one.probe().answered
    answered.add("call 2")
    one.send([task(0)])
    one.transition(WorkerPhase.UNREACHABLE)
    assert not one.probe().answered
    assert len(one.actor.ping.calls) == 3


def test_a_worker_is_ended_once(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[Any] = []
    monkeypatch.setattr(ray, "kill", killed.append)
    one = worker("BUSY")
    one.end()
    one.end()
    assert killed == [one.actor]


def test_a_row_says_which_worker_it_was_and_where_as_far_as_is_known() -> None:
    one = worker()
    assert one.columns == {"worker_id": "worker-7"}
    one.location = WorkerLocation("id", "gpu-1", ("0", "1"))
    assert one.columns == {"worker_id": "worker-7", "node": "gpu-1", "gpu_ids": "0,1"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, as a list of one."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_a_workers_pace_is_that_of_a_task_and_later_batches_tell_less_than_all_before(clock: list[float]) -> None:
    one = worker("IDLE")
    paces = []
    for tasks, seconds in ((4, 8.0), (2, 24.0)):
        one.send([task(n) for n in range(tasks)])
        clock[0] += seconds
        one.finish_front()
        paces.append(one.seconds_per_task)
    assert paces == [2, pytest.approx(0.7 * 2 + 0.3 * 12)]


def test_a_batch_more_leaves_the_time_since_when_the_oldest_one_is_at_work(clock: list[float]) -> None:
    one = worker("IDLE")
    one.send([task(0)])
    clock[0] += 5
    one.send([task(1)])
    assert one.front_since == 100


def test_what_a_sweeps_worker_loads_for_a_block_is_no_time_of_its_first_image(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    loading_s = [0.0]
    monkeypatch.setattr(worker_state, "is_done", lambda call: not call.startswith("run"))
    monkeypatch.setattr(ray, "get", lambda call, timeout: loading_s[0])
    one = worker("IDLE")
    monkeypatch.setattr(one.actor.run, "remote", lambda *given: f"run {given[0]}")

    def is_late(spent_s: float, loaded_s: float = 0.0) -> bool:
        clock[0], loading_s[0] = one.front_since + spent_s, loaded_s
        return one.is_late(timeout_s=10, load_s=60)

    first, second = (replace(task(number), variant="v", repeat=1) for number in (0, 1))
    one.send([first])
    assert [is_late(9), is_late(20, 20), is_late(20, 11), is_late(20, 9)] == [False, False, False, True]
    assert is_late(71, 71)  # it loads for ever
    one.finish_front()
    one.send([second])
    assert [is_late(9), is_late(11, 9)] == [False, True]
    one.finish_front()
    one.send([replace(second, repeat=2)])
    assert not is_late(11, 9)


def test_a_late_worker_that_does_not_answer_may_be_lost_with_its_machine(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: set[str] = set()
    monkeypatch.setattr(worker_state, "is_done", lambda call: call in done)
    monkeypatch.setattr(ray, "get", lambda call, timeout: 30.0)  # what its last block took to load
    one = worker("IDLE")
    monkeypatch.setattr(one.actor.ping, "remote", lambda: "ping")
    one.send([task(0)])
    for spent_s, answers, late in ((9, True, False), (11, True, True), (69, False, False), (71, False, True)):
        clock[0] = one.front_since + spent_s
        (done.add if answers else done.discard)("ping")
        assert one.is_late(timeout_s=10, load_s=60) is late


def test_the_reason_of_a_death_leaves_out_rays_common_causes() -> None:
    told = "A worker died.\nIts process exited. Some common causes include: (1) the kernel's OOM killer"
    assert reason_of(RayError(told)) == "Its process exited"


def test_each_try_on_a_bad_machine_comes_later_than_the_one_before_although_others_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray, "put", lambda value: value)
    monkeypatch.setattr(ray, "kill", lambda actor: None)
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    pool = WorkerPool(lambda device: None, SchedulerOptions(), lambda line: None)  # type: ignore[arg-type, return-value]
    pool.workers = [worker("IDLE")]
    waits = []
    for _ in range(5):
        pool.did_work()
        pool.workers.append(bad := worker("LOADING"))
        pool._start_failed(bad, "failed")
        waits.append(pool._fill_at)
    assert waits == [10, 20, 40, 60, 60]
