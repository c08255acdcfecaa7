"""Reading a run's rows back: always one per task."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from stylize.errors import UsageError, one_line
from stylize.io.location import local_path
from stylize.results.parts import Heads, heads, iter_part, joined, keep_rows, open_parts, replaced_among
from stylize.results.schema import SCHEMA


def read_rows(out: str | os.PathLike[str], columns: Iterable[str] | None = None) -> pa.Table:
    """Return the rows of a run, the newest of each task; field metadata holds unit and meaning.

    `columns` picks some, in that order. May be called while a run is going on. Raises UsageError where OUT
    holds no rows folder, a column is unknown or a part file holds what no run has written.
    """
    if isinstance(columns, str | bytes) or not isinstance(columns, Iterable | None):
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
        return pa.Table.from_batches(list(_newest(parts, names)), schema)


def _newest(parts: Sequence[BinaryIO], names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield these columns of all rows but those that a newer row of the same task replaces. Reads each part once."""
    batches: list[list[pa.RecordBatch]] = []
    known: list[Heads] = []
    for part in parts:
        of_part: list[Heads] = []
        batches.append([])
        for batch in iter_part(part, list(dict.fromkeys([*names, "task_id"]))):
            of_part.append(heads(part, batch))
            batches[-1].append(batch.select(names))
        known.append(joined(of_part))
    replaced = replaced_among(parts, known)
    for part, of_this in zip(parts, batches, strict=True):
        drop = replaced.get(Path(part.name))
        yield from of_this if drop is None else keep_rows(iter(of_this), drop)
