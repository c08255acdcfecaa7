"""What is in part files, which are Parquet files of SCHEMA: rows, their keys, and which rows a newer one replaces."""

from __future__ import annotations

import binascii
import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stylize.errors import CannotContinueError, StylizeError, UsageError, message_of, one_line
from stylize.io.files import is_temporary, writing
from stylize.io.parquet_files import iter_batches
from stylize.results import older
from stylize.results.schema import KEY_BYTES, SCHEMA
from stylize.results.settings_json import read_settings, read_uris, read_weights

MERGED_ROWS = 100_000
"""Most rows of a part that others are merged into."""
_DIGEST_BYTES = 32
# Small, as whole rows of these many are in the driver's memory while parts are merged.
_BATCH_ROWS = 8_192
_GROUP_ROWS = 10_000
_LEAST_BYTES = 1
"""Of a row in a part: its task_id alone, which is no other row's, takes 32 however it is compressed."""
_NEEDED = ("task_id", "status")
_JSON_READERS = {"settings_json": read_settings, "style_uris": read_uris, "style_weights": read_weights}
_TIMES = (0, 253_402_300_799_999_999)
"""The years 1970 to 9999 in microseconds: others are no dates in Python."""
_EARLIEST = np.iinfo(np.int64).min
# Of these nearly every value is another: a dictionary would be a second copy of the column.
_UNIQUE = {"task_id", "output_uri", "output_sha256"}
DICTIONARY = [f.name for f in SCHEMA if pa.types.is_string(f.type) and f.name not in _UNIQUE]
"""Columns of texts that repeat."""

Indices = npt.NDArray[np.int64]
Digests = npt.NDArray[np.uint8]
Heads = npt.NDArray[np.uint64]
Part = Path | BinaryIO
"""A part's path, or its file open for reading: that stays as it is when a driver replaces or removes the part."""
_TRIES = 8
"""Of opening all parts while a driver puts others in their place."""


def part_paths(rows: Path) -> list[Path]:
    """Return the part files of a rows folder, oldest first: what `pd.read_parquet` reads of it."""
    return sorted(p for p in rows.iterdir() if not p.name.startswith((".", "_")) and p.is_file())


@contextlib.contextmanager
def open_parts(rows: Path) -> Iterator[list[BinaryIO]]:
    """Open all part files of a rows folder, oldest first, such that none changes while they are read.

    A driver may merge or rewrite parts meanwhile; reading takes longer than what lies between two of its changes,
    opening does not. Parts that come later do no harm, as what they replace is held. Where one came meanwhile all are
    opened anew: what it replaces may have gone already. Raises CannotContinueError where they change too fast or cannot
    be opened.
    """
    for attempt in range(_TRIES):
        with contextlib.ExitStack() as files:
            try:
                paths = part_paths(rows)
                opened = [files.enter_context(_opened(path)) for path in paths]
                unchanged = all(os.path.samestat(os.fstat(f.fileno()), Path(f.name).stat()) for f in opened)
                unchanged = unchanged and part_paths(rows) == paths
            except FileNotFoundError:
                unchanged = False
            if unchanged:
                yield opened
                return
        time.sleep(0.02 * 2**attempt)
    raise CannotContinueError(f"{one_line(rows)} kept changing while it was read: try again in a moment")


class PartFacts(NamedTuple):
    """What a part file says of itself."""

    rows: int
    older_version: str | None
    """The schema version of an older program that wrote it; None for today's."""


def facts(path: Path) -> PartFacts:
    """Return a part file's facts. Raises UsageError if it is damaged, foreign or of a newer program."""
    with _reading(path), pq.ParquetFile(path) as file:
        schema, rows = file.schema_arrow, int(file.metadata.num_rows)
    return PartFacts(rows, older.version_of(schema) if older.is_older(path, schema) else None)


def iter_part(part: Part, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield a part file's batches, some thousand rows each, as of today: columns that it lacks are filled.

    All that reads rows reads them here. Raises UsageError for what no run has written: what is no Parquet file, other
    columns, and values that are no text, time or settings; CannotContinueError where the disk does not give the file.
    """
    path = _path(part)
    with _reading(path), pq.ParquetFile(part) as file:
        schema = file.schema_arrow  # made anew each time it is asked for, from all its columns
        older.check_readable(path, schema)
        size = path.stat() if isinstance(part, Path) else os.fstat(part.fileno())
        if file.metadata.num_rows * _LEAST_BYTES > size.st_size:
            raise ValueError("it is too small a file for so many rows")
        as_of_today = older.AsOfToday(path, schema, SCHEMA.names if columns is None else columns)
        if not file.metadata.num_rows:  # pyarrow 18 fails at such a file
            return
        for batch in iter_batches(part, file, _BATCH_ROWS, as_of_today.reads):
            _check_values(batch)
            yield as_of_today(batch)


def _check_values(batch: pa.RecordBatch) -> None:
    """Raise ArrowException or ValueError for values that no run writes."""
    batch.validate(full=True)  # texts are UTF-8
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name in _NEEDED and column.null_count:
            raise ValueError(f"a row has no {name}")
        if name == "started_at" and not are_times(column):
            raise ValueError("a started_at is no time")
        if read := _JSON_READERS.get(name):
            for text in pc.unique(column).to_pylist():
                read(text)


def are_times(column: pa.Array | pa.ChunkedArray) -> bool:
    """Return whether all times of a column, in microseconds, are dates in Python."""
    first, last = pc.min_max(column.cast(pa.int64()).drop_null()).as_py().values()
    return first is None or bool(_TIMES[0] <= first <= last <= _TIMES[1])


def digests(task_ids: pa.Array) -> Digests:
    """Return the `(N, 32)` bytes, 0 to 255, of N task ids. Raises ValueError if one is not 64 hexadecimal digits."""
    if len(task_ids) == 0:
        return np.empty((0, _DIGEST_BYTES), np.uint8)
    _, offset_buffer, text = task_ids.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)[task_ids.offset : task_ids.offset + len(task_ids) + 1]
    if task_ids.null_count or (np.diff(offsets) != 2 * _DIGEST_BYTES).any():
        raise ValueError("a task_id is a SHA-256 as 64 hexadecimal digits")
    # one call for all of them: a million ids take milliseconds
    raw = binascii.unhexlify(memoryview(text)[offsets[0] : offsets[-1]])
    return np.frombuffer(raw, np.uint8).reshape(-1, _DIGEST_BYTES)


def keys(task_ids: pa.Array) -> list[bytes]:
    """Return the first 16 bytes of each task id, which tell tasks apart. Raises ValueError as `digests` does."""
    raw = digests(task_ids)[:, :KEY_BYTES].tobytes()
    return [raw[i : i + KEY_BYTES] for i in range(0, len(raw), KEY_BYTES)]


def replaced_rows(parts: Sequence[Part]) -> dict[Path, Indices]:
    """Return which rows of each part a newer row of the same task replaces; parts without any are left out.

    Newer is the later `started_at`, then the later part, then the later row. Where no task has two rows,
    which is nearly always, only the `task_id` column is read, and 8 bytes per row are held.
    """
    return replaced_among(parts, [joined(heads(part, one) for one in iter_part(part, ["task_id"])) for part in parts])


def heads(part: Part, batch: pa.RecordBatch) -> Heads:
    """Return the first 8 bytes of each task id: enough to find the few tasks worth a closer look."""
    try:
        return np.ascontiguousarray(digests(batch.column("task_id"))[:, :8]).view(np.uint64)[:, 0]
    except ValueError as error:
        raise _damaged(_path(part), error) from error


def joined(some: Iterable[Heads]) -> Heads:
    """Return the heads of batches as those of all."""
    return np.concatenate([np.empty(0, np.uint64), *some])


def replaced_among(parts: Sequence[Part], known: Sequence[Heads]) -> dict[Path, Indices]:
    """Return the same as `replaced_rows`, of parts whose heads are known."""
    ordered = np.sort(joined(known))
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(twice):
        return {}
    newest: dict[bytes, tuple[int, int, int]] = {}
    replaced: dict[Path, list[int]] = {}
    for number, part in enumerate(parts):
        suspects = np.flatnonzero(np.isin(known[number], twice))
        for key, rank in _ranked(part, number, suspects):
            kept = newest.setdefault(key, rank)
            if kept == rank:
                continue
            newest[key], (_, place, row) = max(kept, rank), min(kept, rank)
            replaced.setdefault(_path(parts[place]), []).append(row)
    return {path: np.sort(np.array(rows, np.int64)) for path, rows in replaced.items()}


def keep_rows(batches: Iterator[pa.RecordBatch], drop: Indices) -> Iterator[pa.RecordBatch]:
    """Yield the batches without the rows of these numbers, which count over all batches."""
    start = 0
    for batch in batches:
        mask = ~np.isin(np.arange(start, start + len(batch)), drop)
        start += len(batch)
        yield batch if mask.all() else batch.filter(pa.array(mask))


def encode(batches: Iterable[pa.RecordBatch]) -> pa.Buffer:
    """Return a Parquet file of SCHEMA in memory, in row groups of some 10,000 rows."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, SCHEMA, compression="zstd", use_dictionary=DICTIONARY) as writer:
        for table in _regroup(batches):
            writer.write_table(table, row_group_size=2 * _GROUP_ROWS)
    return sink.getvalue()


def groups(parts: list[tuple[str, int]]) -> Iterator[list[str]]:
    """Yield neighbours to merge: together they have at most 100,000 rows, and none is alone."""
    group: list[str] = []
    total = 0
    for name, rows in parts:
        if total + rows > MERGED_ROWS:
            if len(group) > 1:
                yield group
            group, total = [], 0
        group.append(name)
        total += rows
    if len(group) > 1:
        yield group


def remove_temporary(out: Path) -> None:
    """Remove what killed writers left: only files named exactly so, and only where they write."""
    for folder in (out, out / "rows", out / "images"):
        for where, below, names in os.walk(folder):
            if folder == out:
                below.clear()
            for name in filter(is_temporary, names):
                with writing(Path(where, name)):
                    Path(where, name).unlink(missing_ok=True)


def _path(part: Part) -> Path:
    return part if isinstance(part, Path) else Path(part.name)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _damaged(path, error) from error


def _ranked(part: Part, place: int, rows: Indices) -> Iterator[tuple[bytes, tuple[int, int, int]]]:
    """Yield the key and (started_at, place, row) of these rows of the part that has this place among all."""
    if not len(rows):
        return
    table = pa.Table.from_batches(list(iter_part(part, ["task_id", "started_at"])))
    picked = table.take(pa.array(rows)).combine_chunks()
    started = picked["started_at"].cast(pa.int64()).fill_null(_EARLIEST).to_pylist()
    for key, when, row in zip(keys(picked["task_id"].chunk(0)), started, rows.tolist(), strict=True):
        yield key, (when, place, row)


def _regroup(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield tables of 10,000 rows or a little more."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += len(batch)
        if rows >= _GROUP_ROWS:
            yield _joined(waiting)
            waiting, rows = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> pa.Table:
    # one chunk a column: Parquet encodes thousands of tiny ones many times slower
    return pa.Table.from_batches(batches, SCHEMA).combine_chunks()


def _damaged(path: Path, error: Exception) -> StylizeError:
    if isinstance(error, OSError) and error.errno is not None:  # of a file that is no Parquet Arrow gives no number
        why = f"{one_line(path)} cannot be read ({error.strerror})"
        return CannotContinueError(f"{why}: put that right, then run the same command again")
    return UsageError(
        f"{one_line(path)} cannot be read ({message_of(error)}): restore it, or move it away to do its tasks again"
    )


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from error
