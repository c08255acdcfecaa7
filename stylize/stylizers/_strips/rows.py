"""How each operation of a network is done for some rows of its result: which rows it needs, and what it does to them.

A rule has two functions. `needs` tells the rows [a, b) of the result to the rows it takes of its input. `run` computes
them from these rows, so that nothing of a strip's border gets into the result: an image's border is only where an image
ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from stylize.stylizers import _folded, _layers
from stylize.stylizers._strips.trace import Node, NotTraceableError, is_pointwise

Span = tuple[int, int]
"""Rows from the first to before the second."""


class Rule(NamedTuple):
    """How to do an operation in strips.

    needs: the rows of the first input that rows [a, b) of the result take. run: those rows of the result, given the
    arguments with strips in place of images and the span that the first one has. macs: multiplications for one value
    of the result.
    """

    needs: Callable[[Node, int, int], Span]
    run: Callable[[Node, tuple[Any, ...], dict[str, Any], Span, int, int], Tensor]
    macs: Callable[[Node], float] = lambda node: 0.0


def rule_of(node: Node) -> Rule:
    """Return how to do a node of kind `rows`. Raises NotTraceableError where nobody has said how."""
    if (rule := _RULES.get(node.func)) is not None:
        return rule
    name = getattr(node.func, "__name__", str(node.func)).strip("_")
    tall = [one for one in node.inputs if one.has_rows]
    if is_pointwise(node.func) and all(one.meta.shape[-2:] == node.meta.shape[-2:] for one in tall):
        return _SAME
    if name == "getitem" and isinstance(node.args[0], Node):
        return _CROP
    raise NotTraceableError(f"{name} of {[tuple(one.meta.shape) for one in tall]} to {tuple(node.meta.shape)}")


def _input_height(node: Node) -> int:
    return node.inputs[0].height


def _whole(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any], span: Span, a: int, b: int) -> Tensor:
    result: Tensor = node.func(*args, **kwargs)
    return result


_SAME = Rule(lambda node, a, b: (a, b), _whole)


def _cut(first: Callable[[Node, int], int]) -> Callable[..., Tensor]:
    """Do the operation on all rows given and cut those asked for; `first` is the result's first row by the strip's."""

    def run(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any], span: Span, a: int, b: int) -> Tensor:
        result = _whole(node, args, kwargs, span, a, b)
        start = first(node, span[0])
        return result if (a, b) == (start, start + result.shape[-2]) else result[..., a - start : b - start, :]

    return run


# Slices of rows and columns: the rows are already cut.


def _offset(node: Node) -> int:
    rows = _row_item(node)
    if not isinstance(rows, slice) or rows.step not in (None, 1):
        raise NotTraceableError(f"[{node.args[1]}] of an image")
    return int(rows.indices(_input_height(node))[0])


def _row_item(node: Node) -> Any:
    index, place = _row_place(node)
    return slice(None) if place is None else index[place]


def _row_place(node: Node) -> tuple[list[Any], int | None]:
    """Return the items of an index, and which of them is for rows."""
    index = list(node.args[1]) if isinstance(node.args[1], tuple) else [node.args[1]]
    if index and index[0] is Ellipsis:
        return index, len(index) - 2 if len(index) > 2 else None
    dims = [place for place, item in enumerate(index) if item is not None]
    row = node.inputs[0].meta.dim() - 2
    return index, dims[row] if len(dims) > row else None


def _crop(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any], span: Span, a: int, b: int) -> Tensor:
    index, place = _row_place(node)
    if place is not None:
        index[place] = slice(None)
    result: Tensor = args[0][tuple(index)]
    return result


_CROP = Rule(lambda node, a, b: (a + _offset(node), b + _offset(node)), _crop)


# Borders. A mirror needs more rows than it adds.


def _frame(node: Node) -> Span:
    pad = list(_argument(node, 1, "pad"))
    pad += [0] * (4 - len(pad))
    if len(pad) > 4:
        raise NotTraceableError(f"pad {pad}")
    return pad[2], pad[3]


def _pad_needs(node: Node, a: int, b: int) -> Span:
    return _bordered(node, a, b, *_frame(node))


def _bordered(node: Node, a: int, b: int, top: int, bottom: int) -> Span:
    height, least = _input_height(node), max(top, bottom) + 1
    first, last = max(0, min(a - top, height)), min(height, max(b - top, 0))
    if a < top:
        first, last = 0, max(last, top - a + 1, least)
    if b > height + top:
        last, first = height, min(first, height - (b - height - top) - 1, height - least)
    if last - first < least:
        last = min(height, first + least)
        first = max(0, min(first, last - least))
    return max(0, first), min(height, last)


# A strip's result begins where the strip does: of the rows before, as many were added as the first row moved down.
_PAD = Rule(_pad_needs, _cut(lambda node, start: start))
_MIRROR = Rule(lambda node, a, b: _bordered(node, a, b, 2, 2), _cut(lambda node, start: start))


# Convolutions and pooling.


def _argument(node: Node, index: int, name: str, default: Any = None) -> Any:
    return node.args[index] if len(node.args) > index else node.kwargs.get(name, default)


def _pair(value: Any) -> tuple[int, int]:
    return (int(value[0]), int(value[-1])) if isinstance(value, tuple | list) else (int(value), int(value))


def _conv_shape(node: Node) -> tuple[int, int, int]:
    """Return the kernel's height, the step down and the rows of zeros above."""
    padding = _argument(node, 4, "padding", 0)
    if isinstance(padding, str) or _pair(_argument(node, 5, "dilation", 1)) != (1, 1):
        raise NotTraceableError(f"a convolution with padding {padding!r} or dilation")
    weight = _argument(node, 1, "weight")
    return int(weight.shape[2]), _pair(_argument(node, 3, "stride", 1))[0], _pair(padding)[0]


def _conv_needs(node: Node, a: int, b: int) -> Span:
    kernel, stride, zeros = _conv_shape(node)
    return max(0, a * stride - zeros), min(_input_height(node), (b - 1) * stride - zeros + kernel)


def _conv(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any], span: Span, a: int, b: int) -> Tensor:
    kernel, stride, zeros = _conv_shape(node)
    top = max(0, zeros - a * stride)
    bottom = max(0, (b - 1) * stride - zeros + kernel - _input_height(node))
    x = F.pad(args[0], (0, 0, top, bottom)) if top or bottom else args[0]
    _, across = _pair(_argument(node, 4, "padding", 0))
    weight, bias = _argument(node, 1, "weight"), _argument(node, 2, "bias")
    return F.conv2d(x, weight, bias, _argument(node, 3, "stride", 1), (0, across), 1, _argument(node, 6, "groups", 1))


def _conv_macs(node: Node) -> float:
    weight = _argument(node, 1, "weight")
    return float(weight.shape[1] * weight.shape[2] * weight.shape[3])


def _pool_needs(node: Node, a: int, b: int) -> Span:
    size, stride = (_pair(_argument(node, i, name))[0] for i, name in ((1, "kernel_size"), (2, "stride")))
    if size != stride or _pair(_argument(node, 3, "padding", 0)) != (0, 0):
        raise NotTraceableError("pooling with overlap")
    return a * size, min(_input_height(node), b * size)


_CONV = Rule(_conv_needs, _conv, _conv_macs)
_POOL = Rule(_pool_needs, _whole)


# Other sizes.


def _enlarge_needs(node: Node, a: int, b: int) -> Span:
    mode, height = _argument(node, 3, "mode", "nearest"), _input_height(node)
    if mode not in ("nearest", "bilinear") or _argument(node, 4, "align_corners"):
        raise NotTraceableError(f"interpolate {mode}")
    if _argument(node, 2, "scale_factor") is not None and node.height == 2 * height:
        more = int(mode == "bilinear")
        return max(0, a // 2 - more), min(height, (b + 1) // 2 + more)
    if mode == "nearest":
        raise NotTraceableError("a size other than twice the one before")
    above, below, _ = _between(node, a, b)
    return int(above[0]), int(below[-1]) + 1


def _between(node: Node, a: int, b: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return for rows [a, b) the rows of the input that each lies between, and how far it is to the second one."""
    height = _input_height(node)
    place = ((torch.arange(a, b, dtype=torch.float64, device="cpu") + 0.5) * (height / node.height) - 0.5).clamp_min(0)
    above = place.long().clamp_max(height - 1)
    return above, (above + 1).clamp_max(height - 1), (place - above).float()


def _enlarge(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any], span: Span, a: int, b: int) -> Tensor:
    if _argument(node, 2, "scale_factor") is not None:
        return _cut(lambda node, start: 2 * start)(node, args, kwargs, span, a, b)
    x, (above, below, way) = args[0], _between(node, a, b)
    way = way.to(x)[:, None]
    rows = x[..., (above - span[0]).to(x.device), :] * (1 - way) + x[..., (below - span[0]).to(x.device), :] * way
    return F.interpolate(rows, (b - a, node.meta.shape[-1]), mode="bilinear")


_ENLARGE = Rule(_enlarge_needs, _enlarge)
_UNSHUFFLE = Rule(lambda node, a, b: (a * node.args[1], b * node.args[1]), _whole)
_SHUFFLE = Rule(
    lambda node, a, b: (a // node.args[1], -(-b // node.args[1])), _cut(lambda node, start: start * node.args[1])
)


def _up_needs(node: Node, a: int, b: int) -> Span:
    height = _input_height(node)
    first, last = max(0, a - 1), min(height, b + 1)
    return min(first, max(0, last - 2)), max(last, min(height, first + 2))


_UP = Rule(
    _up_needs,
    _cut(lambda node, start: start),
    lambda node: float(node.args[1].folded.weight[0].numel()),
)

_RULES: dict[Any, Rule] = {
    F.pad: _PAD,
    F.conv2d: _CONV,
    torch.conv2d: _CONV,
    F.max_pool2d: _POOL,
    F.interpolate: _ENLARGE,
    F.pixel_unshuffle: _UNSHUFFLE,
    F.pixel_shuffle: _SHUFFLE,
    _folded.up_conv: _UP,
    _folded.mirror: _MIRROR,
    _layers.normalize_by: _SAME,
}
