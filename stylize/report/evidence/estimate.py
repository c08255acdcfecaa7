"""What a sweep will take, from rows that are there: time and memory, and what cannot be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from stylize.errors import counted
from stylize.report.evidence.statistics import power_law
from stylize.report.frame import STAGES
from stylize.report.units import seconds, size
from stylize.results.schema import SCORED


@dataclass(frozen=True)
class Wanted:
    """So many images of one variant."""

    method: str
    precision: str
    """As asked, `auto` included."""
    resolution_px: int
    workers: int
    images: int
    warm_ups: int = 0
    """Of the images."""


@dataclass(frozen=True)
class Estimate:
    """What it takes, and what that rests on."""

    seconds_per_image: float | None
    """The mean, as many images' sum is asked for; None where no row tells."""
    memory_bytes: float | None
    """Of the image that takes most; None where no row tells."""
    how: str
    warm_up_s: float | None = None
    """Of an image that warms up; None where no row tells."""

    def seconds(self, wanted: Wanted) -> float:
        """Return the seconds of all images, by as many workers as they have."""
        each = self.seconds_per_image or 0
        warm_up = each if self.warm_up_s is None else self.warm_up_s
        return (each * (wanted.images - wanted.warm_ups) + warm_up * wanted.warm_ups) / wanted.workers


def one(rows: pd.DataFrame, wanted: Wanted) -> Estimate:
    """Estimate from rows of the variant; else by its method's fit over pixels; else by another precision's."""
    done = rows[rows["ok"] & (rows["label"] == wanted.method) & (rows["measure_mode"] != SCORED)]
    done = done.assign(seconds=_alone(done), in_strips=done["strips"] > 1)
    for part, how in ((done[done["asked_precision"] == wanted.precision], ""), (done, " in another precision")):
        clean = part[part["clean"]]
        if (same := clean["resolution_px"] == wanted.resolution_px).any():
            return _measured(part, clean[same], wanted, how)
        # Many images of one size are no more sizes.
        sizes = clean[~clean["in_strips"]].groupby("resolution_px")
        known = sizes.agg({"seconds": "mean", "memory_bytes": "max"})
        pixels = known.index.to_numpy(float) ** 2
        time = power_law(pixels, known["seconds"].to_numpy(float))
        if time is not None and time.tells(side := float(wanted.resolution_px) ** 2):
            memory = power_law(pixels, known["memory_bytes"].to_numpy(float))
            told = memory.at(side) if memory is not None and memory.tells(side) else None
            return Estimate(time.at(side), told, f"from its other resolutions{how}")
    return Estimate(None, None, "not known")


def _measured(part: pd.DataFrame, same: pd.DataFrame, wanted: Wanted, how: str) -> Estimate:
    """Estimate from clean rows of the same size. part: those that warmed up, too."""
    # With other workers an image has other threads, and others beside it.
    as_many = same["workers"] == wanted.workers
    same = same[as_many] if as_many.any() else same
    # Strips take more time and less memory: what lies between the two is neither's.
    most = bool(same["in_strips"].mean() > 0.5)
    same = same[same["in_strips"] == most]
    warm_ups = part[~part["clean"] & part["variant"].isin(same["variant"].dropna())]
    told = _none(same["seconds"].mean()), _none(same["memory_bytes"].max())
    return Estimate(*told, f"measured{' in strips' * most}{how}", _none(warm_ups["seconds"].mean()))


def _alone(rows: pd.DataFrame) -> pd.Series:
    """Return an image's seconds; where stages overlapped, without what it waited for others in."""
    return rows["total_s"].where(rows["measure_mode"] != "throughput", rows[list(STAGES)].sum(axis=1, min_count=1))


def _none(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def told(rows: pd.DataFrame | None, wanted: Sequence[Wanted]) -> list[str]:
    """Return lines on the whole, the largest and what is not known. rows: None where there are none yet."""
    if rows is None:
        return ["time and memory: not known, as there are no rows yet; --from RUN takes them from another run"]
    guesses = [(want, one(rows, want)) for want in wanted if want.images]
    known = [(want, guess) for want, guess in guesses if guess.seconds_per_image is not None]
    unknown = [
        f"{want.method} {want.precision} {want.resolution_px} px"
        for want, guess in guesses
        if guess.seconds_per_image is None
    ]
    lines = []
    if known:
        spent = [(guess.seconds(want), want, guess.how) for want, guess in known]
        images = counted(sum(want.images for want, _ in known), "image")
        lines.append(f"time:   about {seconds(sum(s for s, *_ in spent))} for {images}, loading not counted")
        for s, want, how in sorted(spent, key=lambda one: -one[0])[:3]:
            lines.append(f"        {seconds(s)}: {_name(want)}, {counted(want.images, 'image')}, {how}")
        most = [(guess.memory_bytes, want, guess.how) for want, guess in known if guess.memory_bytes is not None]
        if most:
            memory, want, how = max(most, key=lambda one: one[0])
            lines.append(f"memory: {size(memory)} at most for one image: {_name(want)}, {how}")
    if unknown:
        lines.append(f"not known, as no row is like it: {', '.join(unknown)}")
    return lines or ["nothing is left to do"]


def _name(want: Wanted) -> str:
    return f"{want.method} {want.precision} {want.resolution_px} px" + (f" x{want.workers}" if want.workers > 1 else "")
