"""What each worker takes where the call leaves it open: a card where there are any, and a share of the CPUs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import ray

from jobs.scheduler.preflight import describe_node, who_works_where
from jobs.scheduler.ray_runtime import joins_cluster, local_or_cluster
from jobs.scheduler.worker_pool import WORKER_BYTES, SchedulerOptions, workers_that_fit
from stylize import config as configs
from stylize.config import JobConfig
from stylize.errors import UsageError, counted
from stylize.measure import hardware
from stylize.tasks.sweep import Sweep

MOST_IO_THREADS = 16
_OWN_BYTES = 3 * 2**28
"""What a Ray of the job's own and the job itself take."""
RayNode = dict[str, Any]
"""As in `ray.nodes()`."""


@dataclass(frozen=True)
class Placement:
    """`settings`: what each worker takes. `lines`: who works where; none on a cluster, as its nodes are told later."""

    settings: dict[str, Any]
    lines: tuple[str, ...] = ()


def place(job: JobConfig) -> Placement:
    """Decide what is `auto`. A cluster is asked for its machines if they matter.

    Raises UsageError for what isolated mode rules out, CannotContinueError for a cluster that does not answer.
    """
    if job.measure_mode == "isolated" and job.gpus % 1:
        raise UsageError(
            f"{job.called('gpus_per_actor')} {job.gpus:g} shares a card, which isolated mode rules out: give 1"
        )
    if joins_cluster(job.address):
        matter = job.cpus_per_actor == "auto" or (job.gpus_per_actor == "auto" and _may_use_cards(job))
        nodes = _nodes_of_cluster(job.address) if matter else []
        return Placement(worker_takes(job, nodes))
    machine = _this_machine()
    settings = worker_takes(job, [machine])
    options = SchedulerOptions(actors=job.workers, cpus=settings["cpus_per_actor"], gpus=settings["gpus_per_actor"])
    refuse_neighbours(job.model_copy(update=settings), [workers_that_fit(machine, options.cpus, options.gpus)])
    line = who_works_where([describe_node(machine, options)], options)
    short = job.cpus_per_actor == job.actors == "auto" and job.measure_mode != "isolated" and not options.gpus
    return Placement(settings, (line + "; memory for more workers is not free" * (short and options.cpus > 1),))


def refuse_neighbours(job: JobConfig, room: Iterable[int]) -> None:
    """Raise UsageError where workers of isolated mode would measure beside each other on one machine's CPUs.

    room: how many workers each machine has room for. A card each is another matter.
    """
    most = max(room, default=0)
    if job.measure_mode == "isolated" and not job.gpus and job.actors != 1 and most > 1:
        raise UsageError(
            f"{job.called('cpus_per_actor')} {job.cpus:g} lets {counted(most, 'worker')} measure on one machine "
            f"at once, which isolated mode rules out: give more, or {job.called('actors')} 1"
        )


def worker_takes(job: JobConfig, nodes: Iterable[RayNode]) -> dict[str, Any]:
    """Return the settings of what a worker takes, as given or for these machines.

    A card each where a machine has one, unless the device or the precision is for CPUs alone; with it, as many CPUs as
    every such machine has for each of its workers. Machines without cards are then not used. Elsewhere a CPU each, more
    where memory is short and `actors` is auto, or all of a machine in isolated mode. Raises UsageError where machines
    differ in that.
    """
    nodes = [node for node in nodes if node["Resources"].get("CPU", 0)]
    gpus = job.gpus_per_actor
    if gpus == "auto":
        carded = any(node["Resources"].get("GPU", 0) >= 1 for node in nodes)
        gpus = float(_may_use_cards(job) and (carded or job.device != "auto"))
    cpus = job.cpus_per_actor
    if cpus == "auto" and gpus:
        cpus = _share(nodes, gpus)
    elif cpus == "auto" and job.measure_mode == "isolated":
        cpus = _whole_machine(job, nodes)
    elif cpus == "auto":
        cpus = _as_memory_allows(nodes) if job.actors == "auto" else 1.0
    threads = job.io_threads
    if threads == "auto":
        # A card is as busy as its CPUs can read and score; a worker on CPUs computes on them itself.
        threads = min(MOST_IO_THREADS, max(2, int(cpus) // 2)) if gpus else 2
    return {"gpus_per_actor": gpus, "cpus_per_actor": cpus, "io_threads": threads}


def _may_use_cards(job: JobConfig) -> bool:
    return job.device != "cpu" and job.precision != "int8"


def _share(nodes: Iterable[RayNode], gpus: float) -> float:
    """Return the CPUs for each worker on the machine that has the fewest for it; 1 if none has a card.

    Whole ones, or a part of one where a machine has fewer CPUs than workers.
    """
    fit = {node["NodeID"]: workers_that_fit(node, 1e-6, gpus) for node in nodes}
    least = min((node["Resources"]["CPU"] / fit[node["NodeID"]] for node in nodes if fit[node["NodeID"]]), default=1.0)
    return float(int(least)) if least >= 1 else least


def _as_memory_allows(nodes: Iterable[RayNode]) -> float:
    """Return the CPUs for each worker, so that no machine has more workers than memory for them; 1 if it has enough.

    A machine whose memory is not told has enough. All workers find room on the smallest machine.
    """
    have = [node["Resources"] for node in nodes]
    fit = [max(1, int(one["memory"] / WORKER_BYTES)) if "memory" in one else math.inf for one in have]
    wanted = max((math.ceil(one["CPU"] / most) for one, most in zip(have, fit, strict=True)), default=1)
    return float(max(1, min([wanted, *(int(one["CPU"]) for one in have)])))


def _whole_machine(job: JobConfig, nodes: Iterable[RayNode]) -> float:
    """Return how many CPUs each machine has: a worker of more finds no room, one of fewer may have a neighbour."""
    sizes = {float(node["Resources"]["CPU"]) for node in nodes}
    if len(sizes) != 1:
        listed = " and ".join(f"{size:g}" for size in sorted(sizes)) or "no"
        called = job.called("cpus_per_actor")
        raise UsageError(f"isolated mode: this cluster has machines of {listed} CPUs; give {called}")
    return sizes.pop()


def sweep_takes(plan: Sweep, address: str | None) -> dict[str, Any]:
    """Return the settings of what each of a sweep's workers takes. A cluster is asked for its machines if they matter.

    A card each, as in the main job; where there are fewer cards than workers they share them evenly. Without cards a
    worker takes its share of the CPUs that the smallest machine has. Raises CannotContinueError for a cluster that does
    not answer.
    """
    most, cpus, gpus = max(plan.workers), plan.cpus_per_actor or "auto", plan.gpus_per_actor
    shared = joins_cluster(address)
    wanted = gpus == "auto" and plan.device != "cpu"
    asked = wanted or cpus == "auto"
    nodes = (_nodes_of_cluster(address) if shared else [_this_machine()]) if asked else []
    if gpus == "auto":
        cards = sum(int(node["Resources"].get("GPU", 0)) for node in nodes if node["Resources"].get("CPU", 0))
        gpus = 1 / math.ceil(most / cards) if wanted and cards else float(plan.device not in ("auto", "cpu"))
    if not gpus and cpus == "auto":
        sizes = [node["Resources"]["CPU"] for node in nodes if node["Resources"].get("CPU", 0)]
        cpus = float(max(1, min(sizes, default=1) // math.ceil(most / max(1, len(sizes)))))
    given = {"content": "-", "styles": "-", "out": "-", "device": plan.device, "measure_mode": plan.mode}
    return worker_takes(configs.build(given | {"cpus_per_actor": cpus, "gpus_per_actor": gpus}), nodes)


def _nodes_of_cluster(address: str | None) -> list[RayNode]:
    with local_or_cluster(address):
        return [node for node in ray.nodes() if node["Alive"]]


def _this_machine() -> RayNode:
    """Return this machine as a Ray of the job's own would find it."""
    from stylize.machine import devices
    from stylize.machine.memory_limit import free_bytes

    cards, free = devices.count(), free_bytes("cpu")
    named = {f"accelerator_type:{hardware.device_name(f'{devices.available()}:0')}": 1.0} if cards else {}
    resources = {"CPU": float(hardware.usable_cores()), "GPU": float(cards)} | named
    if free is not None:
        resources["memory"] = float(max(0, free - _OWN_BYTES))
    return {"NodeID": "", "NodeManagerHostname": hardware.node_name(), "Resources": resources}
