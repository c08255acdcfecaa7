"""Reading a run's rows back: always one per task."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from stylize.errors import CannotContinueError, StylizeError, UsageError, one_line
from stylize.results.parts import iter_part, keep_rows, older_rows, part_paths
from stylize.results.schema import SCHEMA

_TRIES = 8
_Version = tuple[int, int, int]


def read_rows(out: Path, columns: list[str] | None = None) -> pa.Table:
    """Return the rows of a run, the newest of each task; field metadata holds unit and meaning.

    `columns` picks some, in that order. May be called while a run is going on. Raises UsageError where OUT
    holds no rows folder, a column is unknown or a part file holds what no run has written.
    """
    names = list(SCHEMA.names) if columns is None else columns
    if unknown := [name for name in names if name not in SCHEMA.names]:
        known = ", ".join(SCHEMA.names)
        raise UsageError(f"no such column: {', '.join(unknown)}; the known ones: {known}")
    rows = out / "rows"
    if not rows.is_dir():
        raise UsageError(f"{one_line(out)} holds no rows folder: give the OUT of a run")
    schema = pa.schema([SCHEMA.field(name) for name in names], metadata=SCHEMA.metadata)
    for attempt in range(_TRIES):
        # A driver may merge or rewrite parts meanwhile: what was read counts only if none of them changed.
        before = _snapshot(rows)
        try:
            table = _read(sorted(before), schema)
        except StylizeError:
            if _unchanged(before, rows):
                raise
        else:
            if _unchanged(before, rows):
                return table
        time.sleep(0.02 * 2**attempt)
    raise CannotContinueError(f"{one_line(rows)} kept changing while it was read: try again in a moment")


def _read(paths: list[Path], schema: pa.Schema) -> pa.Table:
    older = older_rows(paths)
    nothing = np.empty(0, np.int64)
    batches = [batch for path in paths for batch in keep_rows(iter_part(path, schema.names), older.get(path, nothing))]
    # the order of columns in a part is SCHEMA's, and one asked for twice comes once
    return pa.Table.from_batches(
        [pa.RecordBatch.from_arrays([b.column(name) for name in schema.names], schema=schema) for b in batches],
        schema,
    )


def _snapshot(rows: Path) -> dict[Path, _Version]:
    """Return what tells one version of each part from another, without parts that were removed meanwhile."""
    versions = {}
    for path in part_paths(rows):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            versions[path] = (status.st_ino, status.st_mtime_ns, status.st_size)
    return versions


def _unchanged(before: dict[Path, _Version], rows: Path) -> bool:
    """Return whether all parts seen before are still the same; parts added since do no harm."""
    now = _snapshot(rows)
    return all(now.get(path) == version for path, version in before.items())
