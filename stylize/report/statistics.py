"""What reports conclude with: power laws with confidence intervals, ratios by bootstrap, the Pareto set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Values = Sequence[float] | Numbers
RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class PowerLaw:
    """y = scale * x ** exponent, fitted by least squares on both logarithms."""

    exponent: float
    low: float
    """Lower end of the exponent's 95 % confidence interval (Student's t)."""
    high: float
    scale: float
    n: int

    def at(self, x: float) -> float:
        """Return y for an x."""
        return float(self.scale * x**self.exponent)


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % confidence interval."""

    value: float
    low: float
    high: float


def power_law(x: Values, y: Values) -> PowerLaw | None:
    """Fit positive numbers; None for fewer than three of them or of a single x."""
    from scipy import stats

    a, b = (np.asarray(values, float) for values in (x, y))
    good = (a > 0) & (b > 0) & np.isfinite(a) & np.isfinite(b)
    a, b = np.log(a[good]), np.log(b[good])
    if len(a) < 3 or np.ptp(a) == 0:
        return None
    line: Any = stats.linregress(a, b)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(a) - 2) * line.stderr)
    slope = float(line.slope)
    return PowerLaw(slope, slope - half, slope + half, float(np.exp(line.intercept)), len(a))


def median_ratio(a: Values, b: Values, seed: int = 0) -> Interval:
    """Return the median of a / b over pairs, with its interval by bootstrap over the pairs.

    a, b: positive, of one length. Raises ValueError otherwise.
    """
    above, below = np.asarray(a, float), np.asarray(b, float)
    if not len(above) or not (np.isfinite(above) & np.isfinite(below) & (above > 0) & (below > 0)).all():
        raise ValueError("a ratio needs pairs of positive numbers")
    return _median(above / below, seed)


def median_difference(a: Values, b: Values, seed: int = 0) -> Interval:
    """Return the median of a - b over pairs, with its bootstrap interval. Raises ValueError for no pairs."""
    differences = np.asarray(a, float) - np.asarray(b, float)
    if not len(differences) or not np.isfinite(differences).all():
        raise ValueError("a difference needs pairs of numbers")
    return _median(differences, seed)


def _median(values: Numbers, seed: int) -> Interval:
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(values), (RESAMPLES, len(values)))
    medians = np.median(values[picks], axis=1)
    low, high = np.quantile(medians, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(np.median(values)), float(low), float(high))


def pareto(costs: Sequence[Sequence[float]]) -> list[bool]:
    """Return which points, by costs, no other beats or equals in all and beats in one."""
    points = np.asarray(costs, float)
    kept = []
    for point in points:
        no_worse = (points <= point).all(axis=1)
        better = (points < point).any(axis=1)
        kept.append(not bool((no_worse & better).any()))
    return kept
