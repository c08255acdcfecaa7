"""Which passes over an image a network takes in strips, what each computes, and what is kept from one to the next.

A statistic of the whole image is known at the end of a pass, so what depends on it comes in the next. What a pass
computed and a later one needs is either kept whole, or computed again from what was kept before it: `schedule` says
which passes a choice makes, and `spans` which rows of each operation a strip takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stylize.stylizers._strips.rows import Span, rule_of
from stylize.stylizers._strips.trace import Graph, Node


@dataclass
class Pass:
    """One way down the image. All lists are in the order in which their nodes can be computed.

    nodes: what is computed, strip by strip. sources: the image, and what is kept of earlier passes. targets: what it is
    for. makes: those of the targets that are kept whole. over: for each of these, which earlier one it may overwrite.
    """

    nodes: list[Node]
    sources: list[Node]
    targets: list[Node]
    makes: list[Node]
    over: dict[Node, Node]


@dataclass
class Step:
    """What a strip does at one node: `rows` are new, those from `low` on are needed, from `keep` on later, too."""

    node: Node
    rows: Span
    low: int
    keep: int
    mine: Span | None
    """Rows of a target that are this strip's."""


def wanted(graph: Graph, level: int) -> list[Node]:
    """Return what a pass is for: what statistics are taken of, and in the last one the result."""
    measured = [node.inputs[0] for node in graph.nodes if node.kind == "moments" and node.level == level]
    ends = [graph.result] if level == graph.result.level else []
    return list(dict.fromkeys([*measured, *ends]))


def schedule(graph: Graph, kept: Sequence[frozenset[Node]]) -> list[Pass]:
    """Return the passes, with these nodes kept whole after each but the last."""
    passes = []
    held: frozenset[Node] = frozenset()
    for level in range(graph.result.level + 1):
        after = kept[level] if level < len(kept) else frozenset()
        makes = sorted(after - held, key=lambda node: node.index)
        targets = list(dict.fromkeys([*wanted(graph, level), *makes]))
        nodes, sources = _needed(targets, held)
        passes.append(Pass(nodes, sources, targets, makes, overwritten(held, after)))
        held = after
    return passes


def overwritten(before: frozenset[Node], after: frozenset[Node]) -> dict[Node, Node]:
    """Return for what is newly kept what it may take the place of: something alike that is needed no more."""
    over: dict[Node, Node] = {}
    if not (before - after and after - before):  # as of nearly all that planning asks about
        return over
    ended = sorted(before - after, key=lambda node: node.index)
    for node in sorted(after - before, key=lambda node: node.index):
        alike = [o for o in ended if o.meta.shape == node.meta.shape and o.meta.dtype == node.meta.dtype]
        if alike:
            over[node] = alike[0]
            ended.remove(alike[0])
    return over


def _needed(targets: list[Node], kept: frozenset[Node]) -> tuple[list[Node], list[Node]]:
    nodes: set[Node] = set()
    sources: set[Node] = set()
    open_ = list(targets)
    while open_:
        node = open_.pop()
        if node.kind == "input" or node in kept:
            sources.add(node)
        elif node not in nodes:
            nodes.add(node)
            open_ += [one for one in node.inputs if one.has_rows]
    return sorted(nodes, key=lambda n: n.index), sorted(sources, key=lambda n: n.index)


def boundaries(node: Node, image: Node, strip_px: int) -> list[int]:
    """Return where the strips of an image end, in rows of a node."""
    strips = max(1, -(-image.height // strip_px))
    times = max(1, round(image.height / node.height))
    return [0, *(min(node.height, number * strip_px // times) for number in range(1, strips)), node.height]


def spans(one: Pass, image: Node, strip_px: int, most: int | None = None) -> list[list[Step]]:
    """Return the steps of each strip (of the first `most`) of a pass, with strips of `strip_px` rows of the image."""
    edges = {node: boundaries(node, image, strip_px) for node in one.targets}
    strips = max(1, -(-image.height // strip_px))
    done: dict[Node, int] = {}
    plans: list[dict[Node, tuple[Span, int, Span | None]]] = []
    for number in range(strips if most is None else min(most, strips)):
        want: dict[Node, Span] = {}
        mine = {node: (ends[number], ends[number + 1]) for node, ends in edges.items()}
        for node, (a, b) in mine.items():
            if b > a:
                want[node] = (a, b)
            if node in one.over and b > a:  # before rows are overwritten they are read
                want[one.over[node]] = (b - 1, b)
        plan: dict[Node, tuple[Span, int, Span | None]] = {}
        for node in reversed([*one.sources, *one.nodes]):
            if node in want:
                low, high = want[node]
                new = (max(done.get(node, low), low), high)
                if new[1] > new[0] and node not in one.sources:
                    span = rule_of(node).needs(node, *new)
                    for needed in node.inputs:
                        if needed.has_rows:
                            want[needed] = _hull(want.get(needed, span), span)
                done[node] = max(done.get(node, 0), high)
                plan[node] = (new, low, mine.get(node))
        plans.append(plan)
    return list(_with_keeps(plans, [*one.sources, *one.nodes]))


def _hull(a: Span, b: Span) -> Span:
    return min(a[0], b[0]), max(a[1], b[1])


def _with_keeps(plans: list[dict[Node, tuple[Span, int, Span | None]]], order: list[Node]) -> Iterator[list[Step]]:
    later: dict[Node, int] = {}
    keeps = []
    for plan in reversed(plans):
        keeps.append(dict(later))
        for node, (_, low, _) in plan.items():
            later[node] = min(low, later.get(node, low))
    for plan, keep in zip(plans, reversed(keeps), strict=True):
        yield [
            Step(node, *plan[node][:2], keep.get(node, node.height), plan[node][2]) for node in order if node in plan
        ]
