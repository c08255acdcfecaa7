"""What is often claimed of style transfer, beside what was measured here, with a verdict for this hardware.

Each measurement decides a claim only where its whole interval does, as everywhere in reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from stylize.report import analysis
from stylize.report.evidence import verdicts
from stylize.report.evidence.statistics import Interval
from stylize.report.evidence.verdicts import MEMORY, TIME, Change, Quantity, Sample, Verdict
from stylize.report.units import side, size, times

HOLDS, PARTLY, FAILS = "holds here", "holds in part", "does not hold here"
UNDECIDED, UNKNOWN = "undecided", "not measured"
SIDE_PX = 768
"""Of a 768x512 photo."""
FAST = ("johnson", "adain", "microast", "compact")
MODEL = Quantity("model_bytes", "model", "as large", "model_bytes", size, True, True, 0.05)
BOTH = Quantity("both_bytes", "model and one more image", "as much", "both_bytes", size, True, True, 0.05)
_QUANTITIES = (TIME, MEMORY, MODEL, BOTH)

_SEEN = {Verdict.SAME: "the same, ", Verdict.UNDECIDED: "no difference seen, "}
Outcome = bool | None
"""Whether a measurement bears a claim out; None where its interval leaves that open."""


@dataclass(frozen=True)
class Claim:
    """A claim, what was measured of it, and the verdict."""

    text: str
    measured: str
    verdict: str


@dataclass(frozen=True)
class Cell:
    """What was measured of one method in one precision at one size, on one machine."""

    setup: str
    side_px: float
    method: str
    precision: str
    stylizer: str
    backbone: str
    sample: Sample
    name: str
    """What reports call it, with the machine where there are several."""


def check(rows: pd.DataFrame) -> list[Claim]:
    """Return every claim, held to the rows of a `claims` sweep; what its rows do not tell is not measured."""
    cells = list(_cells(rows))
    here = [cell for cell in cells if cell.side_px == SIDE_PX]
    vgg19, fast = _gatys(here, "vgg19"), [cell for cell in here if cell.stylizer in FAST]
    half = "Half precision (FP16, or BF16 where that is what a CPU has) saves memory"
    return [
        _between("VGG19 optimisation at 768x512 takes tens of seconds", vgg19, TIME, 10, 100),
        _between("VGG19 optimisation at 768x512 takes about 4 GB", vgg19, BOTH, 3e9, 5e9),
        _between("Fast style transfer at 768x512 takes tens of milliseconds", fast, TIME, 0, 0.1),
        _linear(rows),
        _against(
            "MobileNet is lighter than VGG19 as an optimisation's backbone",
            _gatys(cells, "mobilenet"), _gatys(cells, "vgg19"), Verdict.BETTER,
        ),
        _against(
            "ResNet, as an optimisation's backbone, is heavier than compact networks",
            _gatys(cells, "resnet"), [cell for cell in cells if cell.stylizer == "compact"], Verdict.WORSE,
        ),
        _precision(cells, ("fp16", "bf16"), half),
        _precision(cells, ("int8",), "Quantisation to INT8 saves memory"),
        _precision(cells, ("int8",), "Quantisation to INT8 takes at most 0.6 times the memory of FP32", MEMORY, 0.6),
        _precision(cells, ("int8",), "Quantisation to INT8 is at least 1.5 times as fast as FP32", TIME, 1 / 1.5),
    ]  # fmt: skip


def _cells(rows: pd.DataFrame) -> Iterator[Cell]:
    rows = rows.assign(both_bytes=rows["memory_bytes"] + rows["model_bytes"])
    several = _are_several(rows[rows["clean"]])
    for (setup, side_px), here in rows.groupby(["setup", "resolution_px"], sort=True):
        parts, _ = analysis.cells(here)
        for name, sample in verdicts.samples(parts, _QUANTITIES).items():
            first = parts[name].iloc[0]
            method, precision, stylizer, backbone = map(
                str, first[["method", "precision", "stylizer", "backbone"]].tolist()
            )
            called = f"{name} on {setup}" if several else name
            yield Cell(str(setup), float(side_px), method, precision, stylizer, backbone, sample, called)


def _are_several(of_machines: pd.DataFrame) -> bool:
    return bool(of_machines["setup"].nunique() > 1)


def _gatys(cells: Iterable[Cell], backbone: str) -> list[Cell]:
    """Return an optimisation's cells with a backbone of that family."""
    return [cell for cell in cells if cell.stylizer == "gatys" and cell.backbone.startswith(backbone)]


def _verdict(outcomes: Iterable[Outcome]) -> str:
    found = list(outcomes)
    if not found:
        return UNKNOWN
    known = {outcome for outcome in found if outcome is not None}
    if known == {True, False}:
        return PARTLY
    if not known:
        return UNDECIDED
    sure = HOLDS if known == {True} else FAILS
    return f"{sure}, as far as decided" if None in found else sure


def _between(text: str, cells: Iterable[Cell], quantity: Quantity, least: float, most: float) -> Claim:
    """Hold measurements to a range: from `least` to below `most`."""
    outcomes: list[Outcome] = []
    told = []
    known = [cell for cell in cells if cell.sample.subjects(quantity)]
    for cell in sorted(known, key=lambda one: one.sample.middle(quantity)):
        n = cell.sample.subjects(quantity)
        interval, shown = cell.sample.interval(quantity), quantity.form
        inside = interval is not None and interval.low >= least and interval.high < most
        outside = interval is not None and (interval.high < least or interval.low >= most)
        outcomes.append(inside if inside or outside else None)
        ends = f"{shown(interval.low)} to {shown(interval.high)}, " if interval else ""
        told.append(f"{cell.name} {shown(cell.sample.middle(quantity))} ({ends}n = {n})")
    what = f" ({quantity.word})" if told and quantity is not TIME else ""
    return Claim(text, "; ".join(told) + what, _verdict(outcomes))


def _linear(rows: pd.DataFrame) -> Claim:
    text = "Memory grows linearly with pixels"
    fits = analysis.growth(rows[~analysis.is_floor(rows)])
    if fits.empty:
        return Claim(text, "", UNKNOWN)
    here = fits[fits["memory_exponent"].notna()]
    outcomes: list[Outcome] = []
    told = []
    for line in here.itertuples():
        kind = verdicts.growth_kind(line.memory_low, line.memory_high)
        outcomes.append(None if kind == verdicts.UNSETTLED else kind == verdicts.PROPORTIONAL)
        ends = f"{line.memory_low:.2f} to {line.memory_high:.2f}"
        on = f" on {line.setup}" if _are_several(here) else ""
        told.append(f"{line.method} {line.precision}{on} {line.memory_exponent:.2f} ({ends})")
    measured = f"exponents with 95 % intervals: {'; '.join(told)}" if told else ""
    return Claim(text, measured, _verdict(outcomes))


def _against(text: str, ours: list[Cell], others: list[Cell], claimed: Verdict) -> Claim:
    """Hold model, memory and time of one kind beside another's, at the same resolution and precision."""
    outcomes: list[Outcome] = []
    told = []
    for one in ours:
        for other in others:
            if (one.setup, one.side_px, one.precision) != (other.setup, other.side_px, other.precision):
                continue
            changes = [(q, verdicts.against(one.sample, other.sample, q)) for q in (MODEL, MEMORY, TIME)]
            outcomes += [_outcome(change, claimed) for quantity, change in changes if change.n]
            words = ", ".join(f"{quantity.word} {_change(change)}" for quantity, change in changes if change.n)
            told += [f"{side(one.side_px)}, {one.name} beside {other.name}: {words}"] if words else []
    return Claim(text, "; ".join(told), _verdict(outcomes))


def _outcome(change: Change, claimed: Verdict) -> Outcome:
    return None if change.verdict == Verdict.UNDECIDED else change.verdict == claimed


def _change(change: Change) -> str:
    if change.interval is None:
        return f"undecided (n = {change.n})"
    value, ends = times(change.interval.value), _ends([change.interval])
    return f"{_SEEN.get(change.verdict, '')}{value} ({ends}, n = {change.n})"


def _ends(intervals: list[Interval]) -> str:
    low, high = times(min(one.low for one in intervals)), times(max(one.high for one in intervals))
    return low if low == high else f"{low} to {high}"


def _precision(
    cells: list[Cell], names: tuple[str, ...], text: str, quantity: Quantity = MEMORY, most: float | None = None
) -> Claim:
    """Hold a precision beside fp32, of the same tasks. most: the ratio that is claimed; None: any that is less."""
    outcomes: list[Outcome] = []
    found: dict[str, list[tuple[Cell, Change]]] = {}
    base = {(cell.setup, cell.side_px, cell.method): cell for cell in cells if cell.precision == "fp32"}
    for cell in cells:
        whole = base.get((cell.setup, cell.side_px, cell.method))
        if cell.precision not in names or whole is None:
            continue
        if (change := verdicts.against(cell.sample, whole.sample, quantity)).n:
            outcomes.append(_outcome(change, Verdict.BETTER) if most is None else _at_most(change.interval, most))
            found.setdefault(cell.name, []).append((cell, change))
    told = "; ".join(f"{name} {_over_sizes(changes)}" for name, changes in found.items())
    return Claim(text, told, _verdict(outcomes))


def _at_most(interval: Interval | None, most: float) -> Outcome:
    if interval is None or interval.low <= most < interval.high:
        return None
    return interval.high <= most


def _over_sizes(changes: list[tuple[Cell, Change]]) -> str:
    """Return what was seen at each size, with those of one verdict together."""
    told = []
    for verdict in Verdict:
        some = [(cell, change) for cell, change in changes if change.verdict == verdict]
        if not some:
            continue
        px, n = sorted({cell.side_px for cell, _ in some}), min(change.n for _, change in some)
        at = side(px[0]) if len(px) == 1 else f"{px[0]:.0f} to {side(px[-1])}"
        intervals = [change.interval for _, change in some if change.interval is not None]
        ratio = f"{_SEEN.get(verdict, '')}{_ends(intervals)} of fp32's" if intervals else "undecided"
        told.append(f"{ratio} (n = {n}, {at})")
    return ", ".join(told)
