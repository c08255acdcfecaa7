"""A network as a list of its operations, found by running it once on tensors without data.

What is recorded are calls of torch's functions, so any network is traced as it is written. An operation whose result
has rows is `rows`; one that looks at a whole image, `moments`: the mean and variance of each channel, from which
`small` values follow. What depends on no image is computed at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from stylize.stylizers import _folded, _layers

Kind = Literal["input", "rows", "moments", "small"]
T = TypeVar("T")


class NotTraceableError(Exception):
    """The network does something with an image's rows that nobody has said how to do in strips."""


@dataclass(eq=False)
class Node:
    """An operation: `args` and `kwargs` hold nodes in place of the tensors they made. `meta` has shape and type."""

    index: int
    kind: Kind
    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    meta: Tensor
    level: int = 0
    """How many statistics one after the other must be known before this one can be computed."""

    @functools.cached_property
    def inputs(self) -> list[Node]:
        """Return the nodes it needs, in the order they are given in."""
        return all_in((self.args, self.kwargs), Node)

    @property
    def has_rows(self) -> bool:
        """Return whether its result has rows of the image: it is the image itself, or made of it row by row."""
        return self.kind in ("input", "rows")

    @functools.cached_property
    def height(self) -> int:
        """Return the rows of its result."""
        return int(self.meta.shape[-2])

    @functools.cached_property
    def row_bytes(self) -> int:
        """Return the bytes of one row of its result."""
        return self.meta.numel() // self.height * self.meta.element_size()

    @functools.cached_property
    def whole_bytes(self) -> int:
        """Return the bytes of its result; 0 for one that is a part of another's, or no image."""
        if not self.has_rows or getattr(self.func, "__name__", "") in ("__getitem__", "getitem"):
            return 0
        return self.meta.numel() * self.meta.element_size()


@dataclass
class Graph:
    """All operations, in an order in which they can be done; the first is the image, `result` what is made of it."""

    nodes: list[Node]
    result: Node


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return tuples, lists and dicts with `change` applied to what is in them."""
    if isinstance(value, tuple | list):
        parts = [mapped(part, change) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {key: mapped(part, change) for key, part in value.items()}
    return change(value)


def all_in(value: Any, kind: type[T]) -> list[T]:
    """Return what is of a kind in tuples, lists and dicts, in order."""
    found: list[T] = []
    mapped(value, lambda part: found.append(part) if isinstance(part, kind) else None)
    return found


def trace(function: Callable[[Tensor], Tensor], shape: tuple[int, int, int, int]) -> Graph:
    """Return the operations of `function`, from an image (1, C, H, W) in fp32 to another.

    Raises NotTraceableError for what cannot be recorded.
    """
    image = torch.empty(shape, device="meta")
    recorder = _Recorder(image)
    with torch.inference_mode(), recorder:
        result = recorder.known(function(image))
    if not isinstance(result, Node) or result.kind != "rows":
        raise NotTraceableError("a picture that is not made of the image")
    return Graph(recorder.nodes, result)


def moments(x: Tensor, phases: int) -> tuple[Tensor, Tensor]:
    """Return mean and variance of each channel; never called, but recorded, by `_Recorder._moments`."""
    raise NotImplementedError


def pick(values: Any, index: int) -> Any:
    """Return one of several results."""
    return values[index]


class _Recorder(TorchFunctionMode):
    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self._nodes: dict[int, Node] = {}
        self._held: list[Tensor] = []  # as an id is only good while its tensor lives
        self._add("input", pick, (), {}, image)

    def known(self, value: Any) -> Any:
        """Return the node of a tensor that was traced, anything else as it is."""
        return self._nodes.get(id(value), value) if isinstance(value, Tensor) else value

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        args_, kwargs_ = mapped(tuple(args), self.known), mapped(kwargs, self.known)
        if not (inputs := all_in((args_, kwargs_), Node)):
            return func(*args, **kwargs)
        if func in _SPECIAL:
            return _SPECIAL[func](self, *args, **kwargs)
        kind: Kind = "rows" if any(node.has_rows for node in inputs) else "small"
        result = _result_of(func, tuple(args), kwargs, kind == "rows")
        name, over = getattr(func, "__name__", ""), None
        if name.endswith("_") and not name.endswith("__") and isinstance(args[0], Tensor):
            func, over = getattr(torch.Tensor, name[:-1]), args[0]
        elif kwargs_.pop("inplace", False):
            over = args[0]
        return self._recorded(kind, func, args_, kwargs_, over, result)

    def _recorded(self, kind: Kind, func: Any, args: Any, kwargs: Any, over: Tensor | None, result: Any) -> Any:
        """Record a call. over: the tensor that it changes, which in strips stays as it is: it may still be needed."""
        if isinstance(result, Tensor):
            self._add(kind, func, args, kwargs, result, stands=over)
            return result if over is None else over
        if isinstance(result, tuple | list) and all(isinstance(part, Tensor) for part in result):
            if kind == "rows":
                raise NotTraceableError(f"{func.__name__} of an image")
            whole = self._add(kind, func, args, kwargs, result[0])
            for index, part in enumerate(result):
                self._add(kind, pick, (whole, index), {}, part)
        return result

    def _add(
        self, kind: Kind, func: Any, args: Any, kwargs: Any, meta: Tensor, *, stands: Tensor | None = None
    ) -> Node:
        node = Node(len(self.nodes), kind, func, args, kwargs, meta)
        above = [one.level + (one.kind == "moments") for one in node.inputs]
        node.level = max(above, default=0)
        self.nodes.append(node)
        self._nodes[id(stands if stands is not None else meta)] = node
        self._held.append(meta)
        return node

    def _moments(self, x: Tensor, phases: int) -> tuple[Tensor, Tensor]:
        """Record the statistics of (1, C, H, W): two (1, C, 1, 1) in fp32."""
        if (source := self.known(x)).kind == "small":
            raise NotTraceableError("statistics of statistics")
        values = [torch.empty(1, x.shape[1], 1, 1, device="meta") for _ in range(2)]
        whole = self._add("moments", moments, (source, phases), {}, values[0].clone())
        for index, value in enumerate(values):
            node = self._add("small", pick, (whole, index), {}, value)
            assert node.level == source.level + 1
        return values[0], values[1]

    def _mean_std(self, x: Tensor, correction: int = 1) -> tuple[Tensor, Tensor]:
        with self:
            mean, var = self._moments(x, 1)
            return mean, (_layers.unbiased(var, x, correction) + _layers.EPS).sqrt()

    def _normalize(self, x: Tensor, gain: Tensor, shift: Tensor, correction: int = 0, phases: int = 1) -> Tensor:
        with self:
            mean, var = self._moments(x, phases)
            return _layers.normalize_by(x, mean, _layers.unbiased(var, x, correction, phases), gain, shift)

    def _unbind(self, x: Tensor, dim: int = 0) -> list[Tensor]:
        if dim != 0 or len(x) != 1:
            raise NotTraceableError("several images")
        with self:
            return [x[0]]

    def _average(self, x: Tensor, output_size: Any) -> Tensor:
        if output_size not in (1, (1, 1)):
            raise NotTraceableError(f"adaptive_avg_pool2d to {output_size}")
        with self:
            return self._moments(x, 1)[0].to(x.dtype)


POINTWISE = {
    "add", "radd", "sub", "rsub", "mul", "rmul", "div", "truediv", "neg", "relu", "addcmul", "lerp", "square", "to",
    "float", "clamp", "contiguous", "normalize_by",
}  # fmt: skip
"""Names of what is done to each value of an image by itself; each may stand between underscores."""


def is_pointwise(func: Any) -> bool:
    """Return whether a function of torch's does something to each value by itself."""
    return getattr(func, "__name__", str(func)).strip("_") in POINTWISE


def _result_of(func: Any, args: Any, kwargs: Any, has_rows: bool) -> Any:
    """Return a function's result without data.

    Done to tensors without data, arithmetic would import torch's compiler, which takes a second. So it is done to small
    stand-ins on the CPU.
    """
    if has_rows and is_pointwise(func):
        small = mapped((args, kwargs), _small)
        shapes = [one.shape for one in all_in((args, kwargs), Tensor)]
        shape = args[0].shape if func is _layers.normalize_by else np.broadcast_shapes(*shapes)
        return torch.empty(shape, dtype=func(*small[0], **small[1]).dtype, device="meta")
    if has_rows and (shape := _shape_of(func, args, kwargs)) is not None:
        return torch.empty(shape, dtype=args[0].dtype, device="meta")
    given = mapped((args, kwargs), _to_meta if has_rows else _to_zeros)
    return mapped(func(*given[0], **given[1]), _to_meta)


def _shape_of(func: Any, args: Any, kwargs: Any) -> tuple[int, ...] | None:
    """Return the result's shape of what is made of such arithmetic; None for another function."""
    if func is F.interpolate:
        given = dict(zip(("input", "size", "scale_factor"), args, strict=False)) | kwargs
        size, factor = given.get("size"), given.get("scale_factor")
        if isinstance(size, tuple | list) or isinstance(factor, int):
            return (*args[0].shape[:2], *(size or (side * factor for side in args[0].shape[2:])))
    if func is _folded.up_conv:
        count, _, height, width = args[0].shape
        return (count, len(args[1].folded.weight), height, width)
    return None


def _small(value: Any) -> Any:
    """Return zeros like a tensor, of one row and column."""
    return torch.zeros(*value.shape[:-2], 1, 1, dtype=value.dtype) if isinstance(value, Tensor) else value


def _to_zeros(value: Any) -> Any:
    return torch.zeros(value.shape, dtype=value.dtype) if isinstance(value, Tensor) else value


def _to_meta(value: Any) -> Any:
    return value.to("meta") if isinstance(value, Tensor) else value


_SPECIAL: dict[Any, Any] = {
    _layers.mean_std: _Recorder._mean_std,
    _layers.normalize: _Recorder._normalize,
    F.adaptive_avg_pool2d: _Recorder._average,
    torch.Tensor.unbind: _Recorder._unbind,
}
