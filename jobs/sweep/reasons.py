"""Why images of a sweep are not ok."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

import pyarrow as pa

from stylize.errors import counted, one_line

OF_REASONS = ["status", "variant", "error"]
REASONS_NAMED = 10


def reason_lines(rows: Iterable[pa.RecordBatch], variants: Collection[str]) -> list[str]:
    """Return a line for each reason why images of these variants are not ok, the most frequent first.

    rows: their columns OF_REASONS. At most REASONS_NAMED are named, and how many images the others are of.
    """
    reasons = Counter[tuple[str, str, str]]()
    for batch in rows:
        failed = (tuple(row.values()) for row in batch.to_pylist() if row["status"] != "ok")
        reasons.update((status, variant, error or "") for status, variant, error in failed if variant in variants)
    named = reasons.most_common(REASONS_NAMED)
    lines = [
        f"{status}: {counted(n, 'image')} of {one_line(variant)}: {one_line(error)}"
        for (status, variant, error), n in named
    ]
    if others := reasons.total() - sum(n for _, n in named):
        lines.append(f"... and {others} more that are not ok: the rows' column error says why")
    return lines
