"""What reports conclude with: power laws and medians, with confidence intervals."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Values = Sequence[float] | Numbers
Codes = Sequence[int] | npt.NDArray[np.int64] | None
RESAMPLES = 2000
_MOST_AT_ONCE = 4_000_000
"""Numbers drawn at once, 32 MB."""
_MANY = 2000
"""Of so many the sign test's ranks are a normal distribution's."""
CONFIDENCE = 0.95
LEAST_SIZES = 3
"""A line through two points fits always."""
NARROW = 0.3
"""Width of an exponent's interval up to which a fit may be asked of sizes that were not measured."""
REACH = 4
"""A fit is asked no further than this many times the largest x measured, nor below the smallest by as much."""


@dataclass(frozen=True)
class PowerLaw:
    """y = scale * x ** exponent, fitted by least squares on both logarithms."""

    exponent: float
    low: float
    """Lower end of the exponent's 95 % confidence interval (Student's t)."""
    high: float
    scale: float
    least: float
    most: float
    """Ends of the x that were measured."""

    def tells(self, x: float) -> bool:
        """Return whether y may be asked of an x: between those measured always, else where the exponent is known."""
        reach = REACH if self.high - self.low <= NARROW else 1
        return self.least / reach <= x <= self.most * reach

    def at(self, x: float) -> float:
        """Return y for an x."""
        return float(self.scale * x**self.exponent)


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % confidence interval."""

    value: float
    low: float
    high: float


def quantile(numbers: Numbers, share: float = 0.5) -> float:
    """Return a quantile, the median, of the numbers that are known; NaN of none."""
    known = numbers[~np.isnan(numbers)]
    return float(np.quantile(known, share)) if len(known) else np.nan


def mean(numbers: Numbers) -> float:
    """Return the mean of the numbers that are known; NaN of none."""
    known = (~np.isnan(numbers)).sum()
    return float(np.nansum(numbers) / known) if known else np.nan


def power_law(x: Values, y: Values) -> PowerLaw | None:
    """Fit positive numbers; None for fewer than LEAST_SIZES different x."""
    from scipy import stats

    a, b = (np.asarray(values, float) for values in (x, y))
    good = (a > 0) & (b > 0) & np.isfinite(a) & np.isfinite(b)
    a, b = np.log(a[good]), np.log(b[good])
    if len(np.unique(a)) < LEAST_SIZES:
        return None
    line: Any = stats.linregress(a, b)
    error = line.stderr if np.ptp(b) else 0.0  # scipy's is NaN where all y are the same
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(a) - 2) * error)
    slope = float(line.slope)
    scale, least, most = np.exp([line.intercept, a.min(), a.max()]).tolist()
    return PowerLaw(slope, slope - half, slope + half, scale, least, most)


def median(values: Values, subjects: Codes = None, repeats: Codes = None) -> Interval:
    """Return the median with its interval: the sign test's, and where there are repeats at least the bootstrap's.

    subjects, repeats: whole numbers that say which values belong together, so that an image that was measured three
    times counts once. The bootstrap draws both anew, as Owen's pigeonhole bootstrap (2007, section 3), so that one bad
    minute of the machine counts as one repeat. None: each value is a subject of its own. Raises ValueError for no
    values, or what is no number.
    """
    numbers = np.asarray(values, float)
    if not len(numbers) or not np.isfinite(numbers).all():
        raise ValueError("a median needs numbers")
    rows = np.arange(len(numbers)) if subjects is None else np.unique(subjects, return_inverse=True)[1]
    columns = np.zeros(len(numbers), int) if repeats is None else np.unique(repeats, return_inverse=True)[1]
    table = np.full((rows.max() + 1, columns.max() + 1), np.nan)
    table[rows, columns] = numbers
    ends = _ends(_medians(table))
    if table.shape[1] > 1:
        # Of few photos the bootstrap's is too narrow, of one repeat the sign test's.
        ends = np.append(ends, np.nanquantile(_drawn(table), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
    middle = float(np.median(numbers))
    return Interval(middle, min(float(ends.min()), middle), max(float(ends.max()), middle))


def _ends(numbers: Numbers) -> Numbers:
    """Return the ends of the median's interval by the sign test, between the ranks next to it where none fits.

    As Hettmansperger and Sheather (1986). Of fewer than six numbers the ends are the least and the greatest.
    """
    ordered, (rank, share) = np.sort(numbers), _rank(len(numbers))
    ends = [one[rank - 1] * (1 - share) + one[min(rank, len(one) - 1)] * share for one in (ordered, ordered[::-1])]
    return np.array(ends)


@functools.cache
def _rank(n: int) -> tuple[int, float]:
    """Return the rank, from 1, where the median's interval of n numbers begins, and how far on to the next one."""
    if n > _MANY:
        return int(np.floor((n + 1) / 2 - 0.98 * np.sqrt(n))), 0.0
    # Of all throws of n coins: those of fewer heads than `rank`, of as many, and the 2.5 % that the interval may leave.
    rank, fewer, here, allowed = 1, 1, n, 2**n // 40
    while fewer + here <= allowed:
        rank, fewer, here = rank + 1, fewer + here, here * (n - rank) // (rank + 1)
    if fewer > allowed:
        return 1, 0.0
    part = (2**n - 40 * fewer) / (40 * here)
    return rank, (n - rank) * part / (rank + (n - 2 * rank) * part)


def _drawn(table: Numbers) -> Numbers:
    """Return the medians of tables whose rows and columns are drawn anew."""
    rng, found = np.random.default_rng(0), []  # always alike, so that a report made anew says the same
    at_once = max(1, _MOST_AT_ONCE // table.size)
    for start in range(0, RESAMPLES, at_once):
        some = min(at_once, RESAMPLES - start)
        drawn = table[rng.integers(0, len(table), (some, len(table)))]
        turns = rng.integers(0, table.shape[1], (some, 1, table.shape[1]))
        drawn = np.take_along_axis(drawn, np.broadcast_to(turns, drawn.shape), axis=2)
        found.append(_medians(drawn.reshape(some, -1)))
    return np.concatenate(found)


def _medians(drawn: Numbers) -> Numbers:
    """Return the median of each line, of what is there; NaN for one with nothing."""
    there = np.isfinite(drawn).sum(axis=1)
    ordered = np.sort(drawn, axis=1)  # NaN comes last
    line = np.arange(len(drawn))
    low = ordered[line, np.maximum(0, (there - 1) // 2)]
    high = ordered[line, np.minimum(there // 2, drawn.shape[1] - 1)]
    return np.where(there > 0, (low + high) / 2, np.nan)
