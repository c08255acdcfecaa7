"""What a picture is like, without any weights: how busy, how colourful, how much there is to tell.

All three are taken at a long side of 256 px (smaller pictures as they are), so that they compare across resolutions and
cost under 1 ms at 768x512.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LONG_SIDE_PX = 256
EDGE = 0.1
STEEP = round(8 * 255_000 * EDGE) ** 2
"""The same squared, of Sobel's sums (8 times a change) of luma in thousandths of a level."""
DIGITS = 22
"""Pillow scales 8-bit pictures by weights of so many binary digits."""
LUMA = (299, 587, 114)
"""Thousandths of red, green and blue."""


class Statistics(NamedTuple):
    """Statistics of one picture."""

    edge_density: float
    """Share of pixels, in [0, 1], whose luma changes by more than EDGE of its range a pixel (Sobel operator)."""
    colourfulness: float
    """0 for grey, about 100 for the most vivid photos (Hasler and Suesstrunk 2003, section 4, M3)."""
    entropy_bits: float
    """Shannon entropy of the luma's 256 levels, in [0, 8]."""


def statistics(pixels: npt.NDArray[np.uint8]) -> Statistics:
    """Return those of an (H, W, 3) uint8 picture. Raises ValueError for another shape or type."""
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"statistics need an (H, W, 3) uint8 picture, got {pixels.shape} of {pixels.dtype}")
    small = _small(pixels)
    sums, levels = np.zeros(4, np.int64), np.zeros(256, np.int64)
    edges = kernels()[1](small, sums, levels)
    count = int(levels.sum())
    return Statistics(edges / count, _colourfulness(*(sums / count).tolist()), _entropy_bits(levels / count))


def kernels() -> tuple[Callable[..., None], Callable[..., int]]:
    """Return the compiled parts: what scales a picture down, and what counts."""
    from stylize.measure import _statistics_kernel

    return _statistics_kernel.scale_down, _statistics_kernel.count


@functools.lru_cache(maxsize=32)
def box_spans(length: int, size: int) -> npt.NDArray[np.int32]:
    """Return (3, size): which span of `length` pixels, from where to where, Pillow's box filter makes one of `size` of.

    The third is what each pixel of the span counts, of 2^DIGITS.
    """
    scale = length / size
    centre = (np.arange(size) + 0.5) * scale
    first, last = np.floor(centre - scale / 2 + 0.5), np.floor(centre + scale / 2 + 0.5)
    # Pillow's own arithmetic: rounding decides on a pixel in the middle between two spans, which may be in neither.
    first += (first - centre + 0.5) * (1 / scale) <= -0.5
    last -= (last - 1 - centre + 0.5) * (1 / scale) > 0.5
    return np.stack([first, last, np.floor(0.5 + (1 << DIGITS) / (last - first))]).astype(np.int32)


def _small(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a picture's (h, 3 w) numbers at a long side of LONG_SIDE_PX at most."""
    height, width = pixels.shape[:2]
    numbers = np.ascontiguousarray(pixels).reshape(height, 3 * width)
    if max(height, width) <= LONG_SIDE_PX:
        return numbers
    scale = LONG_SIDE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.empty((size[1], 3 * size[0]), np.uint8)
    kernels()[0](numbers, box_spans(height, size[1]), box_spans(width, size[0]), small)
    return small


def _colourfulness(red_green: float, yellow_blue: float, red_green_square: float, yellow_blue_square: float) -> float:
    """Take means of red - green and of red + green - 2 blue, which is twice yellow - blue, and of their squares."""
    variance = red_green_square - red_green**2 + (yellow_blue_square - yellow_blue**2) / 4
    return math.sqrt(max(0.0, variance)) + 0.3 * math.hypot(red_green, yellow_blue / 2)


def _entropy_bits(shares: npt.NDArray[np.float64]) -> float:
    share = shares[shares > 0]
    return float(abs(-(share * np.log2(share)).sum()))
