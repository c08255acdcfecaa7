"""One question: at so many px, within so much memory and time, which method is best by style, SSIM or votes?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

import pandas as pd

from stylize.report import units
from stylize.report.evidence import verdicts, votes
from stylize.report.evidence.cells import Machine, Size
from stylize.report.evidence.verdicts import Quantity, Verdict

BY: Mapping[str, Quantity] = {
    "style": verdicts.STYLE,
    "ssim": verdicts.SSIM,
    "time": verdicts.TIME,
    "memory": verdicts.WORKER,
}
"""What is best by what rows hold; `votes` is best by what people chose."""
WORDS = {
    "style": "Gram distance", "ssim": "SSIM", "votes": "votes", "time": "time per image", "memory": "memory",
}  # fmt: skip
BEST, ALIKE, FEW, ALONE = "best", "no difference seen", "too few", "not compared"


@dataclass
class Option:
    """A method at a size, on one machine: what it takes, and what is clearly better than it by each criterion."""

    setup: str
    name: str
    side_px: int | None
    n: int
    """Photos and artworks."""
    values: dict[str, float]
    """By criterion; those that were not measured are left out."""
    p95_s: float
    behind: dict[str, list[int]] = field(default_factory=dict)
    """By criterion the numbers of the options of the same size and machine that are clearly better."""
    known: set[str] = field(default_factory=set)
    """Criteria by which there is enough to say something."""
    compared: dict[str, set[int]] = field(default_factory=dict)
    """By criterion the numbers of the options of the same size and machine that it was compared with."""
    of: dict[str, str] = field(default_factory=dict)
    """By criterion of how many a value is, in words."""

    @property
    def side(self) -> str:
        """Return the size as reports have it."""
        return units.side(self.side_px)

    @property
    def place(self) -> tuple[str, int | None]:
        """Return what must be the same of two to compare them."""
        return self.setup, self.side_px

    def shown(self, by: str) -> str:
        """Return a value as text."""
        value = self.values.get(by)
        return units.percent(value) if by == "votes" else BY[by].form(value)


@dataclass(frozen=True)
class Choice:
    """All options, the criteria by which any of them was measured, and what was measured and is none of them."""

    options: list[Option]
    criteria: list[str]
    left_out: list[str] = field(default_factory=list)

    @property
    def sides(self) -> list[str]:
        """Return the sizes, smallest first."""
        return list(dict.fromkeys(option.side for option in self.options))


@dataclass(frozen=True)
class Wanted:
    """What is asked for; None: any."""

    side_px: int | None = None
    most_bytes: float | None = None
    most_s: float | None = None

    def allows(self, option: Option) -> bool:
        """Return whether an option is within the limits; what was not measured is not."""
        return all((
            self.side_px is None or option.side_px == self.side_px,
            self.most_bytes is None or option.values.get("memory", float("inf")) <= self.most_bytes,
            self.most_s is None or option.p95_s <= self.most_s,
        ))  # fmt: skip


def choice(sizes: Sequence[Size], ballots: pd.DataFrame) -> Choice:
    """Return every method at every size with what it takes, by size and name. ballots: from `votes.of_rows`."""
    options: list[Option] = []
    for size in sizes:
        for machine in size.machines:
            start = len(options)
            options += [_option(name, size, machine) for name in machine.values]
            _judge(options, start, machine)
            votes.judge(options[start:], start, ballots, size.side_px)
    criteria = [by for by in WORDS if any(by in one.values for one in options)]
    left_out = [f"{name}, {size.side}" for size in sizes for machine in size.machines for name in machine.with_more()]
    return Choice(options, criteria, left_out)


def _option(name: str, size: Size, machine: Machine) -> Option:
    value, sample = machine.values[name], machine.samples[name]
    shown = {by: float(value[quantity.shown]) for by, quantity in BY.items() if pd.notna(value[quantity.shown])}
    counts = {by: sample.subjects(BY[by]) for by in shown}
    known = {by for by, n in counts.items() if n >= verdicts.LEAST_PAIRS}
    of = {by: f"n = {n}" for by, n in counts.items()}
    n = max(counts.values(), default=0)
    return Option(machine.setup, name, size.side_px, n, shown, value["stylize_p95_s"], known=known, of=of)


def _judge(options: list[Option], start: int, machine: Machine) -> None:
    """Say of each option which others are clearly better."""
    for one, other in permutations(range(start, len(options)), 2):
        for by in options[one].known & options[other].known:
            change = machine.against(options[one].name, options[other].name, BY[by])
            if change.interval is not None:
                options[one].compared.setdefault(by, set()).add(other)
            if change.verdict == Verdict.WORSE:
                options[one].behind.setdefault(by, []).append(other)


def ranked(options: Sequence[Option], wanted: Wanted, by: str) -> list[tuple[Option, str]]:
    """Return the options within the limits, best first, each with what may be said of it: a mark or nothing.

    All marks are about those of the same size and machine. BEST is one that all others are clearly behind; ALIKE are
    several that nothing is clearly better than; ALONE is one that was not compared with what may be as good, or with
    nothing, whatever the limits.
    """
    kept = {number: one for number, one in enumerate(options) if wanted.allows(one) and by in one.values}
    sign = 1 if by in BY and BY[by].less_is_better else -1
    enough = {number for number, one in kept.items() if by in one.known}
    unbeaten = {number for number in enough if not enough & set(kept[number].behind.get(by, ()))}

    def mark(number: int) -> str:
        if number not in unbeaten:
            return "" if number in enough else FEW
        met = kept[number].compared.get(by, set())
        rivals = {other for other in unbeaten - {number} if kept[other].place == kept[number].place}
        return ALIKE if rivals & met else BEST if met and not rivals else ALONE

    ordered = sorted(kept, key=lambda number: sign * kept[number].values[by])
    found = [(kept[number], mark(number)) for number in ordered]
    # An unbeaten one comes before one that is only better by chance.
    return sorted(found, key=lambda one: one[1] not in (BEST, ALIKE, ALONE))


_HINTS = {
    "votes": ": `python -m stylize view OUT` takes votes",
    "style": ": a job or sweep with --perceptual (`torchvision`, or a file) measures it",
}


def told(choice: Choice, wanted: Wanted, by: str) -> tuple[list[str], bool]:
    """Return lines for a terminal, and whether anything is within the limits."""
    found = ranked(choice.options, wanted, by)
    limits = [
        f"at {units.side(wanted.side_px)}" if wanted.side_px is not None else "at any size",
        f"within {units.size(wanted.most_bytes)} for the whole worker" if wanted.most_bytes is not None else "",
        f"within {units.seconds(wanted.most_s)} for the stylizer (p95)" if wanted.most_s is not None else "",
    ]
    within = ", ".join(filter(None, limits))
    missing = f"left out, as measured with more workers alone: {'; '.join(choice.left_out)}"
    rest = [missing] * bool(choice.left_out)
    if not found:
        hint = "" if any(by in one.values for one in choice.options) else _HINTS.get(by, "")
        return [f"nothing measured by {WORDS[by]} {within}{hint}", *rest], False
    machines, sides = (len({one.place[part] for one, _ in found}) > 1 for part in (0, 1))
    lines = [f"by {WORDS[by]}, {within}:"]
    for option, mark in found:
        on = f", {option.setup}" if machines else ""
        told = mark + (f" at {option.side}" * sides + " on this machine" * machines if mark in (BEST, ALIKE) else "")
        lines.append(
            f"  {option.name}, {option.side}{on}: {WORDS[by]} {option.shown(by)}, p95 {units.seconds(option.p95_s)}, "
            f"whole worker {option.shown('memory')} ({option.of[by]})" + (f"  {told}" if told else "")
        )
    return [*lines, *rest], True
