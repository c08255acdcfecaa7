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
_BLOCK_ROWS = 128
_BLOCK = 3 * 64
"""Numbers in a row of a block, three per pixel."""
_ROW = 4 * _BLOCK
"""The same of its maps, one behind the other. The twelve rows that are read at once fit the fastest cache."""
_LINE = 16
"""Numbers in a line of the cache, at which maps begin."""
_NEXT = 3
"""How far a pixel's neighbour is in a row, as its colours stand side by side."""
_HALO_NUMBERS = _NEXT * HALO
_TWO_C1, _TWO_C2 = np.float32(TWO_C1), np.float32(TWO_C2)
# Sums may be taken in another order, so that vectors can take them. All is inlined: a process that compiles would else
# run other copies of the inner loops, with another order, than those that load what it kept.
_HOW: Any = {"nogil": True, "fastmath": {"contract", "nsz", "reassoc"}, "error_model": "numpy", "forceinline": True}


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
def _fill_row(a: Any, b: Any, shift: Any, row: Any) -> None:
    """Fill (2, numbers) with s and d of one row of each image, both moved by `shift`.

    E[s^2] - E[s]^2 in single precision is only good near zero.
    """
    for x in range(a.size):
        row[0, x] = np.float32(a[x]) + np.float32(b[x]) - shift[0, x]
        row[1, x] = np.float32(a[x]) - np.float32(b[x]) - shift[1, x]


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _filter_across(row: Any, filtered: Any) -> None:
    # Squares are taken anew for each window: reading them takes longer, as most reads lie across two cache lines.
    for number in range(2):
        for x in range(_BLOCK):
            total, squares = np.float32(0), np.float32(0)
            for offset in range(WINDOW_PX):
                value = row[number, x + offset * _NEXT]
                weighted = _WINDOW[offset] * value
                total += weighted
                squares += weighted * value
            filtered[number * _BLOCK + x] = total
            filtered[(number + 2) * _BLOCK + x] = squares


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _filter_down(maps: Any, x: int) -> Any:
    total = np.float32(0)
    for offset in range(WINDOW_PX):
        total += _WINDOW[offset] * maps[x + offset * _ROW]
    return total


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _sum_of_rows(maps: Any, shift: Any, rows: int, windows: int) -> Any:
    """Return the sum of SSIM over one or two rows of windows, from maps that are filtered across already.

    Two at a time, as they share all but one row of what they read, in one array whose sides the compiler knows.
    """
    total = np.float32(0)
    for x in range(windows):
        for row in range(2):
            at = x + row * _ROW
            mean_s, mean_d = _filter_down(maps, at), _filter_down(maps, at + _BLOCK)
            var_s = _filter_down(maps, at + 2 * _BLOCK) - mean_s * mean_s
            var_d = _filter_down(maps, at + 3 * _BLOCK) - mean_d * mean_d
            mean_s += shift[0, x]
            mean_d += shift[1, x]
            p, q = mean_s * mean_s, mean_d * mean_d
            ssim = (p - q + _TWO_C1) * (var_s - var_d + _TWO_C2) / ((p + q + _TWO_C1) * (var_s + var_d + _TWO_C2))
            total += ssim if row < rows else np.float32(0)
    return total


@compiled(types.float64(NUMBERS, NUMBERS), **_HOW)
def mean_ssim(a: Any, b: Any) -> Any:
    """Return the mean SSIM of two (H, 3 W) uint8 images, 11 px a side or more, over windows and colours."""
    row = np.empty((2, _BLOCK + _HALO_NUMBERS), np.float32)
    room = np.empty((_BLOCK_ROWS + HALO) * _ROW + _LINE, np.float32)
    maps = room[-room.ctypes.data // room.itemsize % _LINE :]
    shift = np.empty((2, _BLOCK + _HALO_NUMBERS), np.float32)
    rows, windows = a.shape[0] - HALO, a.shape[1] - _HALO_NUMBERS
    total = 0.0
    for y0 in range(0, rows, _BLOCK_ROWS):
        y1 = min(rows, y0 + _BLOCK_ROWS)
        for x0 in range(0, windows, _BLOCK):
            end = min(windows, x0 + _BLOCK) + _HALO_NUMBERS
            _find_shift(a[y0 : y1 + HALO, x0:end], b[y0 : y1 + HALO, x0:end], shift)
            for y in range(y0, y1 + HALO):
                _fill_row(a[y, x0:end], b[y, x0:end], shift, row)
                _filter_across(row, maps[(y - y0) * _ROW :])
            for y in range(0, y1 - y0, 2):
                total += _sum_of_rows(maps[y * _ROW :], shift, y1 - y0 - y, end - x0 - _HALO_NUMBERS)
    return total / (rows * windows)
