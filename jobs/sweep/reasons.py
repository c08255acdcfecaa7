"""Why images of a sweep are not ok."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from stylize.errors import counted, one_line
from stylize.results.copies import run_folders
from stylize.results.read import read_rows

REASONS_NAMED = 10


def reason_lines(out: str, variants: Collection[str]) -> list[str]:
    """Return a line for each reason why images of these variants in an OUT are not ok, the most frequent first.

    At most REASONS_NAMED, and how many images the others are of. Raises StylizeError as reading rows does.
    """
    with run_folders([out]) as (folder,):
        rows = read_rows(folder, ["variant", "status", "error"]).to_pylist()
    failed = (row for row in rows if row["status"] != "ok" and row["variant"] in variants)
    reasons = Counter((row["status"], row["variant"], row["error"] or "") for row in failed)
    named = reasons.most_common(REASONS_NAMED)
    lines = [
        f"{status}: {counted(n, 'image')} of {one_line(variant)}: {one_line(error)}"
        for (status, variant, error), n in named
    ]
    if others := reasons.total() - sum(n for _, n in named):
        lines.append(f"... and {others} more that are not ok: the rows' column error says why")
    return lines
