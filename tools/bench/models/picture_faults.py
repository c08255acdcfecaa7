"""What an eye minds in a restyled picture, as numbers: weave, lattice, blotches, border strips, dark texture, flicker.

All but flicker look where the photo is flat (its detail deviates by less than FLAT): there a picture's texture is the
model's own. Y, U and V are BT.601's; "detail" is Y minus its Gaussian of DETAIL_PX. Figures are in levels of 255.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from torch import Tensor

from stylize.images import Pixels
from stylize.measure.flicker import flicker

Plane = np.ndarray[Any, np.dtype[np.float64]]
Square = tuple[slice, slice]

FLAT = 0.015 * 255
DETAIL_PX, COLOR_PX = 6.0, 8.0
PATCH_PX, PATCH_STEP_PX = 64, 32
LAGS_PX = (6, 32)
LATTICE_PX = 8
DARK = 0.15 * 255
OUTER_PX, INNER_PX = (0, 12), (24, 48)
"""The two bands of a border, by their distance from it."""
SEGMENT_PX = 32
INSIDE_PX = (72, 110)
"""How far inside the same two bands are compared, for what a picture changes there anyway."""
SHIFTS_PX = range(1, 8)

_BT601 = np.array([[0.299, 0.587, 0.114], [-0.14713, -0.28886, 0.436], [0.615, -0.51499, -0.10001]])


@dataclass(frozen=True)
class Planes:
    """A picture as its measures see it: (H, W) each but for `rgb`, (H, W, 3)."""

    rgb: Plane
    luma: Plane
    detail: Plane
    smooth_color: tuple[Plane, Plane]

    @classmethod
    def of(cls, pixels: Pixels) -> Planes:
        """Return the planes of (H, W, 3) in 0 to 255."""
        rgb = pixels.astype(np.float64)
        luma, u, v = np.moveaxis(rgb @ _BT601.T, 2, 0)
        smooth = gaussian_filter(u, COLOR_PX), gaussian_filter(v, COLOR_PX)
        return cls(rgb, luma, luma - gaussian_filter(luma, DETAIL_PX), smooth)


def measure(photo: Planes, picture: Planes) -> dict[str, float]:
    """Return `weave`, `lattice`, `blotch`, `texture` (means over flat patches), `dark_texture` and `strip`.

    NaN where the photo has no such area.
    """
    patches = list(flat_patches(photo))
    details = [picture.detail[patch] for patch in patches]
    return {
        "weave": _mean(weave(detail) for detail in details),
        "lattice": _mean(lattice(detail) for detail in details),
        "blotch": _mean(blotch(picture, patch) for patch in patches),
        "texture": _mean(float(detail.std()) for detail in details),
        "dark_texture": _mean(float(picture.detail[patch].std()) for patch in dark_patches(photo)),
        "strip": strip(photo, picture),
    }


def flat_patches(photo: Planes) -> Iterator[Square]:
    """Yield the squares of PATCH_PX, PATCH_STEP_PX apart, in which the photo is flat."""
    return (patch for patch in all_patches(photo) if photo.detail[patch].std() < FLAT)


def dark_patches(photo: Planes) -> Iterator[Square]:
    """Yield those of the flat squares in which the photo is dark."""
    return (patch for patch in flat_patches(photo) if photo.luma[patch].mean() < DARK)


def all_patches(picture: Planes) -> Iterator[Square]:
    """Yield squares of PATCH_PX, PATCH_STEP_PX apart."""
    height, width = picture.luma.shape
    rows, columns = (range(0, side - PATCH_PX + 1, PATCH_STEP_PX) for side in (height, width))
    for top, left in itertools.product(rows, columns):
        yield slice(top, top + PATCH_PX), slice(left, left + PATCH_PX)


def own_weave(picture: Planes) -> float:
    """Return the mean weave of all patches of a picture, such as the artwork itself."""
    return _mean(weave(picture.detail[patch]) for patch in all_patches(picture))


def weave(detail: Plane) -> float:
    """Return how strong and how regular the detail of a square patch is: its deviation times its autocorrelation.

    The autocorrelation is the largest at lags of LAGS_PX, under a Hann window whose own is divided out.
    """
    window, own, lags = _window(len(detail))
    spectrum = np.abs(np.fft.rfft2((detail - detail.mean()) * window, (2 * len(detail),) * 2)) ** 2
    correlation = np.fft.irfft2(spectrum) / own
    if correlation[0, 0] <= 1e-9:
        return 0.0
    return float(detail.std() * max(0.0, correlation[lags].max() / correlation[0, 0]))


@cache
def _window(side: int) -> tuple[Plane, Plane, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return the Hann window of a patch, its autocorrelation, and which lags count, the last two (2 side, 2 side)."""
    hann = np.hanning(side + 2)[1:-1]
    window = np.outer(hann, hann)
    own = np.fft.irfft2(np.abs(np.fft.rfft2(window, (2 * side,) * 2)) ** 2)
    lag = np.abs(np.fft.fftfreq(2 * side, 1 / (2 * side)))
    distance = np.hypot(lag[:, None], lag[None])
    return window, own.clip(1e-9), (distance >= LAGS_PX[0]) & (distance <= LAGS_PX[1])


def lattice(detail: Plane) -> float:
    """Return the share of a square patch's variance that goes by position modulo LATTICE_PX; 1/64 by chance."""
    cells = len(detail) // LATTICE_PX
    side = cells * LATTICE_PX
    means = detail[:side, :side].reshape(cells, LATTICE_PX, cells, LATTICE_PX).mean((0, 2))
    variance = detail[:side, :side].var()
    return float(means.var() / variance) if variance > 1e-9 else 0.0


def blotch(picture: Planes, patch: Square) -> float:
    """Return how far the smoothed colour wanders in a patch: the root of the summed variances of U and V."""
    return float(np.sqrt(sum(plane[patch].var() for plane in picture.smooth_color)))


def strip(photo: Planes, picture: Planes) -> float:
    """Return how much further colours are apart along flat borders than inside: NaN without flat borders or insides.

    The mean distance between the colours of two bands along the border (OUTER_PX and INNER_PX from it), by segments of
    SEGMENT_PX, minus the mean of the same INSIDE_PX further in.
    """
    border: list[float] = []
    inside: list[float] = []
    for turns in range(4):
        detail, colors = np.rot90(photo.detail, turns), np.rot90(picture.rgb, turns)
        for depth in (0, *INSIDE_PX):
            distances = inside if depth else border
            distances += [band_distance(colors, segment, depth) for segment in flat_segments(detail, depth)]
    return _mean(border) - _mean(inside)


def flat_segments(detail: Plane, depth: int) -> Iterator[slice]:
    """Yield the columns of each segment whose two bands, `depth` from the upper border, lie where the photo is flat."""
    bottom = depth + INNER_PX[1]
    if bottom > len(detail):
        return
    squares = [slice(top, top + SEGMENT_PX) for top in (depth, bottom - SEGMENT_PX)]
    for left in range(0, detail.shape[1] - SEGMENT_PX + 1, SEGMENT_PX):
        segment = slice(left, left + SEGMENT_PX)
        if all(detail[rows, segment].std() < FLAT for rows in squares):
            yield segment


def band_distance(colors: Plane, segment: slice, depth: int) -> float:
    """Return the distance between the mean colours of a segment's two bands; `colors` is (H, W, 3)."""
    outer, inner = (colors[depth + near : depth + far, segment].mean((0, 1)) for near, far in (OUTER_PX, INNER_PX))
    return float(np.linalg.norm(outer - inner))


def mean_flicker(restyle: Callable[[Tensor], Tensor], photo: Tensor, result: Tensor) -> float:
    """Return the mean of `flicker` over SHIFTS_PX; NaN for a picture too small for it."""
    found = (flicker(restyle, photo, result, shift_px) for shift_px in SHIFTS_PX)
    return _mean(math.nan if one is None else one for one in found)


def _mean(values: Iterator[float] | list[float]) -> float:
    numbers = list(values)
    return float(np.mean(numbers)) if numbers else float("nan")
