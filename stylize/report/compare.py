"""Two runs on the same hardware, task by task: is B slower, larger or worse than A?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stylize.errors import UsageError
from stylize.report.analysis import FLOOR
from stylize.report.frame import KEY
from stylize.report.statistics import Interval, median_difference, median_ratio
from stylize.report.units import digits, times

SAME = [name for name in KEY if name != "setup"] + ["content_uri", "style_uri", "repeat"]
TOLERANCE = 0.05
SSIM_TOLERANCE = 0.005
LEAST_PAIRS = 5
BETTER, SAME_AS, WORSE, UNSETTLED = "better", "same", "worse", "not settled"


@dataclass(frozen=True)
class Line:
    """One quantity of one method: B over A (for SSIM: B less A) with its interval, and the verdict."""

    method: str
    quantity: str
    n: int
    change: Interval
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """All lines, tasks that were ok in A and are not in B, and how many tasks the two share."""

    lines: list[Line]
    broken: list[str]
    shared: int

    @property
    def worse(self) -> bool:
        """Return whether something got worse, for a CI job."""
        return bool(self.broken) or any(line.verdict == WORSE for line in self.lines)


def compare(a: pd.DataFrame, b: pd.DataFrame, tolerance: float = TOLERANCE) -> Comparison:
    """Compare rows of two runs, as `frame.load` gives them. A change within `tolerance` of 1 counts as the same.

    worse: the whole 95 % interval lies beyond the tolerance; the other way round: better. Raises UsageError where the
    machines or modes differ, or fewer than LEAST_PAIRS tasks are in both.
    """
    setups = [set(rows["setup"].unique()) - {"unknown"} for rows in (a, b)]
    if setups[0] != setups[1]:
        told = " against ".join(", ".join(sorted(names)) for names in setups)
        raise UsageError(
            f"the runs are of different hardware or modes ({told}): their times say nothing about a change"
        )
    a, b = (_by_file(rows) for rows in (a, b))
    both = a.merge(b, on=SAME, suffixes=("_a", "_b"))
    if len(both) < LEAST_PAIRS:
        raise UsageError(
            f"the runs share {len(both)} tasks; comparing needs {LEAST_PAIRS} of the same photos, artworks and settings"
        )
    lines = []
    for (method, precision), part in both.groupby(["method", "precision"], dropna=False):
        lines += _lines(str(method), str(precision), part[part["clean_a"] & part["clean_b"]], tolerance)
    gone = both[both["ok_a"] & ~both["ok_b"]]
    broken = [
        f"{line.method} {line.precision}, {line.content_uri} in {line.style_uri}: {line.status_b}"
        for line in gone.itertuples()
    ]
    return Comparison(lines, broken, len(both))


def _by_file(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with inputs by name, as runs have them in other folders, without warm-ups, which differ by run."""
    rows = rows[rows["warmup"] != True]  # noqa: E712 - the column may hold nulls
    rows = rows.assign(
        content_uri=rows["content_type"].astype(object).fillna("").astype(str) + "/" + rows["content"],
        style_uri=rows["style"],
    )
    # Null equals null here: a run outside a sweep has no repeat, workers or resolution.
    rows = rows.assign(**{name: rows[name].fillna(-1) for name in ("repeat", "workers", "resolution_px")})
    return rows.drop_duplicates(SAME)


def _lines(method: str, precision: str, part: pd.DataFrame, tolerance: float) -> list[Line]:
    lines = []
    name = f"{method} {precision}"
    # What does nothing takes microseconds: their ratio is noise.
    costs = (("stylize_s", "stylize time"), ("memory_bytes", "memory of one more image")) if method != FLOOR else ()
    for column, word in costs:
        a, b = (part[f"{column}_{run}"].to_numpy(float) for run in "ab")
        good = (a > 0) & (b > 0)
        if good.sum() >= LEAST_PAIRS:
            change = median_ratio(b[good], a[good])
            lines.append(Line(name, word, int(good.sum()), change, _verdict(change, 1 - tolerance, 1 + tolerance)))
    a, b = (part[f"ssim_{run}"].to_numpy(float) for run in "ab")
    good = np.isfinite(a) & np.isfinite(b)
    if good.sum() >= LEAST_PAIRS:
        change = median_difference(b[good], a[good])
        # Less SSIM is worse: the sign is turned so that one rule serves all.
        turned = Interval(-change.value, -change.high, -change.low)
        lines.append(Line(name, "SSIM", int(good.sum()), change, _verdict(turned, -SSIM_TOLERANCE, SSIM_TOLERANCE)))
    return lines


def _verdict(change: Interval, low: float, high: float) -> str:
    if change.low > high:
        return WORSE
    if change.high < low:
        return BETTER
    return SAME_AS if change.low >= low and change.high <= high else UNSETTLED


def _signed(value: float) -> str:
    return f"{value:+.4f}"


def told(comparison: Comparison, a: str, b: str) -> list[str]:
    """Return lines for a terminal."""
    lines = [f"{b} over {a}, {comparison.shared} tasks in both; medians with 95 % intervals by bootstrap over tasks"]
    width = max((len(line.method) for line in comparison.lines), default=0)
    for line in comparison.lines:
        form = _signed if line.quantity == "SSIM" else times
        lines.append(
            f"  {line.method:<{width}}  {line.quantity:<24}  {form(line.change.value):>8}  ({form(line.change.low)} to "
            f"{form(line.change.high)}, n {digits(line.n)})  {line.verdict}"
        )
    lines += [f"  no longer ok: {text}" for text in comparison.broken[:10]]
    if len(comparison.broken) > 10:
        lines.append(f"  ... and {len(comparison.broken) - 10} more that are no longer ok")
    lines.append("verdict: " + ("worse" if comparison.worse else "not worse"))
    return lines
