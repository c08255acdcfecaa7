"""What a worker takes on machines of all kinds, real and pretended, and how it is told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from jobs.run import placement
from jobs.run.placement import refuse_neighbours, worker_takes
from jobs.scheduler.preflight import describe_node, who_works_where
from jobs.scheduler.worker_pool import SchedulerOptions
from stylize import config as configs
from stylize.errors import UsageError
from stylize.machine import devices, memory_limit
from stylize.measure import hardware
from stylize.tasks.sweep import Method, Sweep

GIVEN = {"content": "c", "styles": "s", "out": "o"}


def node(cpus: float, gpus: float = 0, card: str | None = None, gib: float | None = None) -> dict[str, Any]:
    """As `ray.nodes()` gives one."""
    resources = {"CPU": cpus} if cpus else {}
    resources |= {} if gib is None else {"memory": gib * 2**30}
    resources |= {"GPU": gpus} if gpus else {}
    resources |= {f"accelerator_type:{card}": 1.0} if card else {}
    return {"NodeID": f"{cpus}/{gpus}/{card}", "NodeManagerHostname": "n", "Alive": True, "Resources": resources}


def takes(nodes: list[dict[str, Any]], **given: Any) -> tuple[float, float, int]:
    """CPUs, GPUs and threads of a worker."""
    found = worker_takes(configs.build(GIVEN | given), nodes)
    return found["cpus_per_actor"], found["gpus_per_actor"], found["io_threads"]


@pytest.mark.parametrize(
    ("nodes", "given", "expected"),
    [
        ([node(8)], {}, (1, 0, 2)),
        ([node(16, 2)], {}, (8, 1, 4)),
        ([node(7, 2)], {}, (3, 1, 2)),
        ([node(2, 4)], {}, (0.5, 1, 2)),  # fewer CPUs than cards: all cards, though
        ([node(96, 1)], {}, (96, 1, 16)),
        ([node(0), node(16, 2), node(32)], {}, (8, 1, 4)),  # a head without work, and a machine without cards
        ([node(16, 2), node(8, 4)], {}, (2, 1, 2)),  # what every worker finds room for
        ([node(0, 1), node(8)], {}, (1, 0, 2)),  # a card that no CPU serves
        ([], {}, (1, 0, 2)),  # a cluster that grows from nothing
        ([], {"device": "cuda"}, (1, 1, 2)),
        ([], {"gpus_per_actor": 1}, (1, 1, 2)),
        ([node(8, 2)], {"device": "cpu"}, (1, 0, 2)),
        ([node(8, 2)], {"gpus_per_actor": 0}, (1, 0, 2)),
        ([node(8, 2)], {"precision": "int8"}, (1, 0, 2)),
        ([node(8, 2)], {"gpus_per_actor": 0.5}, (2, 0.5, 2)),
        ([node(8, 2)], {"gpus_per_actor": 2}, (8, 2, 4)),
        ([node(8, 2)], {"cpus_per_actor": 3, "io_threads": 5}, (3, 1, 5)),
        ([node(0), node(8), node(8)], {"measure_mode": "isolated"}, (8, 0, 2)),
        ([node(8), node(16)], {"measure_mode": "isolated", "cpus_per_actor": 4}, (4, 0, 2)),
        ([node(8, 2)], {"measure_mode": "isolated"}, (4, 1, 2)),
        ([node(8, gib=4)], {}, (1, 0, 2)),
        ([node(8, gib=3.9)], {}, (2, 0, 2)),  # memory for seven of them
        ([node(8, gib=1.2)], {}, (4, 0, 2)),
        ([node(8, gib=0)], {}, (8, 0, 2)),  # one is tried
        ([node(0, gib=1), node(16, gib=2), node(4, gib=16)], {}, (4, 0, 2)),
        ([node(64, gib=4), node(2, gib=4)], {}, (2, 0, 2)),  # the smaller one is to be used, too
        ([node(8, gib=1)], {"actors": 8}, (1, 0, 2)),  # as it was asked for
        ([node(8, gib=1)], {"cpus_per_actor": 1}, (1, 0, 2)),
        ([node(8, 1, gib=1)], {}, (8, 1, 4)),
        ([node(8, gib=1)], {"measure_mode": "isolated"}, (8, 0, 2)),
    ],
)
def test_a_worker_takes_a_card_and_its_share_else_a_cpu(
    nodes: list[dict[str, Any]], given: dict[str, Any], expected: tuple[float, float, int]
) -> None:
    assert takes(nodes, **given) == expected


@pytest.mark.parametrize(
    ("nodes", "plan", "expected"),
    [
        ([node(16)], {}, (16, 0)),
        ([node(16)], {"workers": [1, 4], "mode": "throughput"}, (4, 0)),
        ([node(16, 2)], {}, (8, 1)),
        ([node(16, 2)], {"device": "cpu"}, (16, 0)),
        ([node(16, 2)], {"gpus_per_actor": 0}, (16, 0)),
        ([node(16, 2)], {"cpus_per_actor": 3}, (3, 1)),
        ([node(16, 2)], {"workers": [1, 2, 4], "mode": "throughput"}, (4, 0.5)),  # two share a card
        ([node(16, 2)], {"workers": [3], "mode": "throughput"}, (4, 0.5)),
        ([node(16)], {"device": "cuda"}, (1, 1)),  # no room for one is said when it is asked for
    ],
)
def test_a_sweeps_workers_take_cards_unasked_too(
    nodes: list[dict[str, Any]], plan: dict[str, Any], expected: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "joins_cluster", lambda address: False)
    monkeypatch.setattr(placement, "_this_machine", lambda: nodes[0])
    monkeypatch.setattr(hardware, "usable_cores", lambda: 16)
    sweep = Sweep(title="t", methods=[Method(name="compact")], **plan)
    found = placement.sweep_takes(sweep, None)
    assert (found["cpus_per_actor"], found["gpus_per_actor"]) == expected


def test_on_a_cluster_a_sweep_takes_what_its_machines_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "joins_cluster", lambda address: True)
    monkeypatch.setattr(placement, "_nodes_of_cluster", lambda address: [node(0), node(8, 2), node(4, 1)])
    monkeypatch.setattr(hardware, "usable_cores", lambda: 96)  # of the driver's machine: not asked
    sweep = Sweep(title="t", methods=[Method(name="compact")])
    assert placement.sweep_takes(sweep, "head:1") == {"cpus_per_actor": 4, "gpus_per_actor": 1, "io_threads": 2}
    on_cpus = placement.sweep_takes(sweep.model_copy(update={"device": "cpu"}), "head:1")
    assert on_cpus == {"cpus_per_actor": 4, "gpus_per_actor": 0, "io_threads": 2}


def test_unlike_machines_ask_for_a_number() -> None:
    with pytest.raises(UsageError, match="machines of 8 and 16 CPUs; give cpus_per_actor"):
        takes([node(8), node(16)], measure_mode="isolated")


@pytest.mark.parametrize(
    ("nodes", "options", "line"),
    [
        ([node(2)], SchedulerOptions(), "no GPU: 2 workers on 2 CPUs"),
        ([node(2)], SchedulerOptions(cpus=2), "no GPU: 1 worker on 2 CPUs"),
        ([node(8)], SchedulerOptions(actors=3), "no GPU: 3 workers on 3 CPUs"),
        ([node(2, 1)], SchedulerOptions(), "2 workers on 2 CPUs"),
        ([node(16, 2, "L4")], SchedulerOptions(cpus=8, gpus=1), "2 workers on 2 L4, 8 CPUs each"),
        ([node(2, 2)], SchedulerOptions(cpus=0.5, gpus=0.5), "4 workers on 2 GPUs, 0.5 CPUs each"),
        (
            [node(0), node(8, 1, "L4"), node(8, 1, "T4"), node(4)],
            SchedulerOptions(cpus=8, gpus=1),
            "2 workers on 2 L4 or T4, 8 CPUs each; 1 machine without a GPU not used",
        ),
    ],
)
def test_a_line_says_who_works_where(nodes: list[dict[str, Any]], options: SchedulerOptions, line: str) -> None:
    assert who_works_where([describe_node(one, options) for one in nodes], options) == line


@pytest.mark.parametrize(
    ("free_gib", "line"),
    [
        (64, "8 workers on 8 CPUs"),
        (3, "4 workers on 8 CPUs; memory for more workers is not free"),
        (None, "8 workers on 8 CPUs"),
    ],
)
def test_short_memory_is_told(free_gib: float | None, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "joins_cluster", lambda address: False)
    monkeypatch.setattr(hardware, "usable_cores", lambda: 8)
    monkeypatch.setattr(devices, "count", lambda: 0)
    monkeypatch.setattr(memory_limit, "free_bytes", lambda device: free_gib and free_gib * 2**30)
    assert placement.place(configs.build(GIVEN)).lines == (f"no GPU: {line}",)


def test_a_cluster_is_asked_only_where_its_machines_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    @contextlib.contextmanager
    def cluster(address: str | None) -> Iterator[bool]:
        asked.append(address)
        yield True

    monkeypatch.setattr(placement, "joins_cluster", lambda address: True)
    monkeypatch.setattr(placement, "local_or_cluster", cluster)
    monkeypatch.setattr("ray.nodes", lambda: [node(16, 2)])

    def placed(**given: Any) -> Any:
        found = placement.place(configs.build(GIVEN | {"address": "head:1"} | given))
        assert found.lines == ()
        return found.settings["cpus_per_actor"]

    assert [placed(device="cpu", cpus_per_actor=3), placed(gpus_per_actor=1, cpus_per_actor=2)] == [3, 2]
    assert asked == []
    assert [placed(), placed(gpus_per_actor=2), placed(device="cpu", measure_mode="isolated")] == [8, 16, 16]
    assert asked == ["head:1"] * 3


def test_workers_of_isolated_mode_have_a_machine_or_a_card_each() -> None:
    one, two = [1, 1], [1, 2]
    cpus = {"measure_mode": "isolated", "cpus_per_actor": 4, "gpus_per_actor": 0}
    refuse_neighbours(configs.build(GIVEN | cpus), one)
    for given in ({"actors": 1}, {"measure_mode": "throughput"}, {"gpus_per_actor": 1}):
        refuse_neighbours(configs.build(GIVEN | cpus | given), two)
    with pytest.raises(UsageError, match="cpus_per_actor 4 lets 2 workers measure on one machine at once"):
        refuse_neighbours(configs.build(GIVEN | cpus), two)
