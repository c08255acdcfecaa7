"""What rows allow to be said: a difference only where its whole interval lies beyond a margin, else that none was seen.

Every sentence, mark and exit status about a difference comes from `judge`, so that words and intervals cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stylize.report import units
from stylize.report.evidence.stability import machine_causes
from stylize.report.evidence.statistics import Interval, Numbers, median

LEAST_PAIRS = 5
"""Of fewer photos and artworks nothing is said."""
UNSTABLE_TIMES = 2
"""How many times as long a measurement must take, where the machine was busy during one of the two, to be slower."""
PAIR = ["content_uri", "style_uri", "resolution_px"]
FIT_ROOM = 0.1
"""An exponent whose interval lies within this of 1 is called linear."""
PROPORTIONAL, UNSETTLED = "in proportion to pixels", "in a way that these rows do not settle"
_MOST_REPEATS = 1_000_000
_MOST_TIMES = 1e9
"""As a multiple of 0."""


class Verdict(StrEnum):
    """Of one beside another."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    UNDECIDED = "undecided"


_OTHER_WAY = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}


@dataclass(frozen=True)
class Quantity:
    """Something that is measured."""

    column: str
    word: str
    much: str
    """What a multiple, or less, of it is: so many times as ..."""
    shown: str
    """Its column in `analysis.measures`."""
    form: Callable[[Any], str]
    is_ratio: bool
    less_is_better: bool
    margin: float
    """A change that counts as none; a share where it is a ratio."""
    may_be_0: bool = False
    """Whether 0 is a value of a ratio as good as others, and not one that was too small to be measured."""


TIME = Quantity("stylize_s", "stylize time", "as long", "stylize_p50_s", units.seconds, True, True, 0.05)
MEMORY = Quantity(
    "memory_bytes", "memory of one more image", "as much", "memory_p50_bytes", units.size, True, True, 0.05
)
WORKER = Quantity("whole_bytes", "memory of the worker", "as much", "whole_bytes", units.size, True, True, 0.05)
SSIM = Quantity("ssim", "SSIM", "less", "ssim_mean", units.score, False, False, 0.005)
STYLE = Quantity(
    "gram_distance", "Gram distance", "as far", "gram_distance_mean", units.digits, True, True, 0.05, may_be_0=True
)
QUANTITIES = (TIME, MEMORY, WORKER, SSIM, STYLE)


@dataclass(frozen=True)
class Change:
    """One method's quantity divided by another's, or minus it where it is no ratio, over `n` pairs.

    interval: None for too few pairs.
    """

    n: int
    interval: Interval | None
    verdict: Verdict

    def inverted(self, quantity: Quantity) -> Change:
        """Return the same of the other beside this one."""
        verdict = _OTHER_WAY.get(self.verdict, self.verdict)
        if self.interval is None:
            return Change(self.n, None, verdict)
        ends = (self.interval.value, self.interval.high, self.interval.low)
        value, low, high = (1 / end if quantity.is_ratio else -end for end in ends)
        return Change(self.n, Interval(value, low, high), verdict)


@dataclass(frozen=True)
class Sample:
    """Clean rows of one method as numbers: `keys` say which photo, artwork, size and repeat each is of."""

    keys: npt.NDArray[np.int64]
    values: Mapping[str, Numbers]
    """By column."""
    busy: bool
    """Whether others had the machine meanwhile."""

    def subjects(self, quantity: Quantity) -> int:
        """Return how many photos and artworks a quantity was measured of."""
        return len(np.unique(self.keys[np.isfinite(self.values[quantity.column])] // _MOST_REPEATS))

    def middle(self, quantity: Quantity) -> float:
        """Return a quantity's median; NaN where it was not measured."""
        values = self.values[quantity.column]
        return float(np.median(values[good])) if (good := np.isfinite(values)).any() else float("nan")

    def interval(self, quantity: Quantity) -> Interval | None:
        """Return a quantity's median with its interval; None for too few photos and artworks."""
        if self.subjects(quantity) < LEAST_PAIRS:
            return None
        good = np.isfinite(self.values[quantity.column])
        keys = self.keys[good]
        return median(self.values[quantity.column][good], keys // _MOST_REPEATS, keys % _MOST_REPEATS)


def samples(parts: Mapping[str, pd.DataFrame], quantities: Sequence[Quantity] = QUANTITIES) -> dict[str, Sample]:
    """Return samples of clean rows, with keys in common."""
    columns = [quantity.column for quantity in quantities]
    narrow = [part[[*PAIR, "repeat", *columns]].assign(name=name) for name, part in parts.items()]
    if not narrow:
        return {}
    rows = pd.concat(narrow, ignore_index=True)
    # Outside of sweeps there is no repeat.
    repeats = rows["repeat"].fillna(0).clip(0, _MOST_REPEATS - 1).astype(np.int64)
    rows["key"] = rows.groupby(PAIR, dropna=False, sort=False).ngroup() * _MOST_REPEATS + repeats
    found = {}
    for name, part in rows.drop_duplicates(["name", "key"]).groupby("name", sort=False):
        values = {column: part[column].to_numpy(float) for column in columns}
        found[str(name)] = Sample(part["key"].to_numpy(), values, bool(machine_causes(parts[str(name)])))
    return found


def judge(interval: Interval, quantity: Quantity, margin: float | None = None, doubt: float = 0) -> Verdict:
    """Return what an interval allows to be said.

    margin: instead of the quantity's own. doubt: a change up to which there may be other reasons than the quantity.
    """
    same = quantity.margin if margin is None else margin
    low, high = _around(same, quantity)
    if interval.low >= low and interval.high <= high:
        return Verdict.SAME
    low, high = _around(max(same, doubt), quantity)
    if interval.low > high:
        return Verdict.WORSE if quantity.less_is_better else Verdict.BETTER
    if interval.high < low:
        return Verdict.BETTER if quantity.less_is_better else Verdict.WORSE
    return Verdict.UNDECIDED


def _around(room: float, quantity: Quantity) -> tuple[float, float]:
    return (1 / (1 + room), 1 + room) if quantity.is_ratio else (-room, room)


def against(one: Sample, other: Sample, quantity: Quantity, margin: float | None = None) -> Change:
    """Return what `one` is beside `other`, over the photos, artworks and repeats that both have."""
    keys, ours, theirs = np.intersect1d(one.keys, other.keys, assume_unique=True, return_indices=True)
    a, b = one.values[quantity.column][ours], other.values[quantity.column][theirs]
    good = np.isfinite(a) & np.isfinite(b)
    if quantity.is_ratio:
        good &= (a >= 0) & (b >= 0) if quantity.may_be_0 else (a > 0) & (b > 0)
    keys, a, b = keys[good], a[good], b[good]
    if quantity.is_ratio:
        largest = np.maximum(a, b)
        a, b = (np.where(largest > 0, np.maximum(one, largest / _MOST_TIMES), 1) for one in (a, b))
    n = len(np.unique(keys // _MOST_REPEATS))
    if n < LEAST_PAIRS:
        return Change(n, None, Verdict.UNDECIDED)
    interval = median(a / b if quantity.is_ratio else a - b, keys // _MOST_REPEATS, keys % _MOST_REPEATS)
    doubt = UNSTABLE_TIMES - 1 if quantity is TIME and (one.busy or other.busy) else 0
    return Change(n, interval, judge(interval, quantity, margin, doubt))


def growth_kind(low: float, high: float) -> str:
    """Return what an exponent's interval allows to be said of growth."""
    if low >= 1 - FIT_ROOM and high <= 1 + FIT_ROOM:
        return PROPORTIONAL
    if high < 1:
        return "more slowly than pixels"
    if low > 1:
        return "faster than pixels"
    return UNSETTLED
