"""A report's summary in plain words: what is fastest at a quality, what fits in a memory, what grows how."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from stylize.report import analysis
from stylize.report.units import digits, score, seconds, side, size

STYLE_ROOM = 1.1
"""A style distance up to this many times the best one counts as the same quality."""
KEPT_SSIM = 0.5
MEMORIES = (1e9, 4e9)
REACH = 4
"""A fit is asked no further than this many times the largest picture measured."""
FIT_ROOM = 0.1
"""An exponent whose interval lies within this of 1 is called linear."""


def summary(rows: pd.DataFrame, all_rows: pd.DataFrame | None = None) -> list[str]:
    """Sentences, the most wanted first; only what the rows can say. all_rows: where `rows` are not all there are."""
    measured = analysis.measures(rows)
    side_px = analysis.main_resolution(rows)
    setups = list(measured["setup"].unique())
    sentences = []
    for setup in setups:
        here = measured[measured["setup"] == setup]
        said = [
            *_fastest(here, side_px),
            *_memory(rows[rows["setup"] == setup]),
            *_growth(rows[rows["setup"] == setup]),
            *_workers(rows[rows["setup"] == setup]),
        ]
        sentences += [f"{setup}: {line}" if len(setups) > 1 else line for line in said]
    return [*sentences, *_failed(rows if all_rows is None else all_rows)]


def _name(line: pd.Series) -> str:
    return f"{line['method']} {line['precision']}"


def _fastest(measured: pd.DataFrame, side_px: float | None) -> Iterator[str]:
    least = measured["workers"].min()
    here = analysis.tradeoff(measured[measured["workers"].isna() | (measured["workers"] == least)], side_px)
    if here.empty:
        return
    at = f"At {side(side_px)}" if side_px is not None else "At the photos' own size"
    fastest = here.loc[here["stylize_p50_s"].idxmin()]
    verb = "is the fastest:" if len(here) > 1 else "takes"
    yield (
        f"{at}, {_name(fastest)} {verb} {seconds(fastest['stylize_p50_s'])} per image (p95 "
        f"{seconds(fastest['stylize_p95_s'])}, {fastest['n']} images), mean SSIM {score(fastest['ssim_mean'])}."
    )
    if len(here) == 1:
        return
    if here["gram_distance_mean"].notna().any():
        best = here.loc[here["gram_distance_mean"].idxmin()]
        close = here[here["gram_distance_mean"] <= STYLE_ROOM * best["gram_distance_mean"]]
        quick = close.loc[close["stylize_p50_s"].idxmin()]
        distance = digits(best["gram_distance_mean"])
        text = f"{at}, {_name(best)} comes nearest to the artworks' style (Gram distance {distance})"
        if quick.name == best.name:
            taken = seconds(best["stylize_p50_s"])
            yield f"{text} in {taken}; nothing faster is within {STYLE_ROOM - 1:.0%} of it."
        else:
            yield (
                f"{text} in {seconds(best['stylize_p50_s'])}; within {STYLE_ROOM - 1:.0%} of that, {_name(quick)} is "
                f"the fastest: {seconds(quick['stylize_p50_s'])}."
            )
    kept = here[here["ssim_mean"] >= KEPT_SSIM]
    if not kept.empty and len(kept) < len(here):
        quick = kept.loc[kept["stylize_p50_s"].idxmin()]
        yield (
            f"{at}, of what keeps an SSIM of {KEPT_SSIM} or more, {_name(quick)} is the fastest: "
            f"{seconds(quick['stylize_p50_s'])}, mean SSIM {score(quick['ssim_mean'])}."
        )
    elif kept.empty:
        most = here.loc[here["ssim_mean"].idxmax()]
        yield f"{at}, {_name(most)} keeps most of the photo: mean SSIM {score(most['ssim_mean'])}."


def _memory(rows: pd.DataFrame) -> Iterator[str]:
    """The largest picture each method makes within common amounts of memory, from the fits."""
    fits = analysis.growth(rows)
    if fits.empty:
        return
    fits = fits[(fits["memory_exponent"] > 0) & (fits["method"] != analysis.FLOOR)]
    for room in MEMORIES:
        words = []
        for _, line in fits.iterrows():
            most = (room / line["memory_at_1_mp"]) ** (1 / line["memory_exponent"])
            reach = REACH * line["most_megapixels"]
            if line["least_megapixels"] <= most:
                far = f"over {digits(reach)}" if most > reach else digits(most)
                words.append((min(most, reach), f"{_name(line)} {far}"))
        if words and any(most < REACH * fits["most_megapixels"].max() for most, _ in words):
            told = "; ".join(text for _, text in sorted(words, key=lambda one: -one[0]))
            yield f"With {size(room)} for one more image, megapixels that fit: {told} (from the fits)."


def _growth(rows: pd.DataFrame) -> Iterator[str]:
    fits = analysis.growth(rows)
    if fits.empty:
        return
    for name, what in (("time", "Time"), ("memory", "Memory for one more image")):
        kinds: dict[str, list[str]] = {}
        for _, line in fits.iterrows():
            low, high, exponent = (line[f"{name}_{part}"] for part in ("low", "high", "exponent"))
            if pd.isna(exponent) or line["method"] == analysis.FLOOR:
                continue
            if low >= 1 - FIT_ROOM and high <= 1 + FIT_ROOM:
                kind = "in proportion to pixels"
            elif high < 1:
                kind = "more slowly than pixels"
            elif low > 1:
                kind = "faster than pixels"
            else:
                kind = "in a way these rows do not settle"
            kinds.setdefault(kind, []).append(f"{_name(line)} ({exponent:.2f}, {low:.2f} to {high:.2f})")
        if kinds:
            told = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items())
            yield f"{what} grows {told}. In brackets the exponent with its 95 % interval; 1 is in proportion."


def _workers(rows: pd.DataFrame) -> Iterator[str]:
    scaled = analysis.scaling(rows)
    if scaled.empty:
        return
    for kind, part in scaled.groupby("scaling"):
        most = part[(part["workers"] == part["workers"].max()) & (part["method"] != analysis.FLOOR)]
        told = ", ".join(
            f"{_name(line)} {line['efficiency']:.0%} ({digits(line['images_per_s'])} images/s)"
            for _, line in most.iterrows()
        )
        if told:
            yield f"Efficiency ({kind} scaling) at {part['workers'].max():.0f} workers: {told}."


def _failed(rows: pd.DataFrame) -> Iterator[str]:
    bad = rows[~rows["ok"]]
    if bad.empty:
        yield f"All {len(rows)} rows are ok."
        return
    counts = ", ".join(f"{n} {status}" for status, n in bad["status"].value_counts().items())
    yield f"{len(bad)} of {len(rows)} rows are not ok: {counts}."
