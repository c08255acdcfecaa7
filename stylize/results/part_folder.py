"""The folder of part files that one driver writes, here and, for a run in an object store, there as well."""

from __future__ import annotations

import contextlib
import datetime
import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from stylize.errors import CannotContinueError
from stylize.io.files import write_atomic, writing
from stylize.results import parts
from stylize.results.remote_parts import Mirror


class PartFolder:
    """Part files by name, each written whole. `rows` holds the number of rows of each.

    With a `mirror`, `path` is a copy of a folder in an object store, where everything is done, too. What cannot be
    written or removed raises CannotContinueError with one line that says what to do.
    """

    def __init__(self, path: Path, run_id: str, mirror: Mirror | None = None) -> None:
        self.path = path
        self.rows: dict[str, int] = {}
        self.older_rows: Counter[str] = Counter()
        """Rows that were brought up to date, by the schema version they had."""
        self._mirror = mirror
        self._run_id = re.sub(r"[^A-Za-z0-9]+", "", run_id)[:40] or uuid.uuid4().hex[:12]
        self._sequence = 0

    def take_up(self) -> None:
        """Count the rows of the parts that are there, and bring those of older programs up to date.

        Raises UsageError for one that is no part of a run, CannotContinueError for one that cannot be written.
        """
        told = {path.name: parts.facts(path) for path in parts.part_paths(self.path)}
        self.rows = {name: one.rows for name, one in told.items()}
        for name, one in told.items():
            if one.older_version is not None:
                self._put(name, parts.encode(self.batches(name)), new=False)
                self.older_rows[one.older_version] += one.rows

    def new_name(self) -> str:
        """Return a name that no part has had; names sort by time."""
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self._sequence += 1
        return f"part-{stamp}-{self._run_id}-{self._sequence:06d}.parquet"

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read a part, some thousand rows at a time. Raises as `iter_part` does."""
        return parts.iter_part(self.path / name, columns)

    def write(self, name: str, batches: Iterable[pa.RecordBatch], rows: int) -> None:
        """Write a new part: when this returns, it is on disk and visible."""
        self._put(name, parts.encode(batches), new=True)
        self.rows[name] = rows

    def drop(self, name: str, drop: parts.Indices) -> None:
        """Rewrite a part without the rows of these numbers; one that has no others goes."""
        if len(drop) >= self.rows[name]:
            self.remove(name)
            return
        self._put(name, parts.encode(parts.keep_rows(self.batches(name), drop)), new=False)
        self.rows[name] -= len(drop)

    def remove(self, name: str) -> None:
        """Delete a part."""
        self._unlink_mirrored(name)
        self._unlink_here(name)
        del self.rows[name]

    def discard(self, name: str) -> None:
        """Delete what may be there of a part whose write did not end well, if that can be done."""
        for unlink in (self._unlink_mirrored, self._unlink_here):
            with contextlib.suppress(CannotContinueError):
                unlink(name)

    def _put(self, name: str, data: pa.Buffer, *, new: bool) -> None:
        # Encoded in memory (tens of MB at most), so that the disk sees one plain write that works or fails.
        with writing(self.path / name):
            write_atomic(self.path / name, memoryview(data), durable=self._mirror is None)
        if self._mirror is not None:
            self._mirror.put(name, memoryview(data), new=new)

    def _unlink_mirrored(self, name: str) -> None:
        if self._mirror is not None:
            self._mirror.remove(name)

    def _unlink_here(self, name: str) -> None:
        with writing(self.path / name):
            (self.path / name).unlink(missing_ok=True)
