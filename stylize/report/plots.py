"""The plots of a report, as SVG texts. Logarithmic axes wherever things grow by factors."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from stylize.errors import harmless
from stylize.report import analysis
from stylize.report.units import digits, seconds, side

_RC = {
    "svg.hashsalt": "stylize",
    "svg.fonttype": "path",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
_MARKERS = "osD^vP*Xd<>ph"


_LABEL_POINTS = 7


def all_plots(rows: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return (file name, caption, SVG text) of every plot that the rows can fill."""
    import matplotlib as mpl

    with mpl.rc_context(_RC):
        return list(_plots(rows))


def _plots(rows: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    setups = sorted(rows.loc[rows["clean"], "setup"].unique())
    for number, setup in enumerate(setups, start=1):
        here = rows[(rows["setup"] == setup) & (rows["method"] != "")]
        suffix, where = (f"-{number}", f" ({setup})") if len(setups) > 1 else ("", "")
        for name, caption, draw in _DRAWN:
            figure = _figure()
            if draw(figure, here):
                yield f"{name}{suffix}.svg", caption + where, _svg(figure)


def _figure() -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(7.4, 5))


def _svg(figure: Any) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def _label(text: str) -> str:
    """Return a name as matplotlib takes it: a dollar sign would begin a formula, an underscore in front hide it."""
    text = harmless(" ".join(text.split())).replace("$", r"\$")
    text = text if len(text) <= 48 else text[:46] + ".."
    return f" {text}" if text.startswith("_") else text


def _series(rows: pd.DataFrame) -> Iterator[tuple[int, str, pd.DataFrame]]:
    """Yield clean rows of the fewest workers, by method and precision; the floor would stretch the axes."""
    clean = rows[rows["clean"] & (rows["method"] != analysis.FLOOR)]
    clean = clean[clean["workers"].isna() | (clean["workers"] == clean["workers"].min())]
    groups = clean.groupby(["method", "precision"], dropna=False, sort=True)
    for number, ((method, precision), part) in enumerate(groups):
        yield number, f"{method} {precision}", part


def _style(number: int) -> dict[str, Any]:
    return {"color": f"C{number % 10}", "marker": _MARKERS[number % len(_MARKERS)], "markersize": 5}


def _against_pixels(column: str, what: str, scale: float, word: str) -> Callable[[Any, pd.DataFrame], bool]:
    """Return a drawing of medians at each resolution with p5 to p95, and the fitted power law."""

    def draw(figure: Any, rows: pd.DataFrame) -> bool:
        axes = figure.subplots()
        fits = analysis.growth(rows)
        drawn = False
        for number, name, part in _series(rows):
            values = part[part[column] > 0].groupby("megapixels")[column]
            sizes = list(values.groups)
            if len(sizes) < 2 or max(sizes) < analysis.LEAST_RANGE * min(sizes):
                continue
            drawn = True
            middle, low, high = (values.quantile(q) / scale for q in (0.5, 0.05, 0.95))
            here = fits[(fits["method"] + " " + fits["precision"]) == name]
            exponent = here[f"{word}_exponent"].iloc[0] if len(here) else np.nan
            told = "" if np.isnan(exponent) else f", exponent {exponent:.2f}"
            axes.plot(middle.index, middle, linestyle="none", label=_label(name + told), **_style(number))
            axes.vlines(middle.index, low, high, color=f"C{number % 10}", alpha=0.5)
            if not np.isnan(exponent):
                ends = np.array([middle.index.min(), middle.index.max()])
                line = here[f"{word}_at_1_mp"].iloc[0] / scale * ends**exponent
                axes.plot(ends, line, color=f"C{number % 10}", linewidth=1, alpha=0.8)
        if drawn:
            axes.set(xscale="log", yscale="log", xlabel="megapixels", ylabel=what)
            _plain_ticks(axes.xaxis)
            _plain_ticks(axes.yaxis)
            axes.legend(fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.13))
        return drawn

    return draw


def _plain_ticks(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_data_interval()
    subs = (1, 2, 5) if high / max(low, 1e-12) < 300 else (1,)
    axis.set_major_locator(LogLocator(10, subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: digits(value)))
    axis.set_minor_formatter(NullFormatter())


def _stages(figure: Any, rows: pd.DataFrame) -> bool:
    side_px = analysis.main_resolution(rows)
    medians = analysis.stages(rows)
    if medians.empty:
        return False
    medians = medians[medians["workers"].isna() | (medians["workers"] == medians["workers"].min())]
    medians = medians[medians["resolution_px"].isna() if side_px is None else medians["resolution_px"] == side_px]
    medians = medians.drop_duplicates(["method", "precision"]).sort_values("stylize_s", ascending=False)
    if medians.empty:
        return False
    names = [_label(f"{line.method} {line.precision}") for line in medians.itertuples()]
    axes = figure.subplots()
    whole = medians[list(analysis.STAGES)].fillna(0).sum(axis=1).to_numpy(float)
    left = np.zeros(len(medians))
    for number, stage in enumerate(analysis.STAGES):
        share = medians[stage].fillna(0).to_numpy(float) / np.maximum(whole, 1e-12) * 100
        axes.barh(names, share, left=left, label=stage.removesuffix("_s"), color=f"C{number}")
        left += share
    for position, time in enumerate(whole):
        axes.text(101, position, seconds(time), va="center", fontsize=7)
    axes.set(xlim=(0, 112), xlabel=f"% of an image's time at {side(side_px)}; its sum beside the bar")
    axes.legend(fontsize=7, ncols=len(analysis.STAGES), loc="lower center", bbox_to_anchor=(0.45, 1))
    axes.grid(axis="y", visible=False)
    return True


def _tradeoff(figure: Any, rows: pd.DataFrame) -> bool:
    measured = analysis.measures(rows)
    measured = measured[measured["workers"].isna() | (measured["workers"] == measured["workers"].min())]
    points = analysis.tradeoff(measured, analysis.main_resolution(rows))
    if len(points) < 2:
        return False
    with_style = bool(points["gram_distance_mean"].notna().any())
    axes = figure.subplots()
    across = points["gram_distance_mean"] if with_style else points["stylize_p50_s"]
    shown = axes.scatter(
        across, points["ssim_mean"], c=np.log10(points["stylize_p50_s"].clip(1e-5)), cmap="viridis_r", s=70, zorder=3,
        edgecolors=["black" if best else "none" for best in points["pareto"]], linewidths=1.8,
    )  # fmt: skip
    axes.set(
        ylabel="SSIM against the photo, more keeps more of it",
        xlabel="Gram distance from the artwork, less is nearer" if with_style else "seconds per image",
        xscale="log",
        ylim=(max(0, points["ssim_mean"].min() - 0.05), min(1, points["ssim_mean"].max() + 0.05)),
        xlim=(across.min() / 1.15, across.max() * 1.45),
    )
    texts = [
        _label(f"{line.method} {line.precision}") + f"\n{seconds(line.stylize_p50_s)}" for line in points.itertuples()
    ]
    _plain_ticks(axes.xaxis)
    bar = figure.colorbar(shown, ax=axes, label="time per image")
    bar.ax.yaxis.set_major_formatter(lambda value, _: seconds(10**value))
    figure.draw_without_rendering()  # only now are the axes where they stay
    _put_labels(axes, list(zip(across, points["ssim_mean"], strict=True)), texts)
    return True


def _put_labels(axes: Any, points: list[tuple[float, float]], texts: list[str]) -> None:
    """Put a label beside each point, in the first place around it that no other label or point takes."""
    height = 2 * _LABEL_POINTS * 1.25
    scale = 72 / axes.figure.dpi
    centres = [axes.transData.transform(point) * scale for point in points]
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in centres]
    for (x, y), point, text in zip(centres, points, texts, strict=True):
        width = 0.6 * _LABEL_POINTS * max(map(len, text.splitlines()))
        places = [(dx, dy) for dy in (-2, -height - 2, height, -2 * height, 2 * height) for dx in (7, -7 - width)]
        boxes = [(x + dx, y + dy, x + dx + width, y + dy + height) for dx, dy in places]
        free = [number for number, box in enumerate(boxes) if not any(_overlap(box, other) for other in taken)]
        best = free[0] if free else 0
        taken.append(boxes[best])
        axes.annotate(text, point, xytext=places[best], textcoords="offset points", fontsize=_LABEL_POINTS)


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _workers(figure: Any, rows: pd.DataFrame) -> bool:
    rates = analysis.scaling(rows)
    if rates.empty:
        return False
    axes = figure.subplots()
    most = rates["workers"].max()
    for number, (key, part) in enumerate(rates.groupby(["method", "precision", "scaling"], dropna=False)):
        axes.plot(part["workers"], part["efficiency"] * part["workers"], label=_label(" ".join(key)), **_style(number))
    axes.plot([1, most], [1, most], color="grey", linestyle=":", label="ideal")
    axes.set(xlabel="workers", ylabel="images/s, times that of one worker")
    axes.set_xticks(sorted(rates["workers"].unique()))
    axes.legend(fontsize=8)
    return True


_DRAWN: tuple[tuple[str, str, Callable[[Any, pd.DataFrame], bool]], ...] = (
    ("time", "Time per image against megapixels: median, p5 to p95, fitted power law",
     _against_pixels("stylize_s", "seconds", 1, "time")),
    ("memory", "Memory for one more image against megapixels: median, p5 to p95, fitted power law",
     _against_pixels("memory_bytes", "MB", 1e6, "memory")),
    ("tradeoff", "SSIM against style distance against time; what nothing else beats has a black ring", _tradeoff),
    ("stages", "Where an image's time goes", _stages),
    ("workers", "Scaling over workers", _workers),
)  # fmt: skip
