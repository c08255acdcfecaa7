"""What was measured at one size: methods on each machine, ranked by what can be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stylize.errors import counted
from stylize.report import analysis, units
from stylize.report.evidence import verdicts
from stylize.report.evidence.verdicts import LEAST_PAIRS, Change, Quantity, Sample, Verdict


@dataclass(frozen=True)
class Ranking:
    """The best of several by one quantity; each other is in one of three groups, best first."""

    best: str
    n: int
    """Photos and artworks of the best."""
    alike: Mapping[str, Change]
    """No difference was seen from these."""
    behind: Mapping[str, Change]
    """The best is clearly better than these."""
    unknown: Mapping[str, int]
    """Too few photos and artworks, or too few in common: so many."""

    @property
    def leaders(self) -> set[str]:
        """Return all that may be the best."""
        return {self.best, *self.alike}


class Machine:
    """Every method and precision at one size on one machine, by what both are called, of the fewest workers.

    The floor is left out: what does nothing is the best at nothing.
    """

    def __init__(self, setup: str, rows: pd.DataFrame) -> None:
        self.setup, self.rows = setup, rows
        parts, self.values = analysis.cells(rows)
        # Runs outside of sweeps may not say how many they had.
        self.fewest = pd.Series([part["workers"].min() for part in parts.values()], dtype=float).min()
        self.samples: dict[str, Sample] = verdicts.samples(parts)
        self.method_of = {name: (part["method"].iloc[0], part["precision"].iloc[0]) for name, part in parts.items()}
        self._known: dict[tuple[str, str, Quantity], Change] = {}

    def with_more(self) -> list[str]:
        """Return the methods that were measured with more workers alone, with how many: they compare with no other."""
        made = self.rows[self.rows["clean"] & ~analysis.is_floor(self.rows)]
        fewest = made.groupby(made["method"] + " " + made["precision"])["workers"].min()
        return [f"{name} ({counted(int(n), 'worker')})" for name, n in fewest.items() if name not in self.values]

    def against(self, one: str, other: str, quantity: Quantity) -> Change:
        """Return what a method is beside another."""
        if (other, one, quantity) in self._known:
            return self._known[other, one, quantity].inverted(quantity)
        key = (one, other, quantity)
        if key not in self._known:
            self._known[key] = verdicts.against(self.samples[one], self.samples[other], quantity)
        return self._known[key]

    def shown(self, quantity: Quantity) -> dict[str, float]:
        """Return what reports show of each method that has it, best first."""
        sign = 1 if quantity.less_is_better else -1
        known = {name: value[quantity.shown] for name, value in self.values.items() if pd.notna(value[quantity.shown])}
        return dict(sorted(known.items(), key=lambda item: sign * item[1]))

    def ranking(self, quantity: Quantity) -> Ranking | None:
        """Rank the methods; None where none was measured of enough photos and artworks to say something."""
        known = list(self.shown(quantity))
        enough = {name: n for name in known if (n := self.samples[name].subjects(quantity)) >= LEAST_PAIRS}
        if not enough:
            return None
        best = next(iter(enough))
        # What is shown is of all of a method's images, a comparison of those that both have: the latter decides.
        for _ in enough:
            others = (name for name in enough if name != best)
            best = next((one for one in others if self.against(one, best, quantity).verdict == Verdict.BETTER), best)
        changes = {name: self.against(name, best, quantity) for name in known if name != best}
        told = {name: change for name, change in changes.items() if change.interval is not None}
        behind = {name: change for name, change in told.items() if change.verdict == Verdict.WORSE}
        alike = {name: change for name, change in told.items() if name not in behind}
        unknown = {name: change.n for name, change in changes.items() if change.interval is None}
        return Ranking(best, enough[best], alike, behind, unknown)

    def unbeaten(self) -> dict[str, bool]:
        """Return the methods that have scores, and of each whether it was compared and none is clearly better in sum.

        Clearly better in sum: better in one of time, SSIM and, where it was measured, style, and as good in the rest.
        """
        with_style = bool(self.shown(verdicts.STYLE))
        quantities = [verdicts.TIME, verdicts.SSIM, *([verdicts.STYLE] if with_style else [])]
        scored = [name for name in self.values if all(name in self.shown(quantity) for quantity in quantities)]
        found = {}
        for name in scored:
            others = [other for other in scored if other != name and self._compared(other, name, quantities)]
            found[name] = bool(others) and not any(self._beats(other, name, quantities) for other in others)
        return found

    def _compared(self, one: str, other: str, quantities: Sequence[Quantity]) -> bool:
        return any(self.against(one, other, quantity).interval is not None for quantity in quantities)

    def _beats(self, one: str, other: str, quantities: Sequence[Quantity]) -> bool:
        found = set()
        for quantity in quantities:
            found.add(verdict := self.against(one, other, quantity).verdict)
            if verdict not in (Verdict.BETTER, Verdict.SAME):
                return False
        return Verdict.BETTER in found


@dataclass(frozen=True)
class Size:
    """All rows of one size, with `analysis.COLUMNS`, and its machines. side_px: None for photos' own sizes."""

    side_px: int | None
    rows: pd.DataFrame
    machines: list[Machine]

    @property
    def side(self) -> str:
        """Return it as reports have it."""
        return units.side(self.side_px)

    def tradeoff(self, machine: Machine) -> pd.DataFrame:
        """Return the machine's methods that have scores by what they take, and `best` as `Machine.unbeaten`."""
        lines: list[dict[str, Any]] = []
        for name, best in machine.unbeaten().items():
            method, precision = machine.method_of[name]
            what = {"setup": machine.setup, "method": method, "precision": precision}
            lines.append(what | machine.values[name] | {"best": best})
        return pd.DataFrame(lines, columns=None if lines else ["setup", "method", "precision", "best"])


def by_size(rows: pd.DataFrame) -> list[Size]:
    """Return every size of a report's rows, smallest first, photos' own last."""
    return [
        Size(
            None if pd.isna(px) else int(px),
            here,
            # A row that no worker lived to fill in is of no machine.
            [Machine(str(setup), part) for setup, part in here.groupby("setup", sort=True) if part["clean"].any()],
        )
        for px, here in rows[analysis.COLUMNS].groupby("resolution_px", dropna=False, sort=True)
    ]
