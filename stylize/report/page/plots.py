"""The plots of a report, as SVG texts; `drawings` says what each shows.

Narrow, so that their letters can be read on a phone, and without a background, in the colour of the text around them:
black in light mode, white in dark.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from stylize.report import analysis
from stylize.report.evidence.cells import Size
from stylize.report.page import svg
from stylize.report.page.drawings import AT_SIZE, OVER_SIZES, new_figure

# Where HOME cannot be written it says so twice, and keeps its list of fonts elsewhere.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

_COLOURS = ["3f90da", "ffa90e", "bd1f01", "94a4a2", "832db6", "a96b59", "e76300", "b9ac70", "717581", "92dadd"]
"""Petroff's ten (2021), told apart by the colour-blind, too; the viewer has them as well."""
_RC = {
    "svg.hashsalt": "stylize",
    "axes.prop_cycle": f"cycler('color', {_COLOURS})",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
} | dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color"), svg.INK
)


@dataclass(frozen=True)
class Plot:
    """A plot: its file's name, the table with its numbers, what its axes are and what it leaves out, and the SVG."""

    file: str
    table: str
    caption: str
    svg: str


def across(rows: pd.DataFrame) -> list[Plot]:
    """Return the plots over sizes that the rows can fill."""
    parts = rows[analysis.COLUMNS].groupby("setup", sort=True)
    machines = [(str(setup), part) for setup, part in parts if part["clean"].any()]
    return [
        plot
        for number, (setup, part) in enumerate(machines, start=1)
        for name, table, caption, draw in OVER_SIZES
        for plot in _plot(partial(draw, rows=part), name, table, caption, *_machine(number, setup, len(machines)))
    ]


def at_size(size: Size) -> list[Plot]:
    """Return the plots of one size that its rows can fill."""
    ending = "-own" if size.side_px is None else f"-{size.side_px}"
    found = []
    for number, machine in enumerate(size.machines, start=1):
        suffix, on = _machine(number, machine.setup, len(size.machines))
        for name, table, caption, draw in AT_SIZE:
            at = f"{caption} At {size.side}."
            found += _plot(partial(draw, size=size, machine=machine), f"{name}{ending}", table, at, suffix, on)
    return found


def _machine(number: int, setup: str, machines: int) -> tuple[str, str]:
    """Return what tells this machine's files and captions from the others'."""
    return (f"-{number}", f" On {setup}.") if machines > 1 else ("", "")


def _plot(
    draw: Callable[[Any], tuple[bool, str]], name: str, table: str, caption: str, suffix: str, on: str
) -> list[Plot]:
    import matplotlib as mpl

    with mpl.rc_context(_RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        is_drawn, left_out = draw(figure := new_figure())
        without = f" Left out: {left_out}." if left_out else ""
        return [Plot(f"{name}{suffix}.svg", table, f"{caption}{on}{without}", svg.of(figure))] if is_drawn else []
