from __future__ import annotations

from collections.abc import Callable

import pytest
import ray
from ray.exceptions import ActorDiedError, OutOfMemoryError, WorkerCrashedError

from jobs.scheduler.memory_deaths import MemoryDeaths
from stylize.errors import DeviceLostError
from stylize.machine import cgroups
from stylize.measure import hardware

HERE = hardware.node_name()
RAN_OUT = "ran out of memory: give it more, or run fewer workers there"


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the kernel count one more process that it ended."""
    counts = [7]
    monkeypatch.setattr(cgroups, "oom_kills", lambda: len(counts))
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "NodeManagerHostname": HERE}])
    return lambda: counts.append(7)


def test_each_process_that_the_kernel_ended_is_one_death(kill: Callable[[], None]) -> None:
    deaths = MemoryDeaths()
    assert deaths.reason(ActorDiedError(), HERE) is None
    kill()
    kill()
    assert deaths.reason(ActorDiedError(), HERE) == f"{HERE} {RAN_OUT}"
    assert deaths.reason(WorkerCrashedError(), None) == f"its machine {RAN_OUT}"  # one that was loading
    assert deaths.reason(ActorDiedError(), HERE) is None
    assert deaths.reason(DeviceLostError("cuda"), HERE) is None


def test_what_happened_here_says_nothing_of_another_machine(
    kill: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    deaths = MemoryDeaths()
    kill()
    assert deaths.reason(ActorDiedError(), "another") is None
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "NodeManagerHostname": name} for name in (HERE, "two")])
    assert deaths.reason(ActorDiedError(), None) is None


def test_ray_tells_whom_it_ended_itself(kill: Callable[[], None]) -> None:
    told = OutOfMemoryError("Refer to the documentation on how to address the out of memory issue: https://docs")
    assert MemoryDeaths().reason(told, "another") == f"another {RAN_OUT}"


def test_a_kernel_that_counts_nothing_ends_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "oom_kills", lambda: None)
    assert MemoryDeaths().reason(ActorDiedError(), HERE) is None
