"""Where sums in fp64 are taken: on the CPU in place of devices that have none, as Apple's and some of Intel's."""

from __future__ import annotations

import functools

import torch
from torch import Tensor


def near_double(x: Tensor) -> Tensor:
    """Return a tensor where fp64 is: as it is, or on the CPU."""
    return x if has_double(x.device.type) else x.cpu()


@functools.cache
def has_double(kind: str) -> bool:
    """Return whether a kind of device computes in fp64."""
    try:
        torch.zeros(1, dtype=torch.float64, device=kind)
    except (RuntimeError, TypeError):
        return False
    return True
