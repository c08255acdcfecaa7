"""What each plot of a report shows: a function that draws it, and its entry in OVER_SIZES or AT_SIZE.

Axes are logarithmic wherever things grow by factors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from stylize.errors import harmless
from stylize.report import analysis
from stylize.report.evidence.cells import Machine, Size
from stylize.report.frame import STAGES
from stylize.report.page import labels, svg
from stylize.report.units import digits, seconds
from stylize.results.schema import SCORED

_MARKERS = "osD^vP*Xd<>ph"
_INCHES = (4.4, 4.2)
_TICK_SHARES = {"x": (0.02, 0.026), "y": (0.06, 0.0)}
"""Of an axis, what lies between the numbers of two ticks, and what a digit takes."""
_LEAST_RATIO = 1.2
"""Of a logarithmic axis' ends: numbers that are all but the same would leave it nothing to count by."""


def new_figure() -> Any:
    """Return an empty figure."""
    from matplotlib.figure import Figure

    return Figure(figsize=_INCHES)


def _series(rows: pd.DataFrame) -> Iterator[tuple[int, str, str, pd.DataFrame]]:
    """Yield number, name, label and clean rows of the fewest workers, by method and precision.

    The floor would stretch the axes.
    """
    clean = analysis.fewest_workers(rows[rows["clean"] & ~analysis.is_floor(rows)])
    short = labels.of(rows)
    for number, (key, part) in enumerate(clean.groupby(["method", "precision"], dropna=False, sort=True)):
        yield number, " ".join(map(str, key)), short(*key), part


def _left_out(rows: pd.DataFrame, *others: tuple[list[str], str]) -> str:
    """Say what of the rows is in no plot, and why: (names, reason) beside what no plot shows."""
    floor = sorted(set(rows.loc[analysis.is_floor(rows), "method"]))
    return _named((floor, "does nothing"), *_untimed(rows), _more_workers(rows), *others)


def _more_workers(rows: pd.DataFrame) -> tuple[list[str], str]:
    """Return the runs that no plot but that of workers shows, as (names, reason)."""
    more = [f"{count:.0f}" for count in sorted(rows["workers"].dropna().unique()) if count > rows["workers"].min()]
    return [f"runs with {' or '.join(more)} workers"] * bool(more), "they stand in each other's way"


def _untimed(rows: pd.DataFrame) -> tuple[tuple[list[str], str], ...]:
    """Return the methods of which no time counts, as (names, reason)."""
    rows = rows[~analysis.is_floor(rows)]
    every, made, timed = (set(part["method"]) for part in (rows, rows[rows["ok"]], rows[rows["clean"]]))
    only_warm = sorted(made - timed)
    return (sorted(every - made), "no image was made"), (only_warm, "warm-up images alone")


def _named(*reasons: tuple[list[str], str]) -> str:
    return "; ".join(f"{', '.join(map(harmless, names))} ({why})" for names, why in reasons if names)


def _style(number: int) -> dict[str, Any]:
    return {"color": f"C{number % 10}", "marker": _MARKERS[number % len(_MARKERS)], "markersize": 5}


def _against_pixels(column: str, what: str, scale: float, word: str) -> Callable[..., tuple[bool, str]]:
    """Return a drawing of medians at each resolution with p5 to p95, and the fitted power law."""

    def draw(figure: Any, rows: pd.DataFrame) -> tuple[bool, str]:
        series = [(*called, part[part[column] > 0]) for *called, part in _series(rows)]
        if all(analysis.sizes(good).nunique() < 2 for *_, good in series):
            return False, ""
        axes = figure.subplots()
        fits = analysis.growth(rows)
        nothing = []
        for number, name, label, good in series:
            values = good.groupby(analysis.sizes(good))
            middle = values[["megapixels", column]].median().sort_values("megapixels")
            if middle.empty:
                nothing.append(name)
                continue
            here = fits[(fits["method"] + " " + fits["precision"]) == name] if len(fits) else fits
            exponent = here[f"{word}_exponent"].iloc[0] if len(here) else np.nan
            told = "" if np.isnan(exponent) else f", exponent {exponent:.2f}"
            low, high = (values[column].quantile(q).reindex(middle.index) / scale for q in (0.05, 0.95))
            x, y = middle["megapixels"], middle[column] / scale
            axes.plot(x, y, linestyle="none", label=label + told, **_style(number))
            axes.vlines(x, low, high, color=f"C{number % 10}", alpha=0.5)
            if not np.isnan(exponent):
                line = here[f"{word}_at_1_mp"].iloc[0] / scale * x**exponent
                axes.plot(x, line, color=f"C{number % 10}", linewidth=1, alpha=0.8)
        axes.set(xscale="log", yscale="log", xlabel="megapixels", ylabel=what)
        _plain_ticks(axes.xaxis)
        _plain_ticks(axes.yaxis)
        _legend(figure, axes)
        return True, _left_out(rows, (nothing, "not measured"))

    return draw


def _legend(figure: Any, axes: Any) -> None:
    """Put the legend below the axes, and make the figure higher by it."""
    handles, texts = axes.get_legend_handles_labels()
    columns = 2 if max(map(len, texts)) <= 20 else 1
    lines = sum(1 + text.count("\n") for text in texts)
    figure.set_figheight(_INCHES[1] + 0.19 * (lines / columns))
    figure.legend(handles, texts, fontsize=9, ncols=columns, loc="outside lower center")


def _plain_ticks(axis: Any) -> None:
    """Give a logarithmic axis as many round numbers as it has room for, another its own; it is drawn on already."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    low, high = sorted(axis.get_view_interval())
    if axis.get_scale() == "log" and high < _LEAST_RATIO * low:
        low, high = low / _LEAST_RATIO, high * _LEAST_RATIO
        axis.axes.set(**{f"{axis.axis_name}lim": (low, high)})
    if ticks := labels.ticks(low, high, *_TICK_SHARES[axis.axis_name]):
        axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: digits(value)))
    axis.set_minor_formatter(NullFormatter())


def _stages(figure: Any, size: Size, machine: Machine) -> tuple[bool, str]:
    rows = machine.rows
    means = analysis.stage_shares(analysis.fewest_workers(rows))
    if means.empty:
        return False, ""
    means = means.drop_duplicates(["method", "precision"]).sort_values("stylize_s", ascending=False)
    short = labels.of(rows)
    names = [short(*key) for key in zip(means["method"], means["precision"], strict=True)]
    figure.set_figheight(1.6 + len(names) * (0.3 + 0.15 * max(name.count("\n") for name in names)))
    axes = figure.subplots()
    whole = means[list(STAGES)].sum(axis=1).to_numpy(float)
    left = np.zeros(len(means))
    for number, stage in enumerate(STAGES):
        share = means[stage].to_numpy(float) / np.maximum(whole, 1e-12) * 100
        axes.barh(range(len(names)), share, left=left, label=stage.removesuffix("_s"), color=f"C{number}")
        left += share
    for position, time in enumerate(whole):
        axes.text(101, position, seconds(time), va="center", fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlim=(0, 118), ylim=(-0.6, len(names) - 0.4))  # matplotlib's margins grow with the number of bars
    axes.set_xlabel("% of the mean time beside the bar", loc="right")  # beside long names the axes are narrower than it
    figure.legend(fontsize=9, ncols=4, loc="outside lower center")
    axes.grid(axis="y", visible=False)
    elsewhere = sorted(set(rows.loc[rows["measure_mode"] == SCORED, "method"]))
    return True, _named((elsewhere, "made elsewhere, not timed"), *_untimed(rows), _more_workers(rows))


def _tradeoff(figure: Any, size: Size, machine: Machine) -> tuple[bool, str]:
    from matplotlib.ticker import MaxNLocator

    points = size.tradeoff(machine)
    if len(points) < 2:
        return False, ""
    with_style = bool(points["gram_distance_mean"].notna().any())
    axes = figure.subplots()
    across = points["gram_distance_mean"] if with_style else points["stylize_p50_s"]
    is_log = bool((across > 0).all())  # a result that is its artwork is 0 from it
    most = across.max() or 1
    shown = axes.scatter(
        across, points["ssim_mean"], c=np.log10(points["stylize_p50_s"].clip(1e-5)), cmap="plasma", s=60, zorder=3,
        edgecolors=[svg.INK if best else "#888888" for best in points["best"]],
        linewidths=[1.8 if best else 0.5 for best in points["best"]],
    )  # fmt: skip
    axes.set(
        ylabel="SSIM, more keeps more of the photo",
        xlabel="Gram distance from the artwork, less is nearer" if with_style else "seconds per image",
        xscale="log" if is_log else "linear",
        ylim=(max(-1, points["ssim_mean"].min() - 0.08), min(1, points["ssim_mean"].max() + 0.05)),
        xlim=(across.min() / 1.25, most * 1.6) if is_log else (-0.05 * most, 1.25 * most),
    )
    short = labels.of(machine.rows)
    keys = zip(points["method"], points["precision"], strict=True)
    texts = [f"{short(*key)}\n{seconds(time)}" for key, time in zip(keys, points["stylize_p50_s"], strict=True)]
    _plain_ticks(axes.xaxis)
    bar = figure.colorbar(shown, ax=axes, label="time per image", location="top", aspect=40)
    bar.ax.xaxis.set_major_locator(MaxNLocator(4))
    bar.ax.xaxis.set_major_formatter(lambda value, _: seconds(10**value))
    labels.put(axes, list(zip(across, points["ssim_mean"], strict=True)), texts)
    missing = machine.values.keys() - machine.unbeaten().keys()
    timed = {name for name in missing if pd.notna(machine.values[name]["stylize_p50_s"])}
    why = (sorted(missing - timed), "made elsewhere, not timed"), (sorted(timed), "no scores, as of untrained weights")
    return True, _left_out(machine.rows, *why)


def _workers(figure: Any, size: Size, machine: Machine) -> tuple[bool, str]:
    rows = machine.rows
    rates = analysis.scaling(rows)
    if rates.empty:
        return False, ""
    axes = figure.subplots()
    most, fewest = rates["workers"].max(), set()
    short = labels.of(rows)
    for number, (key, part) in enumerate(rates.groupby(["method", "precision", "scaling"], dropna=False)):
        label, least = f"{short(*key[:2])} {key[2]}", part["workers"].min()
        axes.plot(part["workers"], part["efficiency"] * part["workers"] / least, label=label, **_style(number))
        fewest.add(least)
    for least in fewest:
        axes.plot([least, most], [1, most / least], color="grey", linestyle=":")
    axes.lines[-1].set_label("ideal")
    axes.set(xlabel="workers", ylabel="images/s, times that of the fewest workers")
    axes.set_xticks(sorted(rates["workers"].unique()))
    _legend(figure, axes)
    missing = sorted(set(rows["method"]) - set(rates["method"]))
    return True, _named((missing, "one number of workers"))


Draw = Callable[..., tuple[bool, str]]
"""Draws on a figure; returns whether there was anything to draw, and what was left out, in words."""
OVER_SIZES: tuple[tuple[str, str, str, Draw], ...] = (
    ("time", "growth", "Seconds per image (up) against megapixels (across), both logarithmic: median, p5 to p95, and "
     "the fitted power law where there are three sizes.", _against_pixels("stylize_s", "seconds per image", 1, "time")),
    ("memory", "growth", "Memory for one more image in MB (up) against megapixels (across), both logarithmic: median, "
     "p5 to p95, and the fitted power law where there are three sizes.",
     _against_pixels("memory_bytes", "MB", 1e6, "memory")),
)  # fmt: skip
"""Of all sizes: a file's name, the table with its numbers, its caption and what draws it, of `rows`."""
AT_SIZE: tuple[tuple[str, str, str, Draw], ...] = (
    ("tradeoff", "measures", "Mean SSIM against the photo (up) over mean Gram distance (across; without one, "
     "seconds), with the median time as colour. A ring: compared, and none is clearly better.", _tradeoff),
    ("stages", "stages", "Share of an image's time in % (across) that each stage takes, by method (up); means.",
     _stages),
    ("workers", "workers", "Images per second as multiples of the fewest workers' (up) over workers (across).",
     _workers),
)  # fmt: skip
"""Of one: the same, of `size` and `machine`."""
