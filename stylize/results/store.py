"""Writing rows into part files, each complete before it is visible: a kill at any moment loses no part."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from stylize.errors import StylizeError
from stylize.io.files import writing
from stylize.io.parquet_files import MOST_BYTES
from stylize.results import parts
from stylize.results.compaction import Compactor
from stylize.results.part_folder import PartFolder
from stylize.results.remote_parts import Mirror
from stylize.results.schema import SCHEMA, SCORED, STATUSES

log = logging.getLogger(__name__)

_PART_BYTES = MOST_BYTES // 2
"""Of a part, which is read up to MOST_BYTES whatever its rows."""


@dataclass(slots=True)
class _Buffer:
    """Rows not yet on disk, and the name that their part will have: fixed, so that writing it twice adds no row."""

    name: str
    since_s: float
    batches: list[pa.RecordBatch] = field(default_factory=list)
    rows: int = 0
    size_bytes: int = 0


def _all_there(output_uri: str) -> bool:
    return True


class Replaceable(NamedTuple):
    """A row whose place a new one may take, as it is not `ok` or the file that it tells of is gone.

    key: 16 bytes of its task's. The rest says which pair, settings and weights it was.
    """

    key: bytes
    status: str
    content_uri: str
    style_uri: str
    style_uris: str | None
    settings_json: str | None
    error: str | None = None
    output_uri: str | None = None
    weights_sha256: str | None = None
    measure_mode: str | None = None


class RowStore:
    """Writes the rows of OUT for the one driver that holds its lock (`OutputLock`): nobody else may write there.

    `add` and `tick` write a part file when enough rows, or old enough ones, wait. A row of a task that failed
    before takes the older row's place. What cannot be written raises CannotContinueError with one line that
    says what to do; the rows concerned stay in memory, and what is on disk stays valid.
    """

    def __init__(self, folder: PartFolder, *, part_rows: int, flush_s: float) -> None:
        self._folder = folder
        self._compactor = Compactor(folder)
        self._part_rows, self._flush_s = part_rows, flush_s
        self._buffer: _Buffer | None = None
        self._to_replace: dict[bytes, str] = {}
        """Key of a task -> the part with its row, which a new row of the task is to replace."""
        self._retired: set[bytes] = set()
        """Keys of tasks whose rows go although no new one comes under that key."""

    @classmethod
    def open(
        cls, out: Path, *, run_id: str = "", part_rows: int = 5000, flush_s: float = 2.0, mirror: Mirror | None = None
    ) -> RowStore:
        """Make OUT or take up what is there: temporary files go, and of two rows of a task the older one.

        With a `mirror`, `out` is a copy of an OUT in an object store, where every part is written, too.

        Raises CannotContinueError if OUT may not be written, UsageError for a part file that is damaged or of another
        schema.
        """
        for folder in (out, out / "rows", out / "images"):
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                if not os.access(folder, os.W_OK | os.X_OK):
                    # told now, not after the first hours of work
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        parts.remove_temporary(out)
        rows = PartFolder(out / "rows", run_id, mirror)
        rows.take_up()
        for path, replaced in parts.replaced_rows([rows.path / name for name in rows.rows]).items():
            rows.drop(path.name, replaced)
        store = cls(rows, part_rows=part_rows, flush_s=flush_s)
        store._compactor.merge_if_many(parts.MERGED_ROWS // 2)
        return store

    @property
    def older_rows(self) -> dict[str, int]:
        """Return how many rows `open` brought up to date, by the schema version that an older program gave them."""
        return dict(self._folder.older_rows)

    def __enter__(self) -> RowStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
            return
        for save in (self._compactor.end_merge, self.flush, lambda: self._compactor.purge(now=True)):
            try:  # the error under way is the one to be told; what was done is saved if it can be
                save()
            except StylizeError as error:
                log.info("while ending: %s", error)

    def finished(self, retry_failed: bool, gone: Collection[bytes] = (), redo: bool = False) -> set[bytes]:
        """Return the keys of tasks not to be done again, and expect new rows for the others.

        They are those with a row; if `retry_failed`, with an `ok` one; if `redo`, none. gone: keys of tasks that are to
        be done again although their row is `ok`.
        """
        self.flush()
        done: set[bytes] = set()
        for name, batch in self._batches(["task_id", "status"]):
            ok = pc.equal(batch.column("status"), "ok").to_pylist()
            for key, good in zip(parts.keys(batch.column("task_id")), ok, strict=True):
                if redo or key in gone or (retry_failed and not good):
                    self._to_replace[key] = name
                else:
                    done.add(key)
        return done

    def results(self, gone: Collection[bytes] = ()) -> Iterator[tuple[str, str]]:
        """Yield the `output_uri` and `task_id` of each row with an image in OUT, but for tasks of the keys `gone`."""
        self.flush()
        for _, batch in self._batches(["output_uri", "task_id", "measure_mode"]):
            made_here = pc.not_equal(pc.fill_null(batch.column("measure_mode"), ""), SCORED)
            there = batch.filter(pc.and_(made_here, pc.is_valid(batch.column("output_uri"))))
            uris, task_ids = (there.column(name).to_pylist() for name in ("output_uri", "task_id"))
            keys = parts.keys(there.column("task_id"))
            yield from ((uri, id_) for uri, id_, key in zip(uris, task_ids, keys, strict=True) if key not in gone)

    def replaceable(
        self, is_there: Callable[[str], bool] = _all_there, elsewhere: Callable[[str], bool] = _all_there
    ) -> Iterator[Replaceable]:
        """Yield the rows that are not `ok`, and the `ok` ones whose image is gone.

        From here on, a new row of the same task, or `retire`, replaces such a row. is_there: tells of an `output_uri`
        whether its file is there; elsewhere: the same of a picture that this OUT did not make.
        """
        self.flush()
        columns = ["task_id", *Replaceable._fields[1:]]
        for name, batch in self._batches(columns):
            ok = pc.equal(batch.column("status"), "ok").to_pylist()
            uris, modes = (batch.column(column).to_pylist() for column in ("output_uri", "measure_mode"))
            lost = [
                not good or (uri is not None and not (elsewhere if mode == SCORED else is_there)(uri))
                for good, uri, mode in zip(ok, uris, modes, strict=True)
            ]
            bad = batch.filter(pa.array(lost, pa.bool_()))
            for key, row in zip(parts.keys(bad.column("task_id")), bad.to_pylist(), strict=True):
                self._to_replace[key] = name
                yield Replaceable(key, *(row[column] for column in Replaceable._fields[1:]))

    def columns(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        """Yield these columns of all rows, some thousand rows at a time."""
        self.flush()
        self._compactor.purge(now=True)
        return (batch for _, batch in self._batches(names))

    def retire(self, key: bytes) -> None:
        """Drop the row of a task that `replaceable` gave, once the rows added so far are on disk."""
        self._retired.add(key)

    def count_by_status(self, variants: Collection[str]) -> dict[str, int]:
        """Return the rows of these variants by status, in the order of STATUSES, those of newer programs last.

        Flushes first; raises as `flush` does.
        """
        self.flush()
        self._compactor.purge(now=True)
        counts: Counter[str] = Counter()
        for _, batch in self._batches(["status", "variant"]):
            wanted = batch.filter(pc.is_in(batch.column("variant"), value_set=pa.array(variants, pa.string())))
            for pair in pc.value_counts(wanted.column("status")).to_pylist():
                counts[pair["values"]] += pair["counts"]
        return {status: counts[status] for status in dict.fromkeys((*STATUSES, *sorted(counts))) if counts[status]}

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows; write a part if it is time. Raises ValueError for another schema or a bad task_id."""
        if not batch.schema.equals(SCHEMA):
            raise ValueError("a batch of rows has the columns of SCHEMA: make it with to_batch")
        parts.digests(batch.column("task_id"))
        if not len(batch):
            return
        if self._buffer is None:
            self._buffer = _Buffer(self._folder.new_name(), time.monotonic())
        self._buffer.batches.append(batch)
        self._buffer.rows += len(batch)
        self._buffer.size_bytes += batch.nbytes
        self.tick()

    def tick(self) -> None:
        """Write what is due; call it a few times a second. Raises CannotContinueError as any write does."""
        waiting = self._buffer
        if waiting is not None and (
            waiting.rows >= self._part_rows
            or waiting.size_bytes >= _PART_BYTES
            or time.monotonic() - waiting.since_s >= self._flush_s
        ):
            self.flush()
        else:
            self._compactor.purge()

    @property
    def waiting_rows(self) -> int:
        """Return how many rows are not on disk yet."""
        return 0 if self._buffer is None else self._buffer.rows

    def flush(self) -> None:
        """Write the rows that wait, if any: when it returns, they are on disk and visible."""
        waiting = self._buffer
        if waiting is None:
            self._bury(self._retired)
            return
        self._folder.write(waiting.name, waiting.batches, waiting.rows)
        self._buffer = None
        self._bury(chain(*(parts.keys(batch.column("task_id")) for batch in waiting.batches), self._retired))
        # A slow run writes a small part every few seconds for days; one that is fast never gets here.
        self._compactor.merge_if_many(self._part_rows, keep=set(self._to_replace.values()))

    def _bury(self, keys: Iterable[bytes]) -> None:
        """Drop rows that newer ones replace, and retired ones."""
        if not self._to_replace:
            return
        for key in keys:
            if (part := self._to_replace.pop(key, None)) is not None:
                self._compactor.bury(part, key)
        self._retired.clear()
        self._compactor.purge()

    def close(self) -> None:
        """Write what waits and leave one row per task. May be called twice, and again after an error."""
        self._compactor.end_merge()
        self.flush()
        self._compactor.purge(now=True)
        self._to_replace = {}
        self._compactor.merge_if_many(parts.MERGED_ROWS // 2)
        if not self._folder.rows:  # so that a run of no tasks can be read, too, and has columns
            self._folder.write(self._folder.new_name(), [], 0)

    def _batches(self, columns: list[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield these columns of all rows, with the name of their part."""
        for name in self._folder.rows:
            for batch in self._folder.batches(name, columns):
                yield name, batch
