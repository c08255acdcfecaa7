"""Inner loops of the statistics, compiled by numba: in whole numbers, so that they are the same on every processor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from stylize.measure._compiled import NUMBERS, compiled
from stylize.measure.statistics import DIGITS, LUMA, STEEP

_HOW: Any = {"nogil": True, "error_model": "numpy"}
_HALF = 1 << (DIGITS - 1)
_SPANS = types.Array(types.int32, 2, "C")
_SMALL = types.Array(types.uint8, 2, "C")
_SUMS = types.Array(types.int64, 1, "C")


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _scaled(total: Any, weight: Any) -> Any:
    return np.int32(total * weight + np.int32(_HALF)) >> np.int32(DIGITS)


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _add_row(row: Any, spans: Any, total: Any) -> None:
    """Add to (3 w) a row of (3 W) numbers, scaled as Pillow scales 8-bit pictures."""
    first, last, weights = spans[0], spans[1], spans[2]
    for place in range(first.size):
        red, green, blue = np.int32(0), np.int32(0), np.int32(0)
        start, count, weight = 3 * np.intp(first[place]), np.intp(last[place] - first[place]), weights[place]
        span = row[start : start + 3 * count]
        for x in range(count):
            red += np.int32(span[3 * x])
            green += np.int32(span[3 * x + 1])
            blue += np.int32(span[3 * x + 2])
        total[3 * place] += _scaled(red, weight)
        total[3 * place + 1] += _scaled(green, weight)
        total[3 * place + 2] += _scaled(blue, weight)


def _for_spans_of(count: int) -> Any:
    """Return `_add_row` for spans of `count` pixels each, a number that the compiler knows: a third of the time."""

    @njit(**_HOW)  # type: ignore[untyped-decorator]
    def add_row(row: Any, spans: Any, sums: Any, total: Any) -> None:
        for place in range(total.size // 3):
            for colour in range(3):
                number = np.int32(0)
                for x in range(count):
                    number += np.int32(row[3 * (count * place + x) + colour])
                sums[3 * place + colour] = number
        weight = spans[2, 0]
        for place in range(total.size):
            total[place] += _scaled(sums[place], weight)

    return add_row


_add_row_of_2, _add_row_of_3, _add_row_of_4 = map(_for_spans_of, (2, 3, 4))


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _common_length(spans: Any) -> Any:
    """Return how many pixels each span has, one behind the other; 0 if they differ."""
    length = spans[1, 0]
    for place in range(spans.shape[1]):
        if spans[0, place] != place * length or spans[1, place] != (place + 1) * length:
            return 0
    return length


@compiled(types.void(NUMBERS, _SPANS, _SPANS, _SMALL), **_HOW)
def scale_down(pixels: Any, down: Any, across: Any, small: Any) -> None:
    """Fill (h, 3 w) with (H, 3 W) as Pillow's box filter makes it, across first and then down.

    down, across: as `box_spans` gives them.
    """
    total, sums = np.empty(small.shape[1], np.int32), np.empty(small.shape[1], np.int32)
    length = _common_length(across)
    for y in range(small.shape[0]):
        total[:] = 0
        for source in range(down[0, y], down[1, y]):
            row = pixels[source]
            if length == 2:
                _add_row_of_2(row, across, sums, total)
            elif length == 3:
                _add_row_of_3(row, across, sums, total)
            elif length == 4:
                _add_row_of_4(row, across, sums, total)
            else:
                _add_row(row, across, total)
        for x in range(total.size):
            small[y, x] = _scaled(total[x], down[2, y])


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _fill_luma(row: Any, luma: Any) -> None:
    """Fill (w + 2) with thousandths of a level, the first and the last repeated."""
    width = luma.size - 2
    for x in range(width):
        red, green, blue = np.int32(row[3 * x]), np.int32(row[3 * x + 1]), np.int32(row[3 * x + 2])
        luma[x + 1] = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    luma[0], luma[width + 1] = luma[1], luma[width]


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _count_edges(above: Any, here: Any, below: Any) -> Any:
    edges = np.int64(0)
    for x in range(1, here.size - 1):
        right = above[x + 1] + 2 * here[x + 1] + below[x + 1]
        left = above[x - 1] + 2 * here[x - 1] + below[x - 1]
        lower = below[x - 1] + 2 * below[x] + below[x + 1]
        upper = above[x - 1] + 2 * above[x] + above[x + 1]
        across, down = np.float64(right - left), np.float64(lower - upper)
        if across * across + down * down > STEEP:
            edges += 1
    return edges


@njit(**_HOW)  # type: ignore[untyped-decorator]
def _add_colours(row: Any, sums: Any) -> None:
    # Not into the array at every pixel: the compiler makes no vectors of that.
    red_greens = yellow_blues = red_green_squares = yellow_blue_squares = np.int64(0)
    for x in range(row.size // 3):
        red, green, blue = np.int32(row[3 * x]), np.int32(row[3 * x + 1]), np.int32(row[3 * x + 2])
        red_green, yellow_blue = red - green, red + green - 2 * blue
        red_greens += red_green
        yellow_blues += yellow_blue
        red_green_squares += red_green * red_green
        yellow_blue_squares += yellow_blue * yellow_blue
    sums[0] += red_greens
    sums[1] += yellow_blues
    sums[2] += red_green_squares
    sums[3] += yellow_blue_squares


@compiled(types.int64(NUMBERS, _SUMS, _SUMS), **_HOW)
def count(small: Any, sums: Any, levels: Any) -> Any:
    """Return how many pixels of (h, 3 w) are edges; add to `sums` and `levels`.

    sums: of red - green, of red + green - 2 blue, and of their squares. levels: how often each of 256 of luma is there.
    """
    height, width = small.shape[0], small.shape[1] // 3
    luma = np.empty((3, width + 2), np.int32)
    edges = 0
    _fill_luma(small[0], luma[0])
    luma[1] = luma[0]
    for y in range(height):
        # The last row's neighbour is itself.
        above, here, below = luma[y % 3], luma[(y + 1) % 3], luma[(y + 2) % 3]
        _fill_luma(small[min(y + 1, height - 1)], below)
        edges += _count_edges(above, here, below)
        _add_colours(small[y], sums)
        for x in range(1, width + 1):
            levels[(here[x] + 500) // 1000] += 1
    return edges
