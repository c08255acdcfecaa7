"""A report's summary in plain words. Each sentence says the size it speaks of, and no more than its interval allows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from stylize.errors import counted
from stylize.report import analysis, idle
from stylize.report.evidence import verdicts
from stylize.report.evidence.cells import Machine, Ranking, Size
from stylize.report.evidence.statistics import NARROW, REACH
from stylize.report.evidence.verdicts import Change, Quantity
from stylize.report.units import digits, percent, score, size, times

MEMORIES = (1e9, 4e9)
MOST_NAMED = 20
"""Methods and settings of them in a list of a sentence; a manifest may give each row its own."""
_BEST = {
    verdicts.TIME: ("is the fastest", ""),
    verdicts.STYLE: ("comes nearest to the artworks' style", "Gram distance"),
    verdicts.SSIM: ("keeps most of the photo", "SSIM"),
}
"""What is said of the best, and what its number is."""


def across(rows: pd.DataFrame, sizes: Sequence[Size], all_rows: pd.DataFrame | None = None) -> list[str]:
    """Return sentences on all sizes together. all_rows: where `rows` are not all there are."""
    said: list[str] = []
    setups = sorted(rows.loc[rows["clean"], "setup"].unique())
    for setup in setups:
        machines = {size.side: one for size in sizes for one in size.machines if one.setup == setup}
        here = rows[rows["setup"] == setup]
        fits = analysis.growth(here[~analysis.is_floor(here)])
        lines = [*_disagreements(machines), *_reach(fits), *_growth(fits), *filter(None, [idle.told(here)])]
        said += [f"{setup}: {line}" if len(setups) > 1 else line for line in lines]
    return [*said, *_failed(rows if all_rows is None else all_rows)]


def at_size(size: Size) -> list[str]:
    """Return sentences on one size, the most wanted first; only what its rows can say."""
    said: list[str] = []
    for machine in size.machines:
        # The floor may have been measured with fewer workers than all else.
        rows = machine.rows[~analysis.is_floor(machine.rows)]
        if rows.empty:
            continue
        at, measured = f"At {size.side}", analysis.measures(analysis.fewest_workers(rows))
        lines = [
            *(_ranked(at, machine, quantity) for quantity in _BEST),
            *_memory(at, measured),
            *_unstable(at, measured),
            *_workers(at, rows),
            *_with_more(at, machine),
        ]
        said += [f"{machine.setup}: {line}" if len(size.machines) > 1 else line for line in lines if line]
    return [*said, *_only_warm_up(size)]


def _only_warm_up(size: Size) -> Iterator[str]:
    """Name what has images and no time: of photos that are no more than workers there is nothing else."""
    made = size.rows[size.rows["ok"]]
    counts = made.groupby(made["method"] + " " + made["precision"])["clean"].any()
    if names := list(counts.index[~counts]):
        yield f"At {size.side}, warm-up images alone, so that no time counts and scores are of those: {_listed(names)}."


def _ranked(at: str, machine: Machine, quantity: Quantity) -> str:
    """Say which is the best, by how much, and from what no difference was seen."""
    of, found, (does, unit) = machine.shown(quantity), machine.ranking(quantity), _BEST[quantity]
    if found is None:
        few = {name: machine.samples[name].subjects(quantity) for name in of}
        if len(few) == 1:
            return _alone(at, *next(iter(few.items())), of, quantity)
        return f"{at}, too few images to say which {does}: {_few(few, of, quantity)}." if few else ""
    number = f"{unit} {quantity.form(of[found.best])}".strip()
    rest = f" Too few images to compare: {_uncompared(machine, found, of, quantity)}." if found.unknown else ""
    if found.alike:
        others = _listed(f"{name} {quantity.form(of[name])} (n = {change.n})" for name, change in found.alike.items())
        behind = f" Clearly behind: {_listed(found.behind)}." if found.behind else ""
        seen = f"no difference seen in {quantity.word} between {found.best}, {number} (n = {found.n}), and {others}"
        return f"{at}, {seen}.{behind}{rest}"
    if found.behind:
        name, change = next(iter(found.behind.items()))
        beside = _beside(change, quantity)
        return f"{at}, {found.best} {does}: {number} (n = {found.n}); next is {name}, {beside}.{rest}"
    return f"{_alone(at, found.best, found.n, of, quantity)}{rest}"


def _alone(at: str, name: str, n: int, of: Mapping[str, float], quantity: Quantity) -> str:
    """Say what was measured of a method that was compared with none."""
    number = quantity.form(of[name])
    if quantity is verdicts.TIME:
        return f"{at}, {name} takes {number} per image (n = {n})."
    return f"{at}, {_BEST[quantity][1]} of {name}: {number} (n = {n})."


def _few(few: Mapping[str, int], of: Mapping[str, float], quantity: Quantity) -> str:
    return _listed(f"{name} {quantity.form(of[name])} (n = {n})" for name, n in few.items())


def _listed(parts: Iterable[str], between: str = ", ") -> str:
    """Return the first of some parts of a sentence, and how many more there are: tables hold them all."""
    first = list(parts)
    more = len(first) - MOST_NAMED
    return between.join([*first[:MOST_NAMED], *([f"and {more} more"] * (more > 0))])


def _uncompared(machine: Machine, found: Ranking, of: Mapping[str, float], quantity: Quantity) -> str:
    """Name what is not compared with the best: of how many images its number is, and how many both have if fewer."""
    told = []
    for name, common in found.unknown.items():
        n = machine.samples[name].subjects(quantity)
        fewer = f", {common or 'none'} in common with {found.best}" if common < n else ""
        told.append(f"{name} {quantity.form(of[name])} (n = {n}{fewer})")
    return _listed(told)


def _beside(change: Change, quantity: Quantity) -> str:
    assert change.interval is not None  # what is behind has one
    value, low, high = change.interval.value, change.interval.low, change.interval.high
    if quantity.is_ratio:
        return f"{times(value)} {quantity.much} ({times(low)} to {times(high)}, n = {change.n})"
    return f"{score(-value)} {quantity.much} ({score(-high)} to {score(-low)}, n = {change.n})"


def _memory(at: str, measured: pd.DataFrame) -> Iterator[str]:
    """Return what a worker takes as a whole, against common amounts of memory."""
    measured = measured[measured["whole_bytes"].notna()]
    if measured.empty:
        return
    whole = measured.groupby(measured["method"] + " " + measured["precision"])["whole_bytes"].max()
    ordered = sorted(whole.index, key=lambda name: whole[name])
    adds = measured["scoring_bytes"].max()
    scoring = "scoring included" if pd.isna(adds) else f"scoring adds up to {size(adds)}"
    for room in MEMORIES:
        fits = _listed(f"{name} {_beside_rooms(whole[name])}" for name in ordered if whole[name] <= room)
        over = _listed(f"{name} {_beside_rooms(whole[name])}" for name in ordered if whole[name] > room)
        told = f"fits: {fits}; does not fit: {over}" if fits and over else f"fits: {fits}" if fits else "nothing fits"
        yield f"{at}, in {size(room)} for the whole worker ({scoring}) {told}."
        if not over:
            break


def _beside_rooms(whole_bytes: float) -> str:
    """Return a size that does not read as one of MEMORIES where it is more."""
    told = size(whole_bytes)
    return f"over {told}" if any(told == size(room) and whole_bytes > room for room in MEMORIES) else told


def _unstable(at: str, measured: pd.DataFrame) -> Iterator[str]:
    bad = measured[measured["stable"].str.startswith("unstable")]
    if len(bad):
        several = measured["scaling"].nunique() > 1
        told = _listed(
            f"{line['method']} {line['precision']}{', ' + line['scaling'] + ' scaling' if several else ''} "
            f"({line['stable'].removeprefix('unstable: ')})"
            for _, line in bad.iterrows()
        )
        yield f"{at}, times are unstable: {told}."


def _workers(at: str, rows: pd.DataFrame) -> Iterator[str]:
    scaled = analysis.scaling(rows)
    if scaled.empty:
        return
    for kind, part in scaled.groupby("scaling"):
        part = part.sort_values("workers")
        most = part["workers"].max()
        told = _listed(
            f"{method} {precision} {percent(lines[-1]['efficiency'])} ({_rate(lines[-1])}; with "
            f"{counted(int(lines[0]['workers']), 'worker')} {_rate(lines[0])})"
            for (method, precision), group in part.groupby(["method", "precision"])
            if (lines := group.to_dict("records"))[-1]["workers"] == most
        )
        if told:
            yield f"{at}, efficiency ({kind} scaling) with {counted(int(most), 'worker')}: {told}."


def _rate(line: Mapping[Hashable, Any]) -> str:
    """Return images per second: what an efficiency is made of scatters at both ends."""
    once = line["repeats"] == 1
    repeats = "one repeat" if once else f"repeats {digits(line['low'])} to {digits(line['high'])}"
    return f"{digits(line['images_per_s'])} images/s, {repeats}"


def _with_more(at: str, machine: Machine) -> Iterator[str]:
    if names := machine.with_more():
        yield f"{at}, compared with nothing else, as measured with more workers alone: {_listed(names)}."


def _disagreements(machines: Mapping[str, Machine]) -> Iterator[str]:
    """Return where one size's best is clearly behind at another size, and the other way round."""
    for quantity, (does, _) in _BEST.items():
        found = {side: machine.ranking(quantity) for side, machine in machines.items()}
        known = {side: ranking for side, ranking in found.items() if ranking is not None}
        if any(_apart(one, other) for one, other in combinations(known.values(), 2)):
            told = "; ".join(f"{' or '.join(sorted(ranking.leaders))} at {side}" for side, ranking in known.items())
            yield f"Sizes disagree on which {does}: {told}."


def _apart(one: Ranking, other: Ranking) -> bool:
    """Return whether no best of one size may be the best at the other, though it was measured there."""
    there, here = one.leaders & set(other.behind), other.leaders & set(one.behind)
    return bool(there and here and not one.leaders & other.leaders)


def _reach(fits: pd.DataFrame) -> Iterator[str]:
    """Return the largest picture each method makes within common amounts of memory, from fits that are good enough."""
    if fits.empty:
        return
    fits = fits[(fits["memory_exponent"] > 0) & fits["base_bytes"].notna()]
    fits = fits[fits["memory_high"] - fits["memory_low"] <= NARROW]
    for room in MEMORIES:
        words = []
        for _, line in fits[fits["base_bytes"] < room].iterrows():
            most = ((room - line["base_bytes"]) / line["memory_at_1_mp"]) ** (1 / line["memory_exponent"])
            reach = REACH * line["most_megapixels"]
            if line["least_megapixels"] <= most:
                far = f"over {digits(reach)}" if most > reach else digits(most)
                beyond = " (beyond what was measured)" if most > line["most_megapixels"] else ""
                words.append((min(most, reach), f"{line['method']} {line['precision']} {far}{beyond}"))
        if words and any(most < REACH * fits["most_megapixels"].max() for most, _ in words):
            told = _listed((text for _, text in sorted(words, key=lambda one: -one[0])), "; ")
            yield f"In {size(room)} for the whole worker, megapixels that fit by the fits over sizes: {told}."


def _growth(fits: pd.DataFrame) -> Iterator[str]:
    for name, what in (("time", "time"), ("memory", "memory for one more image")):
        # By the pixels that were measured: a fit says nothing of another method's sizes.
        kinds: dict[str, dict[str, list[str]]] = {}
        few = []
        for _, line in fits.iterrows():
            low, high, exponent = (line[f"{name}_{part}"] for part in ("low", "high", "exponent"))
            called = f"{line['method']} {line['precision']}"
            if pd.isna(exponent):
                few += [called] * bool(line[f"{name}_sizes"])  # of none there is nothing to say
                continue
            told = f"{called} ({exponent:.2f}, {low:.2f} to {high:.2f})"
            here = kinds.setdefault(f"{digits(line['least_megapixels'])} to {digits(line['most_megapixels'])}", {})
            here.setdefault(verdicts.growth_kind(low, high), []).append(told)
        for sizes, found in kinds.items():
            told = "; ".join(f"{kind}: {_listed(names)}" for kind, names in found.items())
            yield f"From {sizes} megapixels, {what} grows {told}. In brackets the exponent with its 95 % interval."
        # Of pictures of one size nobody asks.
        if few and fits[f"{name}_sizes"].max() > 1:
            yield f"Measured at too few sizes to say how {what} grows, as it takes three: {_listed(few)}."


def _failed(rows: pd.DataFrame) -> Iterator[str]:
    bad = rows[~rows["ok"]]
    if bad.empty:
        yield f"All {len(rows)} rows are ok." if len(rows) != 1 else "The one row is ok."
        return
    counts = ", ".join(f"{n} {status}" for status, n in bad["status"].value_counts().items())
    is_ = "is" if len(bad) == 1 else "are"
    yield f"{len(bad)} of {counted(len(rows), 'row')} {is_} not ok: {counts}."
