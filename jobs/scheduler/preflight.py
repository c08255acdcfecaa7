"""Ask the nodes of a cluster, before work starts, what they have and what they see of the inputs and OUT.

`check_nodes` asks, judges, describes and announces. A node that joins later is checked by its worker, before it loads.
"""

from __future__ import annotations

import itertools
import math
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from jobs.scheduler.worker import UnfitNodeError
from jobs.scheduler.worker_pool import SchedulerOptions, workers_that_fit
from stylize.config import TORCHVISION, JobConfig
from stylize.errors import CannotContinueError, StylizeError, UsageError, counted, message_of, one_line
from stylize.io.files import Folder, temporary_name, why_unreadable
from stylize.measure import hardware
from stylize.measure.hardware import node_name
from stylize.results.output_lock import Fence
from stylize.stylizers import RANDOM
from stylize.tasks.task import Pair

LOOKED_AT = 64
"""Pairs among which one is looked for whose files are there."""
ASK_S = 120.0
"""How long nodes have for an answer: each starts a Python process for it."""


@dataclass(frozen=True)
class Requirements:
    """What a node must see to do this run's work."""

    inputs: tuple[tuple[str, str], ...]
    """(role, URI) of files or folders that must be there."""
    out: str
    token: str | None
    """None: OUT is not looked at, as nobody holds it."""

    def missing(self) -> str | None:
        """Return the first thing this machine does not see, in a line that names both; None if all is there."""
        for role, uri in self.inputs:
            if (why := why_unreadable(uri)) is not None:
                return f"{node_name()} does not see {role} {one_line(uri)} ({why})"
        if self.token is None:
            return None
        try:
            Fence(Folder(self.out), self.token)()
            _try_writing(Folder(self.out))
        except (OSError, StylizeError) as error:
            return f"{node_name()} does not see or may not write OUT {one_line(self.out)} ({error})"
        return None

    def check(self) -> None:
        """Raise UnfitNodeError if something is missing here."""
        if (line := self.missing()) is not None:
            raise UnfitNodeError(line)


def requirements(
    config: JobConfig, pairs: Iterable[Pair], token: str | None, others: Iterable[JobConfig] = ()
) -> Requirements:
    """Return what nodes must see. One pair's files stand for their folders, which every node must have alike.

    It is the first of the first LOOKED_AT `pairs`, of which there is one, whose files are all here: of others a node
    could not tell that it does not see the folder. others: configs of the same run that may name more weights.
    """
    looked_at = list(itertools.islice(pairs, LOOKED_AT))
    here = (pair for pair in looked_at if all(why_unreadable(one.uri) is None for one in pair.inputs))
    first = next(here, looked_at[0])
    inputs = [("CONTENT's", first.content.uri), *(("STYLES'", one.uri) for one in first.styles)]
    inputs += [("RESULTS'", first.result.uri)] if first.result else []
    for one in (config, *others):
        named = (("weights", one.weights, RANDOM), ("perceptual weights", one.perceptual, TORCHVISION))
        inputs += [(role, uri) for role, uri, word in named if uri is not None and uri != word]
    # What is not even here costs its own rows, and is no node's fault.
    seen = [(role, uri) for role, uri in dict.fromkeys(inputs) if why_unreadable(uri) is None]
    return Requirements(tuple(seen), config.out, token)


@dataclass(frozen=True)
class NodeAnswer:
    """What a node said: the first thing that it does not see, None if it sees all, and its versions."""

    missing: str | None
    versions: dict[str, str | None]


@dataclass(frozen=True)
class Node:
    """A node as `run.json` has it, with how many workers fit there. `versions` are empty for one that was not asked."""

    name: str
    cpus: float
    gpus: float
    card: str | None
    workers: int
    versions: dict[str, str | None] = field(default_factory=dict)

    def line(self) -> str:
        """Return `gpu-1: 8 CPU, 2 GPU (L4): 4 workers`."""
        cards = f", {self.gpus:g} GPU" + (f" ({self.card})" if self.card else "") if self.gpus else ""
        return f"{self.name}: {self.cpus:g} CPU{cards}: {self.workers or 'no'} worker{'' if self.workers == 1 else 's'}"


def check_nodes(options: SchedulerOptions, wanted: Requirements, note: Callable[[str], None]) -> list[dict[str, Any]]:
    """Ask every node where a worker fits, say who runs where and what differs, return the nodes for run.json.

    A node that is lost meanwhile is left out. Raises UsageError naming each node that lacks something,
    CannotContinueError for one that does not answer.
    """
    alive = [node for node in ray.nodes() if node["Alive"]]
    answers = ask_nodes([node for node in alive if _workers(node, options)], wanted, options.env)
    judge_answers(answers.values())
    nodes = describe_nodes(alive, answers, options)
    announce_nodes(nodes, options, note)
    return [asdict(node) for node in nodes]


def ask_nodes(nodes: list[dict[str, Any]], wanted: Requirements, env: dict[str, str]) -> dict[str, NodeAnswer]:
    """Return the answers of nodes of `ray.nodes()` by their ids; one that is lost meanwhile has none.

    env: the workers' environment variables, with which a node sees what they will see.
    Raises CannotContinueError for a node that is alive and does not answer within ASK_S.
    """
    calls = {}
    for node in nodes:
        # It takes no CPU, so that it need not wait for other people's work.
        strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        runtime_env = {"env_vars": env} if env else None
        call = _answer.options(num_cpus=0, scheduling_strategy=strategy, runtime_env=runtime_env)
        calls[node["NodeID"]] = call.remote(wanted)
    if calls:
        ray.wait(list(calls.values()), num_returns=len(calls), timeout=ASK_S)
    answers = {}
    for node in nodes:
        node_id, name = node["NodeID"], node["NodeManagerHostname"]
        try:
            answers[node_id] = ray.get(calls[node_id], timeout=1)
        except RayError as error:
            if node_id not in {one["NodeID"] for one in ray.nodes() if one["Alive"]}:
                continue
            late = isinstance(error, GetTimeoutError)
            how = f"did not answer within {ASK_S:.0f} s" if late else f"could not be asked ({message_of(error, 200)})"
            raise CannotContinueError(f"{name} {how}: repair that node, or stop it") from None
    return answers


@ray.remote(max_retries=1)
def _answer(wanted: Requirements) -> NodeAnswer:
    """Answer, on the node that is asked."""
    return NodeAnswer(wanted.missing(), versions())


def judge_answers(answers: Iterable[NodeAnswer]) -> None:
    """Raise UsageError if a node lacks something, naming each such node with what it lacks."""
    lacking = [answer.missing for answer in answers if answer.missing is not None]
    if lacking:
        raise UsageError("; ".join(lacking) + ": make it visible there under the same path, or leave that node out")


def describe_nodes(
    alive: list[dict[str, Any]], answers: dict[str, NodeAnswer], options: SchedulerOptions
) -> list[Node]:
    """Return what run.json says of the nodes of `ray.nodes()`, without those that should have answered and did not."""
    nodes = []
    for node in alive:
        answer = answers.get(node["NodeID"])
        if answer is not None or not _workers(node, options):
            nodes.append(describe_node(node, options, {} if answer is None else answer.versions))
    return nodes


def describe_node(
    node: dict[str, Any], options: SchedulerOptions, versions: dict[str, str | None] | None = None
) -> Node:
    """Return what run.json says of a node of `ray.nodes()`."""
    resources = node["Resources"]
    card = next((name.partition(":")[2] for name in resources if name.startswith("accelerator_type:")), None)
    name, cpus, gpus = node["NodeManagerHostname"], resources.get("CPU", 0), resources.get("GPU", 0)
    return Node(name, cpus, gpus, card, _workers(node, options), versions or {})


def announce_nodes(nodes: list[Node], options: SchedulerOptions, note: Callable[[str], None]) -> None:
    """Say who runs where, how many workers there are, and which versions differ."""
    for node in nodes:
        note(f"  {node.line()}")
    note(f"{who_works_where(nodes, options)}; nodes that join later are used, too")
    if not any(node.workers for node in nodes) and options.actors is None:
        note("no machine has room for one, and one is asked for: --actors N asks for N, which makes a cluster grow")
    for line in version_differences(nodes):
        note(line)


def who_works_where(nodes: list[Node], options: SchedulerOptions) -> str:
    """Return such as `2 workers on 2 L4, 8 CPUs each` or `no GPU: 2 workers on 2 CPUs`."""
    fit = sum(node.workers for node in nodes)
    workers = min(fit, options.actors or fit)
    who = counted(workers, "worker")
    if options.gpus:
        names = sorted({node.card for node in nodes if node.workers and node.card})
        cards = math.ceil(workers * options.gpus)
        on = f"{cards} {' or '.join(names)}" if names else counted(cards, "GPU")
        idle = sum(1 for node in nodes if node.cpus and not node.gpus)
        unused = f"; {counted(idle, 'machine')} without a GPU not used" if idle else ""
        return f"{who} on {on}, {counted(options.cpus, 'CPU')} each{unused}"
    why = "" if any(node.gpus for node in nodes) else "no GPU: "
    return f"{why}{who} on {counted(workers * options.cpus, 'CPU')}"


def version_differences(nodes: list[Node]) -> Iterator[str]:
    """Yield a line for each package of which some node has another version than this machine."""
    for name, own in versions().items():
        has = {node.name: node.versions.get(name) for node in nodes if node.versions}
        others = [f"{node} has {version}" for node, version in has.items() if version and version != own]
        if others:
            here = own or "is not installed"
            yield f"versions differ: {name} {here} here, {', '.join(others)}; times and pixels may differ, too"


def versions() -> dict[str, str | None]:
    """Return this machine's versions of Python and of what results depend on."""
    return {"python": platform.python_version()} | hardware.versions()


def _workers(node: dict[str, Any], options: SchedulerOptions) -> int:
    return workers_that_fit(node, options.cpus, options.gpus)


def _try_writing(out: Folder) -> None:
    """Write a file and remove it. Raises OSError or CannotContinueError where that cannot be done."""
    name = f"images/{temporary_name()}"
    out.write(name, b"")
    out.remove(name)
