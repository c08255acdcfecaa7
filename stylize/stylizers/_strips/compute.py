"""An image through a network in strips: the same result, with a part of the memory.

`run` goes down the image once per pass (see `passes`), strip by strip. Each operation computes only rows that are new;
earlier ones that the next strip needs as well are held until then. So nothing is computed twice at a strip's border,
and no border can be seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from stylize.images import scratch
from stylize.machine import devices
from stylize.machine.double import near_double
from stylize.stylizers._strips.passes import Pass, Step, spans
from stylize.stylizers._strips.rows import Rule, Span, rule_of
from stylize.stylizers._strips.trace import Graph, Node, mapped

Rows = Callable[[int, int], Tensor]
"""Gives rows [a, b) of the image as (1, C, b - a, W) in fp32."""
Sink = Callable[[int, Tensor], None]
"""Takes rows of the result, and the number of the first of them."""
_ROUNDED = 2.0**-20
"""Where no value is further from its channel's mean than so much of the layer's largest mean, it is what fp32 rounds
off, and none: a photo of one colour has such, as strips of other heights are summed in another order
(docs/decisions.md)."""


class Moments:
    """Mean and variance of each channel, gathered strip by strip (Chan, Golub and LeVeque 1983), summed in fp64."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Any = 0.0
        self._squares: Any = 0.0
        self._peak: Any = 0.0

    def add(self, x: Tensor) -> None:
        """Take in rows (1, C, h, W)."""
        x = x.float()
        count = x.shape[-2] * x.shape[-1]
        mean = x.mean((-2, -1), keepdim=True)
        each = (x - mean).square_()
        squares = near_double(each.sum((-2, -1), keepdim=True)).double()
        mean, total = near_double(mean).double(), self._count + count
        peak = _peak(each, mean, squares / count)
        self._peak = torch.maximum(self._peak, peak) if self._count else peak
        apart = mean - self._mean
        self._mean = self._mean + apart * (count / total)
        self._squares = self._squares + squares + apart.square() * (self._count * count / total)
        self._count, self._device = total, x.device

    def result(self, phases: int) -> tuple[Tensor, Tensor]:
        """Return mean and variance, (1, C, 1, 1) in fp32; `phases` neighbouring channels share theirs."""
        mean, var, peak = self._mean, self._squares / self._count, self._peak
        if mean.dim() == 3:
            mean, var, peak = mean[None], var[None], peak[None]
        if phases > 1:
            grouped, groups = mean.view(1, -1, phases, 1, 1), mean.shape[1] // phases
            common = grouped.mean(2, keepdim=True)
            var = (var.view(1, groups, phases, 1, 1) + (grouped - common).square()).mean(2)
            peak = peak.view(1, groups, phases, 1, 1).amax(2).repeat_interleave(phases, 1)
            mean, var = common[:, :, 0].repeat_interleave(phases, 1), var.repeat_interleave(phases, 1)
        var = var * (torch.maximum(var, peak) > _rounded(mean))
        return mean.float().to(self._device), var.float().to(self._device)


def _rounded(mean: Tensor) -> Tensor:
    return (_ROUNDED * mean.abs().amax()).square()


def _peak(each: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    """Return the largest of each channel's squares; the mean of them, `var`, where that is no rounding already."""
    # A CPU looks for it where that leaves it open, as in hardly any photo; a card would have to be waited for.
    unclear = not each.is_cpu or bool(((var > 0) & (var <= _rounded(mean))).any())
    return near_double(each.amax((-2, -1), keepdim=True)).double() if unclear else var


def run(graph: Graph, passes: list[Pass], strip_px: int, rows: Rows, sink: Sink, *, mapped: bool = False) -> None:
    """Run the network in strips of `strip_px` rows of the image; the result's rows go to `sink`.

    mapped: what is kept from pass to pass is in mapped files.
    """
    _Run(graph, strip_px, rows, sink, mapped).all(passes)


class _Run:
    def __init__(self, graph: Graph, strip_px: int, rows: Rows, sink: Sink, mapped: bool) -> None:
        self._graph, self._strip_px, self._rows, self._sink, self._mapped = graph, strip_px, rows, sink, mapped
        self._small: dict[Node, Any] = {}
        self._kept: dict[Node, Tensor] = {}
        self._statistics: dict[Node, list[Node]] = {}
        for node in graph.nodes:
            if node.kind == "moments":
                self._statistics.setdefault(node.inputs[0], []).append(node)

    def all(self, passes: list[Pass]) -> None:
        for number, one in enumerate(passes):
            # The next pass has tensors of other sizes: an allocator would keep those of the last beside them.
            devices.empty_cache()
            self._pass(one, {source for later in passes[number + 1 :] for source in later.sources})

    def _pass(self, one: Pass, later: set[Node]) -> None:
        gathered = {node: Moments() for node in one.targets if self._open(node)}
        self._held: dict[Node, tuple[int, Tensor]] = {}
        for steps in spans(one, self._graph.nodes[0], self._strip_px):
            self._strip(one, steps, gathered)
            for tensor in self._kept.values() if self._mapped else ():
                scratch.let_go(tensor.as_strided((tensor.numel(),), (1,)).view(torch.uint8).numpy())
        self._held.clear()
        for node, moments in gathered.items():
            for statistic in self._statistics[node]:
                self._small[statistic] = moments.result(statistic.args[1])
        self._kept = {node: tensor for node, tensor in self._kept.items() if node in later}

    def _open(self, node: Node) -> bool:
        return node in self._statistics and any(one not in self._small for one in self._statistics[node])

    def _strip(self, one: Pass, steps: list[Step], gathered: dict[Node, Moments]) -> None:
        waiting = Counter(needed for step in steps if _new(step) for needed in set(_tall(step.node, one)))
        for step in steps:
            node = step.node
            if _new(step):
                self._add_rows(step, self._source(one, step) if node in one.sources else self._computed(step))
                for needed in set(_tall(node, one)):
                    waiting[needed] -= 1
                    self._let_go(needed, waiting, steps)
            if step.mine is not None and step.mine[1] > step.mine[0]:
                self._deliver(one, node, step.mine, gathered)
            self._let_go(node, waiting, steps)

    def _source(self, one: Pass, step: Step) -> Tensor:
        a, b = step.rows
        if step.node.kind == "input":
            return self._rows(a, b)
        rows = self._kept[step.node][..., a:b, :]
        return rows.clone() if step.node in one.over.values() else rows

    def _computed(self, step: Step) -> Tensor:
        node = step.node
        a, b = step.rows
        rule: Rule = rule_of(node)
        span = rule.needs(node, a, b)
        args, kwargs = mapped((node.args, node.kwargs), lambda value: self._value(value, span))
        return rule.run(node, args, kwargs, span, a, b)

    def _value(self, value: Any, span: Span) -> Any:
        """Return what stands for a node: rows of an image, or a small value, computed when it is first asked for."""
        if not isinstance(value, Node):
            return value
        if value.has_rows:
            start, tensor = self._held[value]
            whole = (start, start + tensor.shape[-2]) == span
            return tensor if whole else tensor[..., span[0] - start : span[1] - start, :]
        if value not in self._small:
            args, kwargs = mapped((value.args, value.kwargs), lambda one: self._value(one, span))
            self._small[value] = value.func(*args, **kwargs)
        return self._small[value]

    def _add_rows(self, step: Step, new: Tensor) -> None:
        """Hold a node's new rows behind those that are still needed."""
        if step.low < step.rows[0]:
            start, before = self._held.pop(step.node)
            new = torch.cat([before[..., step.low - start : step.rows[0] - start, :], new], dim=-2)
        self._held[step.node] = (min(step.low, step.rows[0]), new)

    def _let_go(self, node: Node, waiting: Counter[Node], steps: list[Step]) -> None:
        if waiting[node] > 0 or node not in self._held:
            return
        step = next(step for step in steps if step.node is node)
        start, tensor = self._held[node]
        if step.keep >= start + tensor.shape[-2]:
            del self._held[node]
        elif step.keep > start:
            self._held[node] = (step.keep, tensor[..., step.keep - start :, :].clone())

    def _deliver(self, one: Pass, node: Node, mine: tuple[int, int], gathered: dict[Node, Moments]) -> None:
        start, tensor = self._held[node]
        rows = tensor[..., mine[0] - start : mine[1] - start, :]
        if node in gathered:
            gathered[node].add(rows)
        if node in one.makes:
            self._keep(one, node, mine, rows)
        if node is self._graph.result:
            self._sink(mine[0], rows)

    def _keep(self, one: Pass, node: Node, mine: tuple[int, int], rows: Tensor) -> None:
        if node not in self._kept:
            if node in one.over:
                self._kept[node] = self._kept[one.over[node]]
            else:
                self._kept[node] = self._room(node, rows)
        self._kept[node][..., mine[0] : mine[1], :] = rows

    def _room(self, node: Node, rows: Tensor) -> Tensor:
        """Return a tensor of a whole image without values, of the kind of its `rows`."""
        inner = rows.is_contiguous(memory_format=torch.channels_last)
        n, c, h, w = node.meta.shape
        if not self._mapped:
            layout = torch.channels_last if inner else torch.contiguous_format
            return torch.empty((n, c, h, w), dtype=rows.dtype, device=rows.device, memory_format=layout)
        flat = torch.from_numpy(scratch.empty((n * c * h * w * rows.element_size(),), 0)).view(rows.dtype)
        return flat.view(n, h, w, c).permute(0, 3, 1, 2) if inner else flat.view(n, c, h, w)


def _new(step: Step) -> bool:
    return step.rows[1] > step.rows[0]


def _tall(node: Node, one: Pass) -> list[Node]:
    return [] if node in one.sources else [n for n in node.inputs if n.has_rows]
