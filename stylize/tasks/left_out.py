"""What a listing passed over, counted by what it is called and why."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection

SHOWN = 12
"""Kinds that a line names, the most frequent first."""

_USUAL_SUFFIX = re.compile(r"\.[\w+-]{1,13}~?")


class LeftOut:
    """Counts of the files and folders below an input folder that are not restyled."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, what: str, reason: str) -> None:
        """Count one file, by its suffix, or one folder with all in it, by its name with a slash."""
        self._counts[what, reason] += 1

    def add_file(self, path: str, reason: str) -> None:
        """Count one file by the suffix that its name has."""
        suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 - hot
        # Names from the web have anything behind a dot; each would be a kind of its own.
        self.add(suffix if _USUAL_SUFFIX.fullmatch(suffix) else "without a suffix", reason)

    @property
    def total(self) -> int:
        """Return how many files and folders there are."""
        return self._counts.total()

    def __str__(self) -> str:
        """Return one line, such as `11 skipped: 9 .psd (PSD is not read), 2 .txt (no image)`; empty for none."""
        if not self._counts:
            return ""
        kinds = [f"{number} {what} ({reason})" for (what, reason), number in self._counts.most_common(SHOWN)]
        more = self.total - sum(number for _, number in self._counts.most_common(SHOWN))
        return f"{self.total} skipped: {', '.join([*kinds, *([f'{more} more'] if more else [])])}"

    def without(self, reasons: Collection[str]) -> LeftOut:
        """Return the counts of other reasons than these."""
        rest = LeftOut()
        rest._counts = Counter({kind: number for kind, number in self._counts.items() if kind[1] not in reasons})
        return rest

    def as_records(self) -> list[dict[str, str | int]]:
        """Return one mapping per kind, with what, reason and number, most frequent first, as JSON can hold it."""
        return [
            {"what": what, "reason": reason, "number": number}
            for (what, reason), number in self._counts.most_common()
        ]  # fmt: skip
