"""Rows that older programs wrote, as rows of today: what every part is read through.

Columns have only ever been added. One that a file lacks is null; the names of photo and artwork follow from their URIs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from stylize.errors import UsageError, one_line
from stylize.io.location import locate
from stylize.naming import name_below
from stylize.results.run_record import read_runs
from stylize.results.schema import ADDED, SCHEMA, SCHEMA_VERSION

FIRST = [name for name in SCHEMA.names if name not in {name for names in ADDED.values() for name in names}]
"""Columns that files of every version have."""
_OURS = {field.name: field.type for field in SCHEMA}
"""Today's columns and their types: a schema makes its lists anew each time it is asked."""
NAMED_BY = {"photo": "content_uri", "style": "style_uri"}
"""Columns that were added and follow from another."""


def check_readable(path: Path, schema: pa.Schema) -> None:
    """Raise UsageError if a file of this schema holds no rows that this program knows."""
    names = Counter(field.name for field in schema)
    lacking = next((f"no column {name}" for name in FIRST if name not in names), None)
    twice = next((f"column {name} twice" for name in _OURS if names[name] > 1), None)
    others = ((field, _OURS.get(field.name, field.type)) for field in schema)
    other = next((f"{field.name} as {field.type}, not {ours}" for field, ours in others if field.type != ours), None)
    if wrong := lacking or twice or other:
        raise UsageError(
            f"{one_line(path)} holds rows of schema version {version_of(schema)}, and this program's {SCHEMA_VERSION} "
            f"does not allow them ({one_line(wrong[:100])}): give another OUT, or move the file away"
        )


def is_older(path: Path, schema: pa.Schema) -> bool:
    """Return whether a file lacks columns. Raises UsageError where writing it anew would lose some."""
    check_readable(path, schema)
    for field in schema:
        if field.type != _OURS.get(field.name):
            raise UsageError(
                f"{one_line(path)} holds rows of schema version {version_of(schema)}, newer than this program's "
                f"{SCHEMA_VERSION}: install the program that wrote them, or give another OUT"
            )
    return not schema.equals(SCHEMA)


def version_of(schema: pa.Schema) -> str:
    """Return a file's schema version, for messages."""
    return one_line(((schema.metadata or {}).get(b"schema_version") or b"unknown")[:20].decode(errors="replace"))


class AsOfToday:
    """Gives a file's batches the columns that are wanted, filled where it lacks them. `reads`: what that is made of."""

    def __init__(self, path: Path, schema: pa.Schema, wanted: Sequence[str]) -> None:
        self._fields = [SCHEMA.field(name) for name in wanted]
        there = schema.names  # made anew each time it is asked for
        lacking = [name for name in wanted if name not in there]
        self._complete = not lacking
        named = [name for name in lacking if name in NAMED_BY]
        needed = {"run_id", *(NAMED_BY[name] for name in named)} if named else set()
        self.reads = [name for name in there if name in needed or name in wanted]
        self._roots = _roots_by_run(path.parent.parent) if named else {}

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the columns of today, in the order in which they are wanted."""
        if self._complete:
            return batch.select([field.name for field in self._fields])
        columns = [self._column(batch, field) for field in self._fields]
        return pa.RecordBatch.from_arrays(columns, schema=pa.schema(self._fields))

    def _column(self, batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
        if field.name in batch.schema.names:
            return batch.column(field.name)
        if field.name not in NAMED_BY:
            return pa.nulls(len(batch), field.type)
        side = list(NAMED_BY).index(field.name)
        uris, runs = (batch.column(name).to_pylist() for name in (NAMED_BY[field.name], "run_id"))
        below = (self._roots.get(run, (None, None))[side] for run in runs)
        names = (uri and name_below(uri, _found_in(uri, root)) for uri, root in zip(uris, below, strict=True))
        return pa.array(list(names), field.type)


def _roots_by_run(out: Path) -> dict[str, tuple[str | None, str | None]]:
    """Return what each of OUT's runs says that its photos and its artworks lay below."""
    return {run.run_id: _roots(run.config) for run in read_runs(out)}


def _found_in(uri: str, root: str | None) -> str | None:
    """Return the root as an absolute path where the uri lies below one that is called so.

    The first programs recorded it as it was given, relative to a folder that nobody knows any more. Of several places
    in a path it is the first: a name that is longer than it should be still tells any two files apart.
    """
    folders = [] if root is None or "://" in root else [part for part in PurePosixPath(root).parts if part != ".."]
    if not folders or folders[0] == "/":
        return root
    before, found, _ = uri.partition(f"/{'/'.join(folders)}/")
    return before + found if found else root


def _roots(config: dict[str, Any]) -> tuple[str | None, str | None]:
    if config.get("manifest"):
        above = str(locate(config["manifest"]).parent)
        return above, above
    return config.get("content"), config.get("styles")
