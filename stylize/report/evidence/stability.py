"""Whether a measurement's times can be relied on: how they scatter, and what else the machine did meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stylize.report.evidence.statistics import Numbers
from stylize.report.units import percent

LEAST = 5
"""Of fewer images nothing is said."""
MOST_SPREAD = 0.15
"""Times of pictures of one size, by their middle half, as a standard deviation over the median."""
MOST_DRIFT = 0.15
"""Change from the first to the last image, along a line that outliers do not bend."""
MODES_LEAST, MODES_APART, MODES_TIMES = 10, 4.0, 1.15
"""Two groups of times: of so many images, so many of their deviations apart, and one so many times the other."""
MOST_WAIT = 0.15
"""Share of the call that threads waited for processors. Of 20 quiet measurements the medians were below 0.06, of 20
beside a busy loop above 0.5 (`python -m tools.bench.neighbours`)."""
_MOST_POINTS = 300
"""A drift is sought in no more: each is compared with each."""
MOST_CLOCK = 0.1
"""Share by which clocks may differ."""


@dataclass(frozen=True)
class Stability:
    """What there is to say of one measurement: too few images, or what makes it unstable; nothing of a stable one."""

    n: int
    causes: dict[str, str]
    """Each cause, with its number."""

    def __str__(self) -> str:
        """Return it as reports have it."""
        if self.causes:
            return "unstable: " + "; ".join(f"{cause}{number}" for cause, number in self.causes.items())
        return "stable" if self.n >= LEAST else f"too few (n = {self.n})"


def stability(rows: pd.DataFrame) -> Stability:
    """Judge the clean rows of one method, precision, size and number of workers. Sizes in pixels are allowed for."""
    timed = rows[(rows["stylize_s"] > 0) & (rows["megapixels"] > 0)]
    causes = machine_causes(timed)
    if len(timed) >= LEAST:
        ordered = timed.sort_values("started_at", kind="stable")
        logs = np.log(ordered["stylize_s"].to_numpy(float) / ordered["megapixels"].to_numpy(float))
        causes |= _scatter(logs)
    return Stability(len(timed), causes)


def machine_causes(rows: pd.DataFrame) -> dict[str, str]:
    """Return what makes times longer than the method's own, by what the worker read of the machine during the calls."""
    causes = {}
    wait = (rows["cpu_wait_s"] / rows["stylize_s"]).median()
    if wait > MOST_WAIT:
        causes["busy neighbours"] = f", threads waited {percent(wait)} of a call"
    throttled = rows["throttled"].dropna().astype(bool)
    if len(throttled) and throttled.mean() > 0.1:
        causes["throttled"] = f", {percent(throttled.mean())} of the images"
    clocks = rows["clock_mhz"].dropna()
    if len(clocks) >= LEAST:
        low, middle, high = clocks.quantile([0.1, 0.5, 0.9])
        if high - low > MOST_CLOCK * middle:
            causes["clock moved"] = f", {low:.0f} to {high:.0f} MHz"
    return causes


def _scatter(logs: Numbers) -> dict[str, str]:
    """Return what the times themselves show: logarithms of seconds per megapixel, in the order of measurement."""
    causes = {}
    low, high = np.quantile(logs, [0.25, 0.75])
    spread = float(high - low) / 1.349
    if spread > MOST_SPREAD:
        causes["spread"] = f" {percent(np.expm1(spread))}"
    if (drift := _drift(logs)) is not None:
        causes["drift"] = f" {np.expm1(drift) * 100:+.0f} %"
    if (times := _two_modes(logs)) is not None:
        causes["two modes"] = f" x{times:.2g}"
    return causes


def _drift(logs: Numbers) -> float | None:
    """Return the change from first to last where a rank test sees one and it is large."""
    from scipy import stats

    if np.ptp(logs) == 0:
        return None
    if len(logs) > _MOST_POINTS:
        logs = np.array([np.median(part) for part in np.array_split(logs, _MOST_POINTS)])
    found: Any = stats.kendalltau(np.arange(len(logs)), logs)
    whole = float(stats.theilslopes(logs)[0]) * (len(logs) - 1)
    return whole if found.pvalue < 0.01 and abs(whole) > np.log1p(MOST_DRIFT) else None


def _two_modes(logs: Numbers) -> float | None:
    """Return how many times the slower group's median is the faster one's, where times fall into two groups."""
    if len(logs) < MODES_LEAST:
        return None
    ordered = np.sort(logs)
    least = max(2, len(ordered) // 5)
    splits = range(least, len(ordered) - least + 1)
    at = max(splits, key=lambda split: ordered[split] - ordered[split - 1])
    fast, slow = ordered[:at], ordered[at:]
    times = float(np.exp(np.median(slow) - np.median(fast)))
    within = np.sqrt((fast.var(ddof=1) + slow.var(ddof=1)) / 2)
    apart = (slow.mean() - fast.mean()) > MODES_APART * within and (slow[0] - fast[-1]) > within
    return times if apart and times > MODES_TIMES else None
