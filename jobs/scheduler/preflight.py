"""The nodes of a cluster, asked before work starts: what they have, what they see of inputs and OUT, who runs where."""

from __future__ import annotations

import platform
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from jobs.scheduler.worker import UnfitNodeError
from jobs.scheduler.worker_pool import SchedulerOptions, workers_that_fit
from stylize.config import JobConfig
from stylize.errors import CannotContinueError, StylizeError, UsageError, message_of, one_line
from stylize.io.files import Folder, why_unreadable
from stylize.measure import hardware
from stylize.measure.hardware import node_name
from stylize.results.output_lock import Fence
from stylize.tasks.task import Pair

ASK_S = 120.0
"""How long nodes have for an answer: each starts a Python process for it."""


@dataclass(frozen=True)
class Requirements:
    """What a node must see to do this run's work."""

    inputs: tuple[tuple[str, str], ...]
    """(role, URI) of files or folders that must be there."""
    out: str
    token: str

    def missing(self) -> str | None:
        """The first thing this machine does not see, in a line that names it; None if all is there."""
        for role, uri in self.inputs:
            if (why := why_unreadable(uri)) is not None:
                return f"{node_name()} does not see {role} {one_line(uri)} ({why})"
        try:
            Fence(Folder(self.out), self.token)()
            _try_writing(Folder(self.out))
        except (OSError, StylizeError) as error:
            return f"{node_name()} does not see or may not write OUT {one_line(self.out)} ({error})"
        return None

    def check(self) -> None:
        """Raises UnfitNodeError if something is missing here."""
        if (line := self.missing()) is not None:
            raise UnfitNodeError(line)


def requirements(config: JobConfig, first: Pair, token: str, others: Iterable[JobConfig] = ()) -> Requirements:
    """What nodes must see: the first pair's files stand for their folders, which every node must have alike.

    `others` may name more weights.
    """
    inputs = [("CONTENT's", first.content.uri), ("STYLES'", first.style.uri)]
    for one in (config, *others):
        named = (("weights", one.weights, "random"), ("perceptual weights", one.perceptual, "torchvision"))
        inputs += [(role, uri) for role, uri, word in named if uri is not None and uri != word]
    # What is not even here costs its own rows, and is no node's fault.
    seen = [(role, uri) for role, uri in dict.fromkeys(inputs) if why_unreadable(uri) is None]
    return Requirements(tuple(seen), config.out, token)


def one_worker_per_node(config: JobConfig) -> JobConfig:
    """In isolated mode on CPUs, a worker that takes all of a machine's, unless their number was given.

    Raises UsageError where machines differ: a worker on one would be another's neighbour or find no room.
    """
    if config.measure_mode != "isolated" or config.gpus_per_actor or "cpus_per_actor" in config.model_fields_set:
        return config
    sizes = {node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]} - {0.0}
    if len(sizes) != 1:
        found = " and ".join(f"{size:g}" for size in sorted(sizes)) or "no"
        raise UsageError(f"isolated mode: this cluster has machines of {found} CPUs; give --cpus-per-actor")
    return config.model_copy(update={"cpus_per_actor": sizes.pop()})


@dataclass(frozen=True)
class Node:
    """A node and the workers that fit there. `versions` are empty for one that was not asked."""

    name: str
    cpus: float
    gpus: float
    card: str | None
    workers: int
    versions: dict[str, str | None] = field(default_factory=dict)

    def line(self) -> str:
        """`gpu-1: 8 CPU, 2 GPU (L4): 4 workers`."""
        cards = f", {self.gpus:g} GPU" + (f" ({self.card})" if self.card else "") if self.gpus else ""
        return f"{self.name}: {self.cpus:g} CPU{cards}: {self.workers or 'no'} worker{'' if self.workers == 1 else 's'}"


def check_nodes(options: SchedulerOptions, wanted: Requirements, note: Callable[[str], None]) -> list[dict[str, Any]]:
    """Ask every node where a worker fits; says who runs where, and what differs. Returns the nodes for run.json.

    One that is lost meanwhile is left out. Raises UsageError naming each node that lacks something, CannotContinueError
    for one that does not answer.
    """
    alive = [node for node in ray.nodes() if node["Alive"]]
    fits = {node["NodeID"]: workers_that_fit(node, options.cpus, options.gpus) for node in alive}
    answers = _answers([node for node in alive if fits[node["NodeID"]]], wanted)
    # One that was lost meanwhile is nobody's mistake.
    alive = [node for node in alive if node["NodeID"] in answers or not fits[node["NodeID"]]]
    bad = [missing for missing, _ in answers.values() if missing is not None]
    if bad:
        raise UsageError("; ".join(bad) + ": make it visible there under the same path, or leave that node out")
    found = []
    for node in alive:
        have = node["Resources"]
        card = next((name.partition(":")[2] for name in have if name.startswith("accelerator_type:")), None)
        name, node_id = node["NodeManagerHostname"], node["NodeID"]
        versions = answers[node_id][1] if node_id in answers else {}
        found.append(Node(name, have.get("CPU", 0), have.get("GPU", 0), card, fits[node_id], versions))
    for one in found:
        note(f"  {one.line()}")
    takes = f"{options.cpus:g} CPU" + (f" and {options.gpus:g} GPU" if options.gpus else "")
    most = sum(one.workers for one in found)
    note(f"{min(most, options.actors or most)} workers of {takes} each; nodes that join later are used, too")
    if not most and options.actors is None:
        note("no machine has room for one, and one is asked for: --actors N asks for N, which makes a cluster grow")
    for line in _differences(found):
        note(line)
    return [asdict(one) for one in found]


def _answers(nodes: list[dict[str, Any]], wanted: Requirements) -> dict[str, tuple[str | None, dict[str, str | None]]]:
    asked = {}
    for node in nodes:
        # It takes no CPU, so that it need not wait for other people's work.
        where = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        asked[node["NodeID"]] = _probe.options(num_cpus=0, scheduling_strategy=where).remote(wanted)
    names = {node["NodeID"]: node["NodeManagerHostname"] for node in nodes}
    answers = {}
    refs = list(asked.values())
    if refs:
        ray.wait(refs, num_returns=len(refs), timeout=ASK_S)
    for node_id, ref in asked.items():
        try:
            answers[node_id] = ray.get(ref, timeout=1)
        except RayError as error:
            if node_id not in {node["NodeID"] for node in ray.nodes() if node["Alive"]}:
                continue
            if not isinstance(error, GetTimeoutError):
                line = f"{names[node_id]} could not be asked ({message_of(error)}): end it or mend it"
                raise CannotContinueError(line) from None
            line = f"{names[node_id]} did not answer within {ASK_S:.0f} s: end it or mend it"
            raise CannotContinueError(line) from None
    return answers


@ray.remote(max_retries=1)
def _probe(wanted: Requirements) -> tuple[str | None, dict[str, str | None]]:
    return wanted.missing(), versions()


def versions() -> dict[str, str | None]:
    """Of Python and what results depend on, here."""
    return {"python": platform.python_version()} | hardware.versions()


def _differences(nodes: list[Node]) -> Iterator[str]:
    here = versions()
    for name in here:
        has = {one.name: one.versions.get(name) for one in nodes if one.versions}
        other = {node: version for node, version in has.items() if version and version != here.get(name)}
        if other:
            listed = ", ".join(f"{node} has {version}" for node, version in other.items())
            own = here[name] or "is not installed"
            yield f"versions differ: {name} {own} here, {listed}; times and pixels may differ, too"


def _try_writing(out: Folder) -> None:
    """Raises OSError or CannotContinueError where nothing can be written."""
    name = f"images/.probe-{uuid.uuid4().hex}"
    out.write(name, b"")
    out.remove(name)
