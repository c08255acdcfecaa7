"""Labels of a plot: short names of methods, and where they stand beside points."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from stylize.errors import harmless
from stylize.report.units import digits

MOST = 34
"""Letters of a line."""
_POINTS = 8
_TOUCHING = 1.0
"""Area in square points that a label may cover."""
_MOST_TICKS = 12
_STEPS = ((1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))
"""In each power of ten."""
_NAME = re.compile(r"(?P<method>.*?) \((?P<settings>\w+=.*)\)", re.DOTALL)
"""A name as `stylize.report.settings` makes it."""


def of(rows: pd.DataFrame) -> Callable[[Any, Any], str]:
    """Return what gives a method in a precision its label: the same in all plots of these rows."""
    keys = sorted(
        {(str(method), str(precision)) for method, precision in zip(rows["method"], rows["precision"], strict=True)}
    )
    named = dict(zip(keys, short(keys), strict=True))
    return lambda method, precision: named[str(method), str(precision)]


def short(keys: Iterable[Sequence[Any]]) -> list[str]:
    """Return a label for each method and what else there is of it, as its precision: no two the same.

    Of a method's settings those stand first that tell it from the others here, and others as far as there is room.
    """
    split = [(*_split(str(method)), [str(other) for other in others]) for method, *others in keys]
    texts = []
    for method, mine, others in split:
        needed = _telling([one[1] for one in split if one[0] == method])
        names = [*(name for name in needed if name in mine), *(name for name in mine if name not in needed)]
        least = sum(name in mine for name in needed)
        told = [f"{name}={mine[name]}" for name in names]
        forms = [_joined(" ".join((method, *others)), told, kept) for kept in range(len(told), least - 1, -1)]
        text = next((form for form in forms if len(form) <= MOST), forms[-1])
        texts.append(harmless(" ".join(text.split())))
    cut = [text if len(text) <= MOST else text[: MOST - 2] + ".." for text in texts]
    wrapped = ["\n".join(textwrap.wrap(text, MOST, break_on_hyphens=False)) for text in texts]
    return [_plain(text if cut.count(one) > 1 else one) for text, one in zip(wrapped, cut, strict=True)]


def _split(name: str) -> tuple[str, dict[str, str]]:
    """Return a method and its settings: `compact (alpha=0.5, compile=True)`."""
    found = _NAME.fullmatch(name)
    if found is None:
        return name, {}
    parts = re.split(r", (?=\w+=)", found["settings"])
    return found["method"], dict(part.split("=", 1) for part in parts)


def _telling(several: Sequence[dict[str, str]]) -> list[str]:
    """Return few names of settings by which these differ as much as by all of them."""
    names, found = sorted(set().union(*several)), list[str]()

    def groups(by: Sequence[str]) -> int:
        return len({tuple(one.get(name) for name in by) for one in several})

    while groups(found) < groups(names):
        found.append(max(names, key=lambda name: groups([*found, name])))
    return found


def _joined(head: str, told: Sequence[str], kept: int) -> str:
    shown = [*told[:kept], *([".."] if kept < len(told) else [])]
    return f"{head} ({', '.join(shown)})" if kept else head


def _plain(text: str) -> str:
    """Return a label as matplotlib takes it: a dollar sign would begin a formula, an underscore in front hide it."""
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def ticks(low: float, high: float, apart: float, letter: float) -> list[float]:
    """Return round numbers along a logarithmic axis, as many as do not touch; none where there are not two.

    apart, letter: shares of the axis: what lies between two numbers at least, and what a digit takes.
    """
    if not 0 < low < high:
        return []
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = range(first, last + 1)
    kinds = [[10.0**power for power in decades if power % every == 0] for every in (1, 2, 3, 5, 10, 20)]
    kinds += [[step * 10.0**power for power in decades for step in steps] for steps in _STEPS]
    sizes = [step * 10.0**power for power in range(first - 3, last) for step in (1, 2, 5)]
    for size in (size for size in sizes if (high - low) / size < _MOST_TICKS):
        kinds.append([number * size for number in range(math.ceil(low / size), math.floor(high / size) + 1)])
    whole = math.log10(high / low)

    def apart_enough(one: float, other: float) -> bool:
        letters = (len(digits(one)) + len(digits(other))) / 2
        return digits(one) != digits(other) and math.log10(other / one) >= (apart + letter * letters) * whole

    inside = [[value for value in kind if low <= value <= high] for kind in kinds]
    fitting = [kind for kind in inside if len(kind) > 1 and all(apart_enough(*pair) for pair in pairwise(kind))]
    return max(fitting, key=len, default=[])


def put(axes: Any, points: list[tuple[float, float]], texts: list[str]) -> None:
    """Put a label beside each point; where there is no room for all, numbers, and the labels below the axes."""
    figure = axes.figure
    figure.draw_without_rendering()  # only now are the axes where they stay
    places, fit = _places(axes, points, texts)
    if not fit:
        numbers = [str(number) for number in range(1, len(texts) + 1)]
        lines = [", ".join(" ".join(part.splitlines()) for part in text.rsplit("\n", 1)) for text in texts]
        told = [f"{number}  {line}" for number, line in zip(numbers, lines, strict=True)]
        nothing = [axes.plot([], [], linestyle="none")[0] for _ in told]
        figure.set_figheight(figure.get_figheight() + 0.19 * len(told))
        figure.legend(nothing, told, fontsize=9, handlelength=0, handletextpad=0, loc="outside lower center")
        figure.draw_without_rendering()
        texts, (places, _) = numbers, _places(axes, points, numbers)
    for point, text, place in zip(points, texts, places, strict=True):
        axes.annotate(text, point, xytext=place, textcoords="offset points", fontsize=_POINTS)


def _places(axes: Any, points: list[tuple[float, float]], texts: list[str]) -> tuple[list[tuple[float, float]], bool]:
    """Return where each label covers least, in points from its own, and whether none covers anything."""
    scale = 72 / axes.figure.dpi
    centres = [axes.transData.transform(point) * scale for point in points]
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in centres]
    inside = tuple(value * scale for value in axes.get_window_extent().extents)
    found, worst = [], 0.0
    for (x, y), text in zip(centres, texts, strict=True):
        lines = text.splitlines()
        width, height = 0.6 * _POINTS * max(map(len, lines)), 1.25 * _POINTS * len(lines)
        rises = (-2, -height - 2, height, -2 * height, 2 * height, -3 * height, 3 * height)
        places = [(dx, dy) for dy in rises for dx in (7, -7 - width)]
        boxes = [(x + dx, y + dy, x + dx + width, y + dy + height) for dx, dy in places]
        covered = [width * height - _common(box, inside) + sum(_common(box, one) for one in taken) for box in boxes]
        best = covered.index(min(covered))
        taken.append(boxes[best])
        found.append(places[best])
        worst = max(worst, covered[best])
    return found, worst < _TOUCHING


def _common(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Return the area that two boxes have in common."""
    width, height = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)
