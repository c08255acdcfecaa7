"""What a picture is like, without any weights: how busy, how colourful, how much there is to tell.

All three are taken at a long side of 256 px (smaller pictures as they are), so that they compare across resolutions and
cost about 2 ms at 768x512.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

LONG_SIDE_PX = 256
EDGE = 0.1
_BAND_PIXELS = 4_000_000
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
    # In whole numbers: of halves, sums in floating point are rounded as the processor adds them.
    thousandths: npt.NDArray[np.int32] = small.astype(np.int32) @ np.array(LUMA, np.int32)
    luma = thousandths.astype(np.float32) / np.float32(255_000)
    return Statistics(_edge_density(luma), _colourfulness(small.astype(np.float32)), _entropy_bits(thousandths))


def _small(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if max(height, width) <= LONG_SIDE_PX:
        return pixels
    scale = LONG_SIDE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # One direction after the other: which comes first decides the rounding, and Pillow's choice changes with versions.
    # In bands, as Pillow's copy takes four bytes a pixel.
    rows = max(1, _BAND_PIXELS // width)
    bands = (Image.fromarray(pixels[start : start + rows]) for start in range(0, height, rows))
    narrow = np.concatenate([band.resize((size[0], band.height), Image.Resampling.BOX) for band in bands])
    return np.asarray(Image.fromarray(narrow).resize(size, Image.Resampling.BOX))


def _edge_density(luma: npt.NDArray[np.float32]) -> float:
    padded = np.pad(luma, 1, mode="edge")
    smooth_down = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    smooth_across = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    across = (smooth_down[:, 2:] - smooth_down[:, :-2]) / 8
    down = (smooth_across[2:] - smooth_across[:-2]) / 8
    return float((np.hypot(across, down) > EDGE).mean())


def _colourfulness(picture: npt.NDArray[np.float32]) -> float:
    red, green, blue = (picture[..., channel] for channel in range(3))
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    deviation: Any = np.hypot(red_green.std(), yellow_blue.std())
    mean: Any = np.hypot(red_green.mean(), yellow_blue.mean())
    return float(deviation + 0.3 * mean)


def _entropy_bits(thousandths: npt.NDArray[np.int32]) -> float:
    counts = np.bincount(((thousandths + 500) // 1000).ravel(), minlength=256)
    share = counts[counts > 0] / thousandths.size
    return float(abs(-(share * np.log2(share)).sum()))
