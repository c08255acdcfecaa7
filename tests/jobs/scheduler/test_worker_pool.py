"""How many workers there are, and what becomes of those that do not load, without Ray."""

from __future__ import annotations

from typing import Any

import pytest
import ray
from ray.exceptions import ActorUnavailableError

from jobs.scheduler.worker import WorkerLocation
from jobs.scheduler.worker_pool import MAX_FAILED_STARTS, SchedulerOptions, WorkerPool, workers_that_fit
from jobs.scheduler.worker_state import WorkerPhase, WorkerState
from stylize.errors import UsageError
from tests.jobs.scheduler.fake_actor import FakeActor
from tests.support.scripted_workers import Scripted


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> WorkerPool:
    """A pool without a worker, at a time that stands still."""
    monkeypatch.setattr(ray, "put", lambda value: value)
    monkeypatch.setattr(ray, "kill", lambda actor: None)
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    return WorkerPool(Scripted, SchedulerOptions(), lambda line: None)


def loading(pool: WorkerPool, number: int) -> WorkerState:
    """A worker of the pool that loads."""
    made = WorkerState(number, FakeActor(), "start")
    made.transition(WorkerPhase.LOADING)
    pool.workers.append(made)
    return made


@pytest.mark.parametrize(
    ("have", "cpus", "gpus", "workers"),
    [
        ((8, 0), 1, 0, 8),
        ((8, 0), 3, 0, 2),
        ((8, 0), 1, 1, 0),  # a node without cards helps with nothing that needs one
        ((8, 2), 1, 1, 2),
        ((8, 2), 1, 0.5, 4),
        ((8, 2), 1, 0.4, 4),  # a share is of one card
        ((8, 4), 1, 2, 2),
        ((1, 4), 1, 1, 1),
        ((8, 1), 1, 0.1, 8),
        ((16, 1), 1, 0.1, 10),
        ((9, 0), 9 / 7, 0, 7),  # whose shares add up to a node
    ],
)
def test_as_many_workers_fit_as_a_node_can_hold(
    have: tuple[float, float], cpus: float, gpus: float, workers: int
) -> None:
    assert workers_that_fit({"Resources": dict(zip(("CPU", "GPU"), have, strict=True))}, cpus, gpus) == workers


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        ({"actors": None}, 2),
        ({"actors": 1}, 1),
        ({"actors": 50}, 2),
        ({"actors": 50, "may_grow": True}, 50),
        ({"actors": 50, "may_grow": True, "most": 9}, 9),
        ({"actors": 50, "most": 1}, 1),
        ({"actors": 50, "cpus": 16}, 1),  # whether that fits is said elsewhere
    ],
)
def test_no_worker_is_made_that_would_wait_for_ever_or_have_no_task(
    asked: dict[str, Any], made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = {"NodeID": "n1", "Alive": True, "Resources": {"CPU": 8, "GPU": 2}}  # whatever torch sees of its cards
    monkeypatch.setattr(ray, "nodes", lambda: [node])
    monkeypatch.setattr(ray, "put", lambda value: value)
    options, told = SchedulerOptions(**({"gpus": 1, "may_grow": False} | asked)), list[str]()
    pool = WorkerPool(Scripted, options, told.append)
    monkeypatch.setattr(pool, "_make_worker", lambda: WorkerState(1, FakeActor(), "start"))
    pool.fill()
    assert len(pool.workers) == made
    assert any("to do" in line for line in told) == (asked.get("most") == 1)


def test_workers_that_are_lost_with_their_node_while_they_load_do_not_end_the_run(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(call: Any, timeout: float) -> None:
        raise ActorUnavailableError("not there", None)

    monkeypatch.setattr(ray, "get", lost)
    for number in range(MAX_FAILED_STARTS):
        pool.started(loading(pool, number))
    assert (pool.problem, pool.workers) == (None, [])


def test_after_a_worker_that_loads_the_next_one_that_fails_is_tried_again_soon(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "get", lambda call, timeout: (WorkerLocation("a", "a"), None))
    pool.started(loading(pool, 0))
    waits = []
    for number in (1, 2):
        pool._start_failed(loading(pool, number), "failed")
        waits.append(pool._fill_at)
    pool.started(loading(pool, 3))
    pool._start_failed(loading(pool, 4), "failed")
    assert [*waits, pool._fill_at] == [10, 20, 10]


def test_workers_that_fail_to_load_do_not_end_a_run_in_which_another_still_loads(pool: WorkerPool) -> None:
    slow = loading(pool, 0)
    for number in range(1, MAX_FAILED_STARTS + 3):
        pool._start_failed(loading(pool, number), "failed on a broken node")
    assert (pool.problem, pool.workers) == (None, [slow])
    assert pool._fill_at > 5  # not at once on the same node
    pool._start_failed(slow, "failed, too")
    assert str(pool.problem) == "6 workers failed while they loaded the stylizer; the last one failed, too"


def test_what_others_hold_is_told_to_whoever_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now, notes = [0.0], list[str]()
    monkeypatch.setattr(ray, "put", lambda value: value)
    monkeypatch.setattr(ray, "nodes", list)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0, "GPU": 1.0})
    monkeypatch.setattr(ray, "available_resources", lambda: {"CPU": 0.5})
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    pool = WorkerPool(Scripted, SchedulerOptions(), notes.append)
    pool.workers.append(WorkerState(1, FakeActor(), "start"))
    now[0] = 31.0
    pool.fill()
    held = "the cluster has 2 CPU and 1 GPU, free are 0.5 CPU and 0 GPU"
    assert notes == [f"waiting for 1 CPU and 0 GPU for a worker; {held}"]


@pytest.mark.parametrize("nodes", [1, 2])
def test_what_one_of_several_machines_lacks_does_not_end_the_run(
    nodes: int, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacks = UsageError("lpips needs torchmetrics")
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": {"CPU": 2}}] * nodes)
    monkeypatch.setattr(ray, "get", lambda call, timeout: (WorkerLocation("a", "a"), lacks))
    pool.started(loading(pool, 0))
    assert pool.problem == (lacks if nodes == 1 else None)
