"""Writing rows: part files, each complete before it is visible. Killed at any moment, it loses no part."""

from __future__ import annotations

import contextlib
import datetime
import errno
import logging
import os
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stylize.errors import CannotContinueError
from stylize.io.files import write_atomic, writing
from stylize.results import parts
from stylize.results.remote_parts import Mirror
from stylize.results.schema import SCHEMA, STATUSES

log = logging.getLogger(__name__)

MANY_PARTS = 50
_REWRITE_SHARE = 0.05


@dataclass(slots=True)
class _Buffer:
    """Rows not yet on disk, and the name of their part-to-be: fixed, so that writing it twice adds no row."""

    name: str
    since_s: float
    batches: list[pa.RecordBatch] = field(default_factory=list)
    rows: int = 0


class Failed(NamedTuple):
    """A task whose row is not `ok`: its 16-byte key and what tells which pair and settings it was."""

    key: bytes
    status: str
    content_uri: str
    style_uri: str
    settings_json: str | None


class RowStore:
    """The rows of OUT, for the one driver that holds its lock (`OutLock`): nobody else may write there.

    `add` and `tick` write a part file when enough rows, or old enough ones, wait. A row of a task that failed
    before takes the older row's place. What cannot be written raises CannotContinueError with one line that
    says what to do; the rows concerned stay in memory, and what is on disk stays valid.
    """

    def __init__(
        self, rows: Path, *, run_id: str, part_rows: int, flush_s: float, mirror: Mirror | None = None
    ) -> None:
        self._rows = rows
        self._mirror = mirror
        self._run_id = re.sub(r"[^A-Za-z0-9]+", "", run_id)[:40] or uuid.uuid4().hex[:12]
        self._part_rows, self._flush_s = part_rows, flush_s
        self._sequence = 0
        self._buffer: _Buffer | None = None
        self._older: dict[bytes, str] = {}
        """Key of a task being retried -> the part with its older row."""
        self._retired: set[bytes] = set()
        self._superseded: dict[str, set[bytes]] = {}
        """Part -> keys of its rows that a newer, visible part has replaced."""
        self._rewrite_at_s = 0.0
        self._parts: dict[str, int] = {}
        """Part -> its number of rows."""
        self._merging: tuple[str, list[str]] | None = None
        """The part that others are being merged into, and those."""

    @classmethod
    def open(
        cls, out: Path, *, run_id: str = "", part_rows: int = 5000, flush_s: float = 2.0, mirror: Mirror | None = None
    ) -> RowStore:
        """Make OUT or take up what is there: temporary files go, and of two rows of a task the older one.

        With a `mirror`, `out` is a copy of an OUT in an object store, where every part is written, too.

        Raises CannotContinueError if OUT may not be written, or a part file is damaged or of another schema.
        """
        rows = out / "rows"
        for folder in (out, rows, out / "images"):
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                if not os.access(folder, os.W_OK | os.X_OK):
                    # found now, not after the first hours of work
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        parts.remove_temporary(out)
        store = cls(rows, run_id=run_id, part_rows=part_rows, flush_s=flush_s, mirror=mirror)
        store._parts = {path.name: parts.count_rows(path) for path in parts.part_paths(rows)}
        for path, drop in parts.older_rows([rows / name for name in store._parts]).items():
            store._drop(path.name, drop)
        if len(store._parts) > MANY_PARTS:
            store.compact()
        return store

    def __enter__(self) -> RowStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
            return
        for save in (self._end_merge, self.flush, lambda: self._replace_older(now=True)):
            try:  # the error under way is the one to be told; what was done is saved if it can be
                save()
            except CannotContinueError as error:
                log.info("while ending: %s", error)

    def finished(self, retry_failed: bool) -> set[bytes]:
        """16-byte keys of tasks not to be done again: with a row, or if `retry_failed`, with an `ok` one.

        With `retry_failed`, the store then expects new rows for the others.
        """
        self.flush()
        done: set[bytes] = set()
        for name in self._parts:
            for batch in parts.iter_part(self._rows / name, ["task_id", "status"]):
                found = parts.keys(batch.column("task_id"))
                if not retry_failed:
                    done.update(found)
                    continue
                ok = pc.equal(batch.column("status"), "ok").to_pylist()
                done.update(key for key, good in zip(found, ok, strict=True) if good)
                self._older.update((key, name) for key, good in zip(found, ok, strict=True) if not good)
        return done

    def failed(self) -> Iterator[Failed]:
        """The tasks whose row is not `ok`; from here on, a new row of theirs, or `retire`, replaces that row."""
        self.flush()
        columns = ["task_id", "status", "content_uri", "style_uri", "settings_json"]
        for name in self._parts:
            for batch in parts.iter_part(self._rows / name, columns):
                bad = batch.filter(pc.not_equal(batch.column("status"), "ok"))
                for key, row in zip(parts.keys(bad.column("task_id")), bad.to_pylist(), strict=True):
                    self._older[key] = name
                    row.pop("task_id")
                    yield Failed(key, **row)

    def retire(self, key: bytes) -> None:
        """Drop the row of a task that `failed` gave, once the rows added so far are on disk."""
        self._retired.add(key)

    def count_by_status(self) -> dict[str, int]:
        """Rows by status, in the order of STATUSES, without zeros. Flushes first; raises as `flush` does."""
        self.flush()
        self._replace_older(now=True)
        counts: Counter[str] = Counter()
        for name in self._parts:
            for batch in parts.iter_part(self._rows / name, ["status"]):
                for pair in pc.value_counts(batch.column("status")).to_pylist():
                    counts[pair["values"]] += pair["counts"]
        return {status: counts[status] for status in STATUSES if counts[status]}

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows; write a part if it is time. Raises ValueError for another schema or a bad task_id."""
        if not batch.schema.equals(SCHEMA):
            raise ValueError("a batch of rows has the columns of SCHEMA: make it with to_batch")
        parts.digests(batch.column("task_id"))
        if not len(batch):
            return
        if self._buffer is None:
            self._buffer = _Buffer(self._new_name(), time.monotonic())
        self._buffer.batches.append(batch)
        self._buffer.rows += len(batch)
        self.tick()

    def tick(self) -> None:
        """Write what is due; call it a few times a second. Raises CannotContinueError as any write does."""
        waiting = self._buffer
        if waiting is not None and (
            waiting.rows >= self._part_rows or time.monotonic() - waiting.since_s >= self._flush_s
        ):
            self.flush()
        elif self._superseded:
            self._replace_older()

    def flush(self) -> None:
        """Write the rows that wait, if any: when it returns, they are on disk and visible."""
        waiting = self._buffer
        if waiting is None:
            return
        self._put(waiting.name, parts.encode(waiting.batches), new=True)
        self._parts[waiting.name] = waiting.rows
        self._buffer = None
        if self._older:
            added = chain.from_iterable(parts.keys(batch.column("task_id")) for batch in waiting.batches)
            for key in chain(added, self._retired):
                if (part := self._older.pop(key, None)) is not None:
                    self._superseded.setdefault(part, set()).add(key)
            self._retired.clear()
            self._replace_older()
        # A slow run writes a small part every few seconds for days; one that is fast never gets here.
        self._merge(below_rows=self._part_rows, at_least=MANY_PARTS)

    def close(self) -> None:
        """Write what waits and leave one row a task. May be called twice, and again after an error."""
        self._end_merge()
        self.flush()
        self._replace_older(now=True)
        self._older = {}
        if len(self._parts) > MANY_PARTS:
            self.compact()
        if not self._parts:  # so that a run of no tasks can be read, too, and has columns
            name = self._new_name()
            self._put(name, parts.encode([]), new=True)
            self._parts[name] = 0

    def compact(self) -> None:
        """Merge small parts into ones of up to 100,000 rows; a new one is visible before the old ones go."""
        self._merge(below_rows=parts.MERGED_ROWS // 2, at_least=2)

    def _merge(self, below_rows: int, at_least: int) -> None:
        self._end_merge()
        held = set(self._older.values()) | self._superseded.keys()
        small = [name for name, rows in sorted(self._parts.items()) if rows < below_rows and name not in held]
        if len(small) < at_least:
            return
        for group in parts.groups([(name, self._parts[name]) for name in small]):
            merged = self._new_name()
            data = parts.encode(chain.from_iterable(parts.iter_part(self._rows / name) for name in group))
            self._merging = merged, group
            try:
                self._put(merged, data, new=True)
            except CannotContinueError as error:
                log.warning("small part files were not merged: %s", error)  # no row depends on it
                self._end_merge()
                return
            self._parts[merged] = sum(self._parts[name] for name in group)
            self._end_merge()

    def _end_merge(self) -> None:
        """Remove what a merge has made superfluous, also one that was broken off: else rows would be there twice."""
        if self._merging is None:
            return
        merged, group = self._merging
        if merged in self._parts:
            for name in filter(self._parts.__contains__, group):
                self._remove(name)
        else:
            # A write that seemed to fail, or that was interrupted, may have been one all the same.
            for unlink in (self._unlink_mirrored, self._unlink_here):
                with contextlib.suppress(CannotContinueError):
                    unlink(merged)
        self._merging = None

    def _replace_older(self, now: bool = False) -> None:
        """Rewrite parts without the rows that newer ones replaced.

        Rewriting a big part for each few rows could take longer than the work, so it waits until it takes a
        small share of the time. Until then both rows are there; the next `open` mends it after a kill.
        """
        if not now and time.monotonic() < self._rewrite_at_s:
            return
        start_s = time.monotonic()
        for name, gone in list(self._superseded.items()):
            ids = [parts.keys(batch.column("task_id")) for batch in parts.iter_part(self._rows / name, ["task_id"])]
            drop = [row for row, key in enumerate(chain.from_iterable(ids)) if key in gone]
            self._drop(name, np.array(drop, np.int64))
            del self._superseded[name]
        end_s = time.monotonic()
        self._rewrite_at_s = end_s + (end_s - start_s) / _REWRITE_SHARE

    def _drop(self, name: str, drop: parts.Indices) -> None:
        if len(drop) >= self._parts[name]:
            self._remove(name)
            return
        self._put(name, parts.encode(parts.keep_rows(parts.iter_part(self._rows / name), drop)), new=False)
        self._parts[name] -= len(drop)

    def _put(self, name: str, data: pa.Buffer, *, new: bool) -> None:
        # Encoded in memory (tens of MB at most), so that the disk sees one plain write that works or fails.
        with writing(self._rows / name):
            write_atomic(self._rows / name, memoryview(data), durable=self._mirror is None)
        if self._mirror is not None:
            self._mirror.put(name, memoryview(data), new=new)

    def _remove(self, name: str) -> None:
        self._unlink_mirrored(name)
        self._unlink_here(name)
        del self._parts[name]

    def _unlink_mirrored(self, name: str) -> None:
        if self._mirror is not None:
            self._mirror.remove(name)

    def _unlink_here(self, name: str) -> None:
        with writing(self._rows / name):
            (self._rows / name).unlink(missing_ok=True)

    def _new_name(self) -> str:
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self._sequence += 1
        return f"part-{stamp}-{self._run_id}-{self._sequence:06d}.parquet"
