"""Sums in fp64 for a device that has none: a pretended one, which refuses as Apple's does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from stylize.machine import double
from stylize.measure.perceptual import structural_distance
from stylize.stylizers._color import Colors, match_colors
from stylize.stylizers._strips.compute import Moments


class There(Tensor):
    """A tensor on the device."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.double or torch.float64 in (kwargs or {}).values():
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        if func is Tensor.cpu:
            return args[0].as_subclass(Tensor)
        return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[no-untyped-call]


def test_what_is_summed_in_fp64_is_the_same_on_a_device_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def sums(kind: type[Tensor]) -> list[Tensor]:
        one, other = (torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(n)).as_subclass(kind) for n in (0, 1))
        moments = Moments()
        moments.add(one[None])
        apart = structural_distance(one[None], other[None])
        return [*moments.result(1), match_colors(one, Colors(other)), torch.tensor(apart)]

    wanted = sums(Tensor)
    monkeypatch.setattr(double, "has_double", lambda kind: False)
    for ours, theirs in zip(sums(There), wanted, strict=True):
        assert torch.equal(ours.as_subclass(Tensor), theirs)


def test_whether_a_device_has_fp64_is_found_by_trying() -> None:
    assert double.has_double("cpu")
    assert not double.has_double("no such device")
