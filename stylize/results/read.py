"""Reading a run's rows back: always one per task."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa

from stylize.errors import UsageError, one_line
from stylize.io.location import local_path
from stylize.results.parts import iter_part, keep_rows, open_parts, replaced_rows
from stylize.results.schema import SCHEMA


def read_rows(out: str | os.PathLike[str], columns: Iterable[str] | None = None) -> pa.Table:
    """Return the rows of a run, the newest of each task; field metadata holds unit and meaning.

    `columns` picks some, in that order. May be called while a run is going on. Raises UsageError where OUT
    holds no rows folder, a column is unknown or a part file holds what no run has written.
    """
    if isinstance(columns, str):
        raise UsageError(f"columns: expected a list of names, got {columns!r:.80}")
    names = list(SCHEMA.names if columns is None else columns)
    if unknown := [str(name) for name in names if name not in SCHEMA.names]:
        known = ", ".join(SCHEMA.names)
        raise UsageError(f"no such column: {', '.join(unknown)}; the known ones: {known}")
    rows = local_path(os.fspath(out) if isinstance(out, os.PathLike) else out) / "rows"
    if not rows.is_dir():
        what = "holds no rows folder" if rows.parent.exists() else "is not there"
        raise UsageError(f"{one_line(out)} {what}: give the OUT of a run")
    schema = pa.schema([SCHEMA.field(name) for name in names], metadata=SCHEMA.metadata)
    with open_parts(rows) as parts:
        replaced, none = replaced_rows(parts), np.empty(0, np.int64)
        kept = (keep_rows(iter_part(part, names), replaced.get(Path(part.name), none)) for part in parts)
        return pa.Table.from_batches(list(chain.from_iterable(kept)), schema)
