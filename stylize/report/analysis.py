"""Rows to the tables a report is made of, as data frames. Times and memory come from clean rows only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stylize.report.evidence.stability import stability
from stylize.report.evidence.statistics import Interval, Numbers, mean, median, power_law, quantile
from stylize.report.evidence.verdicts import LEAST_PAIRS
from stylize.report.frame import KEY, STAGES
from stylize.results.schema import SCORED

SCORES = (
    "ssim", "gram_distance", "moments_distance", "content_distance", "lpips", "cfsd", "ssim_uniform", "flicker",
)  # fmt: skip
STATISTICS = {"content_edge_density": "edges", "content_colourfulness": "colour", "content_entropy_bits": "entropy"}
NAMED = 3
"""Photos that are named of those that failed for one reason."""
SAME_TASK = [*KEY, "content_uri", "style_uri", "repeat"]
_GROWING = {"stylize_s": "time", "memory_bytes": "memory"}
LEAST_RANGE = 2
"""Pictures whose sizes differ by less say nothing of growth."""
LEAST_PHOTOS = 6
"""Fewer are not split into thirds."""
FLOOR = "identity"
"""The method that does nothing, below which no other can be: it is shown, but it wins nothing."""


def is_floor(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are of the floor, whatever a sweep calls it."""
    return rows["stylizer"] == FLOOR


def measures(rows: pd.DataFrame, by: Sequence[str] = KEY) -> pd.DataFrame:
    """Return a line for each group: counts, failures by reason, p50 and p95, memory and mean scores."""
    also = _OF_TIMES if list(by) == KEY else []
    lines = []
    for key, part in rows[[*by, *_MEASURED, *also]].groupby(list(by), dropna=False, sort=True):
        lines.append(dict(zip(by, key, strict=True)) | _measured(part))
        if also:  # what does nothing takes microseconds
            lines[-1]["stable"] = "" if is_floor(part).all() else str(stability(part[part["clean"]]))
    return pd.DataFrame(lines)


_MEASURED = [
    "status", "ok", "clean", "megapixels", "stylize_s", "whole_s", "memory_bytes", "model_bytes", "whole_bytes",
    "scoring_bytes", *SCORES,
]  # fmt: skip
_OF_TIMES = ["stylizer", "started_at", "cpu_wait_s", "throttled", "clock_mhz"]
"""What says whether times can be relied on."""
COLUMNS = list(dict.fromkeys([
    *SAME_TASK, *_MEASURED, *_OF_TIMES, *STAGES, *STATISTICS, "total_s", "measure_mode", "strips", "content_type",
    "style_type", "style", "home", "run_id", "worker_id",
]))  # fmt: skip
"""What a report says of one size it says of these."""


def _measured(part: pd.DataFrame) -> dict[str, Any]:
    clean, ok = part["clean"].to_numpy(bool), part["ok"].to_numpy(bool)
    reasons = part.loc[~ok, "status"].value_counts()

    def of(name: str, which: npt.NDArray[np.bool_] = clean) -> Numbers:
        values: Numbers = part[name].to_numpy(float)
        return values[which]

    line: dict[str, Any] = {
        "n": int(clean.sum()),
        "not_ok": int(reasons.sum()),
        "reasons": ", ".join(f"{count} {status}" for status, count in reasons.items()),
        "megapixels": quantile(of("megapixels")),
        "stylize_p50_s": quantile(of("stylize_s")),
        "stylize_p95_s": quantile(of("stylize_s"), 0.95),
        "total_p50_s": quantile(of("whole_s")),
        "memory_n": int(np.isfinite(of("memory_bytes")).sum()),
        "memory_p50_bytes": quantile(of("memory_bytes")),
        "memory_p95_bytes": quantile(of("memory_bytes"), 0.95),
        "model_bytes": quantile(of("model_bytes", ok)),
        "whole_bytes": part["whole_bytes"][ok].max(),
        "scoring_bytes": part["scoring_bytes"][ok].max(),
    }
    # Of nothing but warm-ups the pictures are all there is; else they would be another n than the times'.
    scored = clean if clean.any() else ok
    return line | {f"{name}_mean": mean(of(name, scored)) for name in SCORES}


def fewest_workers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the fewest workers measured, so that workers do not stand in each other's way."""
    return rows[rows["workers"].isna() | (rows["workers"] == rows["workers"].min())]


def cells(rows: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], dict[str, dict[str, Any]]]:
    """Return clean rows and measures of each method and precision, by what both are called. rows: of one size.

    The floor is left out: what does nothing is the best at nothing.
    """
    rows = fewest_workers(rows[~is_floor(rows) & rows["ok"]])
    parts, values = {}, {}
    for (method, precision), part in rows.groupby(["method", "precision"], dropna=False, sort=True):
        if len(clean := part[part["clean"]]):
            parts[f"{method} {precision}"] = clean
            values[f"{method} {precision}"] = _measured(part)
    return parts, values


def growth(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, for each method and precision, exponents of time and memory over megapixels, with 95 % intervals.

    Fitted to the medians of each size: many pictures of one size are no more sizes, and what a power law does not
    describe widens its interval. There is none of fewer than three sizes. Of the fewest workers measured, so that
    workers do not stand in each other's way. Images in strips are left out, which take more time and less memory.
    """
    lines = []
    columns = ["setup", "method", "precision", "resolution_px", "workers", "megapixels", *_GROWING, "whole_bytes"]
    clean = rows.loc[rows["clean"] & ~(rows["strips"] > 1), columns]
    for key, part in clean.groupby(["setup", "method", "precision"], dropna=False):
        part = fewest_workers(part)
        line: dict[str, Any] = dict(zip(("setup", "method", "precision"), key, strict=True))
        line |= {
            "n": len(part),
            "sizes": sizes(part).nunique(),
            "least_megapixels": part["megapixels"].min(),
            "most_megapixels": part["megapixels"].max(),
            "base_bytes": (part["whole_bytes"] - part["memory_bytes"]).median(),
        }
        for column, name in _GROWING.items():
            good = part[part[column] > 0]
            medians = good.groupby(sizes(good))[["megapixels", column]].median()
            line[f"{name}_sizes"] = len(medians)
            law = power_law(medians["megapixels"].to_numpy(float), medians[column].to_numpy(float))
            numbers = (law.exponent, law.low, law.high, law.scale) if law else (np.nan,) * 4
            line |= dict(
                zip((f"{name}_exponent", f"{name}_low", f"{name}_high", f"{name}_at_1_mp"), numbers, strict=True)
            )
        lines.append(line)
    fits = pd.DataFrame(lines)
    return fits[fits["most_megapixels"] >= LEAST_RANGE * fits["least_megapixels"]] if lines else fits


def sizes(rows: pd.DataFrame) -> pd.Series:
    """Return what counts as one size: the long side asked for, or a photo's own number of pixels."""
    return rows["resolution_px"].fillna(-rows["megapixels"])


def stages(rows: pd.DataFrame) -> pd.DataFrame:
    """Return median seconds of each stage."""
    groups = rows.loc[rows["clean"], [*KEY, *STAGES]].groupby(KEY, dropna=False)
    return groups[list(STAGES)].median().assign(n=groups.size()).reset_index()


def stage_shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean seconds of each stage over all images: of one that only some went through, as `style_s`, less.

    Pictures made elsewhere are left out: nobody timed how they were made.
    """
    clean = rows.loc[rows["clean"] & (rows["measure_mode"] != SCORED), [*KEY, *STAGES]]
    timed = clean[list(STAGES)].fillna(0.0).astype(float)
    return clean[KEY].join(timed).groupby(KEY, dropna=False).mean().reset_index()


def precisions(rows: pd.DataFrame) -> pd.DataFrame:
    """Return each reduced precision against fp32 over the same tasks: times as fast, memory, score deltas.

    There are no intervals of fewer than LEAST_PAIRS photos and artworks.
    """
    # A sweep may lie in two OUTs: each task against each of the two would be one run's speed over the other's.
    columns = [*SAME_TASK, "stylize_s", "memory_bytes", *SCORES]
    clean = rows.loc[rows["clean"], columns].drop_duplicates(SAME_TASK)
    keys = [name for name in SAME_TASK if name != "precision"]
    base = clean[clean["precision"] == "fp32"].drop(columns="precision")
    lines = []
    for key, part in clean[clean["precision"] != "fp32"].groupby(KEY, dropna=False):
        both = part.drop(columns="precision").merge(base, on=keys, suffixes=("", "_fp32"))
        both = both[(both["stylize_s"] > 0) & (both["stylize_s_fp32"] > 0)]
        if both.empty:
            continue
        subjects = both.groupby(["content_uri", "style_uri"], dropna=False).ngroup().to_numpy()
        repeats = both["repeat"].fillna(0).to_numpy().astype(int)
        line = dict(zip(KEY, key, strict=True)) | {"n": len(set(subjects))}
        for name, ratios in (
            ("speed", both["stylize_s_fp32"] / both["stylize_s"]),
            ("memory", both["memory_bytes"] / both["memory_bytes_fp32"].where(both["memory_bytes_fp32"] > 0)),
        ):
            good = np.isfinite(values := ratios.to_numpy(float))
            found = median(values[good], subjects[good], repeats[good]) if good.any() else Interval(*[np.nan] * 3)
            enough = 1 if len(set(subjects[good])) >= LEAST_PAIRS else np.nan
            line |= {name: found.value, f"{name}_low": found.low * enough, f"{name}_high": found.high * enough}
        lines.append(line | {f"{name}_delta": (both[name] - both[f"{name}_fp32"]).mean() for name in SCORES})
    return pd.DataFrame(lines)


def scaling(rows: pd.DataFrame) -> pd.DataFrame:
    """Return images/s over workers, and efficiency: the rate over that of the fewest workers, per worker.

    A rate is what a worker does from its first counted image to its last, times the workers that were at it, so that
    loading and a worker that ends a moment before the other do not count. strong: the same images for any number of
    workers; weak: as many more as there are workers.
    """
    timed = rows["started_at"].notna() & (rows["total_s"] > 0)
    clean = rows[rows["clean"] & rows["workers"].notna() & timed]
    if clean["workers"].nunique() < 2:
        return pd.DataFrame()
    base = ["setup", "method", "precision", "resolution_px"]
    lines = []
    for key, every in clean.groupby(base, dropna=False):
        alone = every[every["workers"] == 1]
        for kind, part in every.groupby("scaling"):
            # With one worker both kinds are the same work, and a sweep of both measures it once.
            part = part if (part["workers"] == 1).any() else pd.concat([part, alone])
            if part["workers"].nunique() > 1:
                lines += [dict(zip(base, key, strict=True)) | {"scaling": kind} | line for line in _scaled(part)]
    return pd.DataFrame(lines)


def _scaled(part: pd.DataFrame) -> list[dict[str, Any]]:
    by_workers = {workers: _rates(some) for workers, some in part.groupby("workers")}
    least = min(by_workers)
    first = np.median(by_workers[least]) / least
    return [
        {
            "workers": workers,
            "n": int((part["workers"] == workers).sum()),
            "repeats": len(rates),
            "images_per_s": float(np.median(rates)),
            "low": float(min(rates)),
            "high": float(max(rates)),
            "efficiency": float(np.median(rates) / workers / first),
        }
        for workers, rates in sorted(by_workers.items())
    ]


def _rates(part: pd.DataFrame) -> list[float]:
    """Return images per second in each repeat.

    Time counts from a worker's first image to its last within one run: between a repeat that was cut and what a later
    run did of it, or the same repeat of another OUT, there may be days. A worker in a dead one's place is no further
    one.
    """
    begin = pd.to_datetime(part["started_at"], utc=True)
    times = part[["home", "repeat", "run_id", "worker_id", "workers"]].assign(
        begin=begin, end=begin + pd.to_timedelta(part["total_s"], unit="s")
    )
    per_repeat = []
    for _, one in times.groupby(["home", "repeat"], dropna=False):
        workers = one.groupby(["run_id", "worker_id"], dropna=False)
        spans_s = (workers["end"].max() - workers["begin"].min()).dt.total_seconds()
        at_once = min(one["workers"].iloc[0], spans_s.groupby("run_id", dropna=False).size().max())
        per_repeat.append(float(len(one) / spans_s.sum() * at_once))
    return per_repeat


def breakdown(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return measures for each kind of content or style, apart by all that `measures` keeps apart."""
    kinds = rows[by]
    if by in ("content_type", "style_type") and kinds.notna().any():
        kinds = kinds.fillna("(none)")  # those that lie in no subfolder
    if kinds.nunique() < 2:
        return pd.DataFrame()
    return measures(rows[[*KEY, *_MEASURED]].assign(**{by: kinds})[kinds.notna()], [*KEY, by])


def thirds(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return each row's third of its photo's statistic: low < middle < high; null where it has none, or few photos."""
    # A row that failed has none, and others of its photo have.
    photos = rows.dropna(subset=[column]).drop_duplicates("content_uri").set_index("content_uri")[column]
    if photos.nunique() < LEAST_PHOTOS:
        return pd.Series(None, rows.index, dtype=object)
    thirds_of = pd.qcut(photos.rank(method="first"), 3, labels=["low", "middle", "high"])
    return rows["content_uri"].map(thirds_of)


def failures(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what is not ok, by reason, with its first photos and one of its errors."""
    bad = rows[~rows["ok"]]
    if bad.empty:
        return pd.DataFrame()
    groups = bad.groupby([*KEY, "status"], dropna=False)
    return groups.agg(n=("error", "size"), photos=("content", _first_names), error=("error", "first")).reset_index()


def _first_names(names: pd.Series) -> str:
    different = names.dropna().unique()
    more = len(different) - NAMED
    return ", ".join(different[:NAMED]) + (f" and {more} more" if more > 0 else "")


def main_resolution(rows: pd.DataFrame) -> float | None:
    """Return the resolution of most methods' rows; of equals the one nearest 512 px; None for own sizes."""
    known = rows[rows["clean"] & rows["resolution_px"].notna()]
    if known.empty:
        return None
    counts = known.groupby("resolution_px")["method"].nunique()
    best = [float(side) for side in counts[counts == counts.max()].index]
    return min(best, key=lambda side: abs(np.log(side / 512)))
