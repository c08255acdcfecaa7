"""Two runs on the same hardware, task by task: is B slower, larger or worse than A?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from stylize.errors import UsageError, counted
from stylize.report import settings, units
from stylize.report.analysis import is_floor
from stylize.report.choices import TOLERANCE
from stylize.report.evidence import verdicts
from stylize.report.evidence.verdicts import Change, Quantity, Verdict
from stylize.report.frame import KEY

_HASHES = ("content_sha256", "style_sha256")
SAME = [name for name in KEY if name != "setup"] + ["content_uri", "style_uri", "repeat"]
_OF_BOTH = [*SAME, *_HASHES, "setup", "ok", "status", "settings_json", "weights_sha256", "shown"]
READ = ["photo", *_HASHES]
"""Columns that the rows need beside those of reports."""


@dataclass(frozen=True)
class Line:
    """One quantity of one method: B over A (for SSIM: B less A), with the verdict on B."""

    method: str
    quantity: Quantity
    change: Change
    busy: bool = False
    """Whether others had the processors during one of the two, so that a time that is no multiple says nothing."""

    @property
    def said(self) -> str:
        """Return the verdict, with why there is none where the interval alone does not show that."""
        doubt = self.busy and self.quantity is verdicts.TIME and self.change.verdict == Verdict.UNDECIDED
        why = f": others had the processors, so that less than {verdicts.UNSTABLE_TIMES}x says nothing"
        return f"{self.change.verdict}{why * doubt}"


@dataclass(frozen=True)
class Comparison:
    """All lines, tasks that were ok in A and are not in B, how many tasks the two share, and what else differs.

    alone: what was measured in one of the two runs alone, so that nobody knows whether it changed.
    """

    lines: list[Line]
    broken: list[str]
    shared: int
    notes: list[str]
    alone: list[str]

    @property
    def verdict(self) -> Verdict:
        """Return the verdict on B: worse if anything is; else undecided if anything is that has enough pairs."""
        found = {line.change.verdict for line in self.lines if line.change.interval is not None}
        found |= {Verdict.UNDECIDED} if self.alone else set()
        if self.broken:
            return Verdict.WORSE
        order = (Verdict.WORSE, Verdict.UNDECIDED, Verdict.BETTER, Verdict.SAME)
        return next((verdict for verdict in order if verdict in found), Verdict.UNDECIDED)


def compare(a: pd.DataFrame, b: pd.DataFrame, tolerance: float = TOLERANCE) -> Comparison:
    """Compare rows of two runs, as `frame.load` gives them. A change within `tolerance` of 1 counts as the same.

    The verdicts are those of `verdicts.judge`. Raises UsageError where the machines or modes differ, or fewer than
    `verdicts.LEAST_PAIRS` tasks are in both.
    """
    setups = [set(rows["setup"].unique()) - {"unknown"} for rows in (a, b)]
    if setups[0] != setups[1]:
        told = " against ".join(", ".join(sorted(names)) for names in setups)
        raise UsageError(
            f"the runs are of different hardware or modes ({told}): their times say nothing about a change"
        )
    warm_ups = [int(rows["warmup"].eq(True).sum()) for rows in (a, b)]
    swept = {bool(rows["variant"].notna().any()) for rows in (a, b)}
    a, b = _by_file(_named_as(b, a)), _by_file(b)
    both = a[_OF_BOTH].merge(b[_OF_BOTH], on=SAME, suffixes=("_a", "_b"))
    alone = [len(rows) - len(both) for rows in (a, b)]
    other = _of_other_bytes(both)
    moved = _on_other_machines(both) & ~other
    both, left_out = both[~(other | moved)], both.loc[other | moved, SAME]
    told = f", and {counted(int(other.sum()), 'pair')} by name whose files have other bytes" * bool(other.any())
    told += f", and {counted(int(moved.sum()), 'pair')} of two machines or modes" * bool(moved.any())
    if len(both) < verdicts.LEAST_PAIRS:
        raise _too_few(len(both), told, warm_ups, one_swept=len(swept) > 1)
    a, b = (_without(rows, left_out) for rows in (a, b))
    notes = [f"left out{told.removeprefix(', and')}"] * bool(told) + _differing(both)
    if any(alone):
        notes.append(f"{counted(alone[0], 'task')} of the first run and {alone[1]} of the second are in that one alone")
    lines, measured_alone = list[Line](), list[str]()
    for name, here, there in _cells(b, a):
        lines += _lines(name, here, there, tolerance)
        measured_alone += _of_one_alone(name, there, here)
    gone = both[both["ok_a"] & ~both["ok_b"]]
    broken = [
        f"{line.method} {line.precision}, {line.shown_b} in {line.style_uri}: {line.status_b}"
        for line in gone.itertuples()
    ]
    return Comparison(lines, broken, len(both), notes, measured_alone)


def _too_few(shared: int, told: str, warm_ups: list[int], one_swept: bool) -> UsageError:
    if any(warm_ups):
        first, second = (counted(number, "row") for number in warm_ups)
        told += f"; {first} of the first run and {second} of the second are warm-up and not compared (--warmup-images)"
    if one_swept:
        told += "; one of them is a sweep, which repeats its images: it compares with a sweep alone"
    return UsageError(
        f"the runs share {counted(shared, 'task')}{told}; comparing needs {verdicts.LEAST_PAIRS} of the same "
        "photos, artworks, sizes, methods, precisions and numbers of workers"
    )


def _cells(b: pd.DataFrame, a: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Yield each method and size that both have, by name, with B's and A's rows of it."""
    for (method, precision), theirs in a[a["clean"]].groupby(["method", "precision"]):
        ours = b[b["clean"] & (b["method"] == method) & (b["precision"] == precision)]
        for sides in _sizes(ours, theirs):
            told = ", ".join("own size" if px < 0 else units.side(px) for px in sides)
            yield f"{method} {precision}, {told}", *(rows[rows["resolution_px"].isin(sides)] for rows in (ours, theirs))


def _named_as(b: pd.DataFrame, a: pd.DataFrame) -> pd.DataFrame:
    """Return A's rows with the names that B has for methods of the same settings and weights.

    A run's methods have in their names what differs within that run: an OUT that holds the other's rows and more names
    them otherwise. A sweep's keep the names that its file gives them where B has those.
    """
    called = dict(zip(_settings(b), b["method"], strict=True))
    names = [called.get(key, name) for key, name in zip(_settings(a), a["method"], strict=True)]
    return a.assign(method=a["method"].where(a["variant"].notna() & a["method"].isin(b["method"]), names))


def _settings(rows: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    told = (rows[name].fillna("").astype(str) for name in ("stylizer", "settings_json", "weights_sha256"))
    return zip(*told, strict=True)


def _of_other_bytes(both: pd.DataFrame) -> pd.Series:
    """Return which pairs of rows are of files that are called the same and are not."""
    other = pd.Series(False, both.index)
    for name in _HASHES:
        here, there = both[f"{name}_a"], both[f"{name}_b"]
        other |= here.notna() & there.notna() & (here != there)
    return other


def _on_other_machines(both: pd.DataFrame) -> pd.Series:
    """Return which pairs of images are of two machines or modes, as of a cluster of several kinds."""
    known = (both["setup_a"] != "unknown") & (both["setup_b"] != "unknown")
    return known & both["ok_a"] & both["ok_b"] & (both["setup_a"] != both["setup_b"])


def _without(rows: pd.DataFrame, left_out: pd.DataFrame) -> pd.DataFrame:
    found = rows[SAME].merge(left_out.assign(out=True), on=SAME, how="left")["out"].notna()
    return rows[~found.to_numpy()]


def _differing(both: pd.DataFrame) -> list[str]:
    """Return a line on the settings and weights that differ between the runs' rows of one task."""
    texts = both[["settings_json_a", "settings_json_b"]].dropna().drop_duplicates()
    found = settings.differing(zip(*(texts[name] for name in texts), strict=True)) if len(texts) else {}
    weights = both[["weights_sha256_a", "weights_sha256_b"]].dropna()
    if (weights["weights_sha256_a"] != weights["weights_sha256_b"]).any():
        found["weights"] = ""
    named = [f"{name} {values}".strip() for name, values in sorted(found.items())]
    return [f"settings that differ: {', '.join(named)}"] if named else []


def _by_file(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with inputs by name, as runs have them in other folders, without warm-ups, which differ by run."""
    rows = rows[rows["warmup"].ne(True)]
    suffixes = pd.Series([PurePosixPath(str(uri)).suffix for uri in rows["content_uri"]], rows.index, dtype=str)
    photos = rows["photo"].astype(object).where(rows["photo"].notna(), rows["content"]).astype(str) + suffixes
    artworks = rows["style_path"].astype(object).where(rows["style_path"].notna(), rows["style"])
    # Null equals null here: a run outside a sweep has no repeat, workers or resolution.
    rows = rows.assign(**{name: rows[name].fillna(-1) for name in ("repeat", "workers", "resolution_px")})
    # Of other workers it is another measurement.
    photos = photos + " x" + rows["workers"].astype(str) + rows["scaling"]
    rows = rows.assign(content_uri=photos, style_uri=artworks, shown=rows["content"])
    return rows.drop_duplicates(SAME)


def _sizes(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[list[int]]:
    """Return sizes that have a line of their own, and together those of too few pairs each."""
    shared = (
        ours.merge(theirs[SAME], on=SAME).drop_duplicates([*verdicts.PAIR])["resolution_px"].astype(int).value_counts()
    )
    alone = sorted(side for side, n in shared.items() if n >= verdicts.LEAST_PAIRS)
    rest = sorted(set(shared.index) - set(alone))
    return [[side] for side in alone] + [rest] * bool(rest)


def _lines(name: str, ours: pd.DataFrame, theirs: pd.DataFrame, tolerance: float) -> Iterator[Line]:
    # What does nothing takes microseconds: their ratio is noise.
    costs = () if is_floor(ours).all() else (verdicts.TIME, verdicts.MEMORY)
    both = verdicts.samples({"a": theirs, "b": ours})
    if len(both) < 2:
        return
    for quantity in (*costs, verdicts.SSIM):
        change = verdicts.against(both["b"], both["a"], quantity, tolerance if quantity.is_ratio else None)
        if change.n:
            yield Line(name, quantity, change, both["a"].busy or both["b"].busy)


def _of_one_alone(name: str, first: pd.DataFrame, second: pd.DataFrame) -> Iterator[str]:
    for quantity in (verdicts.TIME, verdicts.MEMORY, verdicts.SSIM):
        known = [bool(rows[quantity.column].notna().any()) for rows in (first, second)]
        if any(known) and not all(known):
            yield f"{quantity.word} of {name}: measured in the {'first' if known[0] else 'second'} run alone"


def told(comparison: Comparison, a: str, b: str) -> list[str]:
    """Return lines for a terminal."""
    shared = counted(comparison.shared, "task")
    lines = [f"{b} over {a}, {shared} in both; medians with 95 % intervals over tasks"]
    lines += [f"  {note}" for note in [*comparison.notes, *comparison.alone]]
    width = max((len(line.method) for line in comparison.lines), default=0)
    for line in comparison.lines:
        form = units.times if line.quantity.is_ratio else units.signed
        found, start = line.change.interval, f"  {line.method:<{width}}  {line.quantity.word:<24}"
        if found is None:
            lines.append(f"{start}  {'too few':>8}  (n = {line.change.n})")
            continue
        ends = f"{form(found.low)} to {form(found.high)}, n = {line.change.n}"
        lines.append(f"{start}  {form(found.value):>8}  ({ends})  {line.said}")
    lines += [f"  no longer ok: {text}" for text in comparison.broken[:10]]
    if len(comparison.broken) > 10:
        lines.append(f"  ... and {len(comparison.broken) - 10} more that are no longer ok")
    lines.append(f"verdict: {comparison.verdict}")
    return lines
