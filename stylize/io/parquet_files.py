"""Parquet files that nobody vouches for: what they unpack to is held against bounds before it takes memory.

A text that repeats stands in such a file once, and packs well: some kB can be gigabytes of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as of_type

MOST_BYTES, MOST_ROW_BYTES = 2**26, 2**13
"""What a row group may unpack to, and the texts of a file: the first, or so much for each row where that is more."""
_NESTED_ROWS = 64
"""Lists are counted after a batch of so many rows: Arrow has no dictionaries within them."""
_TEXTS = (of_type.is_string, of_type.is_large_string, of_type.is_binary, of_type.is_large_binary)


def iter_batches(source: Any, file: pq.ParquetFile, rows: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield batches of at most so many rows, with these columns, which are in the order of the file.

    file: opened on `source`, a path or an open file. Raises ValueError where they would take too much.
    """
    of_file = file.schema_arrow  # made anew each time it is asked for, from all its columns
    schema = pa.schema([of_file.field(name) for name in columns])
    if any(of_type.is_nested(field.type) for field in schema):
        rows = min(rows, _NESTED_ROWS)
    texts = {field.name for field in schema if any(is_text(field.type) for is_text in _TEXTS)}
    texts &= _checked(file.metadata, columns)
    taken = seen = 0
    # As dictionaries, so that a text that repeats is in memory once until all are counted; one thread: faster here,
    # and a merge's peak memory is half as much.
    with pq.ParquetFile(source, metadata=file.metadata, read_dictionary=list(texts)) as packed:
        for batch in packed.iter_batches(rows, columns=list(columns), use_threads=False):
            seen += len(batch)
            taken += sum(map(_text_bytes, batch.columns))
            _refuse_more(taken, seen)
            named = zip(columns, batch, strict=True)
            plain = [one.dictionary_decode() if name in texts else one for name, one in named]
            yield pa.RecordBatch.from_arrays(plain, schema=schema)


def readable(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a file that is written. Raises ValueError where `iter_batches` would refuse it."""
    taken = seen = 0
    for batch in batches:
        seen += len(batch)
        texts = (column for column in batch.columns if any(is_text(column.type) for is_text in _TEXTS))
        taken += sum(pc.sum(pc.binary_length(column).cast(pa.int64())).as_py() or 0 for column in texts)
        _refuse_more(taken, seen)
        yield batch


def _checked(metadata: pq.FileMetaData, columns: Sequence[str]) -> set[str]:
    """Return what is written as dictionaries; all else counts in its row group's size, which is held to its bound."""
    repeating = set()
    for number in range(metadata.num_row_groups):
        group, unpacked = metadata.row_group(number), 0
        for chunk in map(group.column, range(metadata.num_columns)):
            if chunk.path_in_schema.partition(".")[0] in columns or chunk.path_in_schema in columns:
                unpacked += chunk.total_uncompressed_size
                repeating |= {chunk.path_in_schema} if chunk.has_dictionary_page else set()
        _refuse_more(unpacked, group.num_rows)
    return repeating


def _refuse_more(unpacked: int, rows: int) -> None:
    if unpacked > max(MOST_BYTES, rows * MOST_ROW_BYTES):
        raise ValueError(f"its texts would take {unpacked:,} bytes and more, which no rows need")


def _text_bytes(column: pa.Array) -> int:
    if of_type.is_nested(column.type):
        return int(column.nbytes)
    if not of_type.is_dictionary(column.type) or of_type.is_primitive(column.type.value_type):
        return 0
    lengths = pc.binary_length(column.dictionary)
    return pc.sum(lengths.take(column.indices).cast(pa.int64())).as_py() or 0
