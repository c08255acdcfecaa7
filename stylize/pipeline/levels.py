"""A result's numbers to the 8 bits of a picture, on a CPU: in one pass over memory, where torch takes six."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from torch import Tensor

from stylize.errors import NotFiniteError
from stylize.images import Pixels
from stylize.measure._compiled import compiled

_NUMBERS = types.Array(types.float32, 1, "C", readonly=True)
_LEVELS = types.Array(types.uint8, 1, "C")


def finite_pixels(image: Tensor) -> Pixels:
    """Return (3, H, W) float32 in [0, 1] as `to_pixels` does, to the bit. Raises NotFiniteError for NaN or infinity."""
    numbers = image.permute(1, 2, 0).contiguous().resolve_neg().numpy()
    levels = np.empty(numbers.shape, np.uint8)
    if not _fill(numbers.reshape(-1), levels.reshape(-1)):
        raise NotFiniteError
    return levels


@compiled(types.boolean(_NUMBERS, _LEVELS), nogil=True, error_model="numpy")
def _fill(numbers: Any, levels: Any) -> Any:
    """Fill `levels`, and return whether all numbers are finite."""
    finite = True
    for x in range(numbers.size):
        number = numbers[x]
        finite &= number - number == np.float32(0)
        scaled = number * np.float32(255) + np.float32(0.5)
        levels[x] = np.uint8(min(max(scaled, np.float32(0)), np.float32(255)))
    return finite
