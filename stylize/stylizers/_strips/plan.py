"""What an image takes, whole and in strips, and which way fits: decided from the network's operations, before any."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch

from stylize.errors import NoRoomError
from stylize.images import scratch
from stylize.stylizers import _folded, _layers
from stylize.stylizers._strips.passes import Pass, overwritten, schedule, spans, wanted
from stylize.stylizers._strips.rows import rule_of
from stylize.stylizers._strips.trace import Graph, Node

STRIP_PIXELS, LEAST_STRIP_PX = 768 * 1024, 16
"""Pixels of the image in a strip, where there is memory for it, and the fewest rows (docs/decisions.md)."""
WORK_WITHOUT_FILES, FILE_BYTES_PER_PIXEL = 1.5, 32
"""How much more than a whole image is computed before results are kept in files, and the most those may hold."""
BASE_BYTES, STRIP_BASE_BYTES = 48 * 2**20, 16 * 2**20
"""What torch's libraries take for their own buffers, for an image at once and in strips."""
_MOST_KEPT, _MOST_WAYS = 3, 40
"""How many results are kept whole at once, and how many such sets are looked at further."""
_HELD_ON = 1
"""How many operations after its last use a tensor of a whole image is let go of (docs/decisions.md)."""
_AMPLE, HOLES = 16, 2
"""A limit of so many times what strips take is ample; with holes in the heap they take so many times as much."""
_PER_VALUE = 64.0
"""A value's way through memory, in multiplications that take as long."""


@dataclass(frozen=True)
class Plan:
    """How an image goes through the network.

    bytes: the most it will take, beyond the image and its result as 8-bit pixels. strips, passes: 1 for an image taken
    whole. work: computing, as a multiple of what the image taken whole needs. last_bytes: what the last of several
    passes takes, the one in which the result comes. mapped: what is kept from pass to pass is in mapped files.
    """

    bytes: int
    strips: int = 1
    passes: int = 1
    work: float = 1.0
    strip_px: int = 0
    last_bytes: int = 0
    mapped: bool = False
    ways: list[Pass] = field(default_factory=list, repr=False)
    graph: Graph | None = field(default=None, repr=False)

    @property
    def in_parts(self) -> bool:
        """Return whether the image is not taken whole: a single strip may take several passes, and less memory."""
        return self.strips > 1 or self.passes > 1

    def has_ample_room(self, max_memory: int | str) -> bool:
        """Return whether strips take so little of a limit that holes in the heap may save time (docs/decisions.md)."""
        return isinstance(max_memory, int) and self.strips > 1 and _AMPLE * self.bytes <= max_memory


def size_text(size_bytes: float) -> str:
    """Return a size as text: in GiB, or where it is less than one in whole MiB, 1 at least."""
    return f"{size_bytes / 2**30:.2f} GiB" if size_bytes >= 2**30 else f"{math.ceil(size_bytes / 2**20) or 1} MiB"


class Budget(int):
    """The bytes that an image may take beside `held` bytes of pictures, of a limit: a number of bytes, or auto."""

    limit: int | str
    held: int

    @classmethod
    def within(cls, limit: int | str, allowed: int, held: int) -> Budget:
        """Return what is left of `allowed` beside what is held."""
        room = cls(allowed - held)
        room.limit, room.held = limit, held
        return room


def no_room(
    method: str, size: tuple[int, int], way: str, needed: int, max_bytes: int | None, *, strips: bool = False
) -> NoRoomError:
    """Return the error of an image of a size (width, height) that needs too much memory; it says what would fit."""
    base = STRIP_BASE_BYTES if strips else BASE_BYTES
    share, needs, more = 0.5, f"{size_text(needed)} beside it", "give it more memory"
    if isinstance(max_bytes, Budget):
        total, allowed = needed + max_bytes.held, max_bytes + max_bytes.held
        share, needs = _scale(allowed, total, base), f"{size_text(total)} with the pictures"
        known = max_bytes.limit != "auto"
        limit = f"max_memory is {size_text(allowed)}" if known else f"{size_text(allowed)} of what is free may be taken"
        more = "raise max_memory" if known else "give it more memory"
    elif max_bytes is not None:
        limit, share = f"{size_text(max(0, max_bytes))} may be taken", _scale(max_bytes, needed, base)
    else:
        limit = "there is not as much"
    side = int(max(size) * min(0.9, share) ** (1 if strips else 0.5))  # a strip is as wide as the image
    such = f", to a long side of {side} px, say" if side >= 64 else ""
    takes = f"{size[0]} x {size[1]} px: {method} takes an image {way}, which needs {needs}"
    return NoRoomError(f"{takes}, and {limit}; {more} or make the image smaller{such}")


def _scale(allowed: int, needed: int, base: int) -> float:
    """Return what share of an image's pixels fits; what the libraries take is the same for any."""
    return max(0, allowed - base) / max(1, needed - base)


def whole_plan(graph: Graph) -> Plan:
    """Return what the image takes if it goes through the network at once."""
    tall = [node for node in graph.nodes if node.kind == "rows"]
    # Python lets go of a tensor when its name is given to another one: the next result.
    last = {one: number + _HELD_ON for number, node in enumerate(tall) for one in [node, *node.inputs]}
    last |= {node: len(tall) for node in [graph.nodes[0], graph.result]}
    live = most = graph.nodes[0].whole_bytes
    for number, node in enumerate(tall):
        live += node.whole_bytes
        most = max(most, live + _beside(node, node.height))
        live -= sum(one.whole_bytes for one, end in last.items() if end == number)
    picture = graph.nodes[0].meta.numel() * 4
    return Plan(max(most, 3 * picture) + BASE_BYTES)


def strip_plan(graph: Graph, max_bytes: int | None = None, *, files: bool = False) -> Plan:
    """Return the fastest way in strips that takes no more than `max_bytes`; the one that takes least if none does.

    files: what is kept may be in mapped files where computing it again would take too long.
    """
    strip_px = max(LEAST_STRIP_PX, 2 ** round(math.log2(STRIP_PIXELS / graph.nodes[0].meta.shape[-1])))
    while True:
        plan, settled = _plan_at(graph, strip_px, max_bytes, files)
        if settled or strip_px <= LEAST_STRIP_PX:
            return plan
        strip_px //= 2


def _plan_at(graph: Graph, strip_px: int, max_bytes: int | None, files: bool) -> tuple[Plan, bool]:
    """Return the fastest way in strips of so many rows, and whether lower ones cannot be a better one."""
    most = math.inf if max_bytes is None else max_bytes
    plan = _plan_of(graph, [], strip_px)
    room = most - plan.bytes
    if room < 0 and strip_px > LEAST_STRIP_PX:
        return plan, False
    while room > 0:
        kept = _plan_of(graph, _best_kept(graph, room), strip_px)
        if kept.bytes <= most:
            plan = kept
            break
        # What is kept has the strips of a pass hold other rows, and more of them.
        room -= max(kept.bytes - most, room / 4)
    if not files or plan.work <= WORK_WITHOUT_FILES:
        return plan, True
    image = graph.nodes[0]
    on_disk = min(FILE_BYTES_PER_PIXEL * image.meta.shape[-1] * image.height, scratch.free_on_disk() // 4)
    filed = _plan_of(graph, _best_kept(graph, on_disk), strip_px, mapped=True)
    if filed.work >= plan.work:
        return plan, True
    return (filed, True) if filed.bytes <= max(most, plan.bytes) else (plan, False)


def _plan_of(graph: Graph, kept: Sequence[frozenset[Node]], strip_px: int, *, mapped: bool = False) -> Plan:
    passes = schedule(graph, kept)
    sets = [frozenset(), *kept, *[frozenset()] * (len(passes) - len(kept))]
    held = [0 if mapped else _kept_bytes(*pair) for pair in pairwise(sets)]
    sizes = [
        size + strip_bytes(one, graph, strip_px) + STRIP_BASE_BYTES for size, one in zip(held, passes, strict=True)
    ]
    strips = -(-graph.nodes[0].height // strip_px)
    once = sum(_cost(node) for node in graph.nodes if node.kind == "rows")
    work = sum(_cost(node) for one in passes for node in one.nodes) / once
    return Plan(max(sizes), strips, len(passes), work, strip_px, sizes[-1], mapped, passes, graph)


def _kept_bytes(before: frozenset[Node], after: frozenset[Node]) -> int:
    """Return the bytes of what is kept whole while a pass makes of the one what is kept after it."""
    saved = overwritten(before, after).values()
    return sum(node.whole_bytes for node in (before | after).difference(saved))


def _best_kept(graph: Graph, room: float) -> list[frozenset[Node]]:
    """Return what to keep after each pass so that least is computed, with never more than `room` bytes kept.

    From pass to pass, for each set that may be kept, the way to it that computes least (dynamic programming).
    """
    costs = {node.index: _cost(node) for node in graph.nodes if node.kind == "rows"}
    last = graph.result.level
    ways: dict[frozenset[Node], tuple[float, list[frozenset[Node]]]] = {frozenset(): (0.0, [])}
    known: dict[int, float] = {}
    for level in range(last + 1):
        further: dict[frozenset[Node], tuple[float, list[frozenset[Node]]]] = {}
        front = _front(graph, level) if level < last else None
        targets = wanted(graph, level)
        for before, (spent, path) in ways.items():
            reach = _reach(graph, before)
            for after in _sets(before, front, room):
                if _kept_bytes(before, after) > room:
                    continue
                bits = 0
                for node in (*targets, *(after - before)):
                    bits |= reach[node]
                if bits not in known:
                    known[bits] = sum(cost for index, cost in costs.items() if bits >> index & 1)
                total = spent + known[bits]
                if after not in further or total < further[after][0]:
                    further[after] = (total, [*path, after])
        ways = dict(sorted(further.items(), key=lambda way: way[1][0])[:_MOST_WAYS])
    return min(ways.values(), key=lambda way: way[0])[1][:-1]


def _front(graph: Graph, level: int) -> frozenset[Node]:
    """Return what a pass can make that a later one uses as it is."""
    return frozenset(
        one
        for node in graph.nodes
        if node.level > level and node.kind == "rows"
        for one in node.inputs
        if one.kind == "rows" and one.level <= level
    )


def _sets(before: frozenset[Node], front: frozenset[Node] | None, room: float) -> Iterator[frozenset[Node]]:
    """Yield what may be kept after a pass: what was before, and its front, but few at once; nothing after the last.

    Each result has room for itself.
    """
    some = [] if front is None else [node for node in before | front if node.whole_bytes <= room]
    some.sort(key=lambda node: node.index)
    for count in range(min(_MOST_KEPT, len(some)) + 1):
        yield from map(frozenset, itertools.combinations(some, count))


def _reach(graph: Graph, kept: frozenset[Node]) -> dict[Node, int]:
    """Return for each node what must be computed for it: the bit of each such node's index."""
    reach: dict[Node, int] = {}
    for node in graph.nodes:
        if node.kind == "rows":
            bits = 0 if node in kept else 1 << node.index
            for one in node.inputs if bits else ():
                bits |= reach.get(one, 0)
            reach[node] = bits
    return reach


def strip_bytes(one: Pass, graph: Graph, strip_px: int) -> int:
    """Return the most that a strip in the middle of a pass holds."""
    planned = spans(one, graph.nodes[0], strip_px, most=4)
    steps = planned[min(2, len(planned) - 1)]
    held: dict[Node, int] = {step.node: max(0, step.rows[0] - step.low) * step.node.row_bytes for step in steps}
    waiting = Counter(i for s in steps if s.node not in one.sources for i in set(s.node.inputs))
    live = sum(held.values())
    most = live
    for step in steps:
        rows, node = step.rows[1] - step.rows[0], step.node
        new = rows * node.row_bytes
        # Behind the rows that are held from before, new ones are copied.
        most = max(most, live + new + max(_beside(node, rows), held[node] + new if held[node] else 0))
        held[node] += new
        live += new
        if step.mine is not None:
            values = (step.mine[1] - step.mine[0]) * node.row_bytes // node.meta.element_size()
            most = max(most, live + 8 * values)
        for needed in {node, *(node.inputs if node not in one.sources else ())} & held.keys():
            if needed is not node:
                waiting[needed] -= 1
            if not waiting[needed]:
                last = next(s for s in steps if s.node is needed)
                rest = max(0, last.rows[1] - last.keep) * needed.row_bytes
                live -= held[needed] - min(rest, held[needed])
                held[needed] = min(rest, held[needed])
    return most


def _beside(node: Node, rows: int) -> int:
    """Return what an operation takes beside its result."""
    if node.func is _layers.normalize_by and node.meta.dtype == torch.float32:
        return rows * node.row_bytes
    if node.func is _folded.up_conv:
        # Its input with a border.
        return rows * node.inputs[0].row_bytes
    return 0


def _cost(node: Node) -> float:
    return node.meta.numel() * (rule_of(node).macs(node) + _PER_VALUE)
