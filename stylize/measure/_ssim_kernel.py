"""SSIM's inner loops, compiled by numba.

With s = a + b and d = a - b, four filtered maps, E[s], E[d], E[s^2] and E[d^2], give SSIM:

    (E[s]^2 - E[d]^2 + 2 C1) (var s - var d + 2 C2)
    -----------------------------------------------
    (E[s]^2 + E[d]^2 + 2 C1) (var s + var d + 2 C2)

An image goes through in blocks that stay in the cache with their maps. The loops are short, with few arrays each, as
the compiler proves for each pair of arrays that they do not overlap, and gives up its vectors where there are many.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types

from stylize.measure._compiled import NUMBERS, compiled
from stylize.measure.ssim import SIGMA, TWO_C1, TWO_C2, WINDOW_PX

HALO = WINDOW_PX - 1
_BLOCK_ROWS = 32
_BLOCK = 3 * 128
"""Numbers in a row of a block, three per pixel."""
_NEXT = 3
"""How far a pixel's neighbour is in a row, as its colours stand side by side."""
_HALO_NUMBERS = _NEXT * HALO
_TWO_C1, _TWO_C2 = np.float32(TWO_C1), np.float32(TWO_C2)
# Sums may be taken in another order, so that vectors can take them.
_HOW: Any = {"nogil": True, "fastmath": {"contract", "nsz", "reassoc"}, "error_model": "numpy"}


def _window() -> npt.NDArray[np.float32]:
    offsets = np.arange(WINDOW_PX) - WINDOW_PX // 2
    window: npt.NDArray[np.float64] = np.exp(-(offsets**2) / (2 * SIGMA**2))
    window /= window.sum()
    return window.astype(np.float32)


_WINDOW = _window()


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _find_shift(a: Any, b: Any, shift: Any) -> None:
    """Fill (2, numbers) with about the mean of a + b and of a - b, for each colour."""
    for colour in range(3):
        plus, minus, count = np.int64(0), np.int64(0), 0
        for y in range(0, a.shape[0], 8):
            for x in range(colour, a.shape[1], 4 * _NEXT):
                plus += np.int64(a[y, x]) + np.int64(b[y, x])
                minus += np.int64(a[y, x]) - np.int64(b[y, x])
                count += 1
        for x in range(colour, a.shape[1], _NEXT):
            shift[0, x] = plus // count
            shift[1, x] = minus // count


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _fill_maps(a: Any, b: Any, shift: Any, row: Any) -> None:
    """Fill (4, numbers) with s, d and their squares, of one row of each image, both moved by `shift`.

    E[s^2] - E[s]^2 in single precision is only good near zero.
    """
    s, d = row[0], row[1]
    for x in range(a.size):
        s[x] = np.float32(a[x]) + np.float32(b[x]) - shift[0, x]
    for x in range(a.size):
        d[x] = np.float32(a[x]) - np.float32(b[x]) - shift[1, x]
    for number in range(2):
        for x in range(a.size):
            row[number + 2, x] = row[number, x] ** 2


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _filter_down(maps: Any, top: int, numbers: int, filtered: Any) -> None:
    for number in range(4):
        for x in range(numbers):
            total = np.float32(0)
            for offset in range(WINDOW_PX):
                total += _WINDOW[offset] * maps[top + offset, number, x]
            filtered[number, x] = total


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _filter_across(values: Any, x: int) -> Any:
    total = np.float32(0)
    for offset in range(WINDOW_PX):
        total += _WINDOW[offset] * values[x + offset * _NEXT]
    return total


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _row_sum(filtered: Any, shift: Any, windows: int) -> Any:
    """Return the sum of SSIM over a row of windows, from maps that are filtered down already."""
    total = np.float32(0)
    s, d, s_squared, d_squared = filtered[0], filtered[1], filtered[2], filtered[3]
    for x in range(windows):
        mean_s, mean_d = _filter_across(s, x), _filter_across(d, x)
        var_s = _filter_across(s_squared, x) - mean_s * mean_s
        var_d = _filter_across(d_squared, x) - mean_d * mean_d
        mean_s += shift[0, x]
        mean_d += shift[1, x]
        p, q = mean_s * mean_s, mean_d * mean_d
        total += (p - q + _TWO_C1) * (var_s - var_d + _TWO_C2) / ((p + q + _TWO_C1) * (var_s + var_d + _TWO_C2))
    return total


@compiled(types.float64(NUMBERS, NUMBERS), **_HOW)
def mean_ssim(a: Any, b: Any) -> Any:
    """Return the mean SSIM of two (H, 3 W) uint8 images, 11 px a side or more, over windows and colours."""
    maps = np.empty((_BLOCK_ROWS + HALO, 4, _BLOCK + _HALO_NUMBERS), np.float32)
    filtered = np.empty((4, _BLOCK + _HALO_NUMBERS), np.float32)
    shift = np.empty((2, _BLOCK + _HALO_NUMBERS), np.float32)
    rows, windows = a.shape[0] - HALO, a.shape[1] - _HALO_NUMBERS
    total = 0.0
    for y0 in range(0, rows, _BLOCK_ROWS):
        y1 = min(rows, y0 + _BLOCK_ROWS)
        for x0 in range(0, windows, _BLOCK):
            end = min(windows, x0 + _BLOCK) + _HALO_NUMBERS
            _find_shift(a[y0 : y1 + HALO, x0:end], b[y0 : y1 + HALO, x0:end], shift)
            for y in range(y0, y1 + HALO):
                _fill_maps(a[y, x0:end], b[y, x0:end], shift, maps[y - y0])
            for y in range(y1 - y0):
                _filter_down(maps, y, end - x0, filtered)
                total += _row_sum(filtered, shift, end - x0 - _HALO_NUMBERS)
    return total / (rows * windows)
