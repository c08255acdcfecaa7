"""Small Parquet files that would fill the memory are refused, and others are read as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stylize.errors import UsageError
from stylize.io.parquet_files import MOST_BYTES, iter_batches
from stylize.results.read import read_rows
from stylize.results.schema import SCHEMA
from stylize.tasks import manifest
from tests.support.made_rows import row

LONG = 400_000
"""Of a text: it fits into a Parquet file's dictionary, where it stands once for all rows."""
COUNT = MOST_BYTES // LONG + 200


def lists(texts: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(range(len(texts) + 1), pa.int32()), texts)


def read(path: Path, rows: int = 100) -> pa.Table:
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        return pa.Table.from_batches(list(iter_batches(path, file, rows, names)), file.schema_arrow)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), "categories", "lists", "one row"])
def test_texts_that_would_fill_the_memory_are_refused(tmp_path: Path, kind: pa.DataType | str) -> None:
    texts = pa.array(["a" * LONG] * COUNT)
    made: dict[str, Callable[[], pa.Array]] = {
        "categories": texts.dictionary_encode, "lists": lambda: lists(texts),
        "one row": lambda: pa.array(["a" * (MOST_BYTES + 1)]),
    }  # fmt: skip
    column = made[kind]() if isinstance(kind, str) else texts.cast(kind)
    pq.write_table(pa.table({"content_uri": column}), path := tmp_path / "a.parquet", compression="zstd")
    assert path.stat().st_size < 200_000
    with pytest.raises(ValueError, match=r"its texts would take .* bytes and more, which no rows need"):
        read(path)


def test_what_is_within_the_bound_is_read_as_it_is(tmp_path: Path) -> None:
    texts = pa.array([None if number % 7 == 0 else f"text {number % 5}" for number in range(1000)])
    table = pa.table(
        {"plain": texts, "large": texts.cast(pa.large_string()), "bytes": texts.cast(pa.binary()), "a.b": range(1000),
         "category": texts.dictionary_encode(), "lists": lists(texts), "numbers": pa.array(range(1000)).cast("float64")}
    )  # fmt: skip
    pq.write_table(table, path := tmp_path / "a.parquet", row_group_size=300)
    assert read(path).equals(table)


def test_rows_and_lists_of_pairs_are_held_to_it(tmp_path: Path) -> None:
    rows = [row(number, status="failed", error="e" * LONG) for number in range(COUNT)]
    (tmp_path / "rows").mkdir()
    made = pa.Table.from_pylist(rows, schema=SCHEMA)
    pq.write_table(made, tmp_path / "rows/part-1.parquet", compression="zstd")
    with pytest.raises(UsageError, match=r"part-1\.parquet cannot be read \(its texts would take"):
        read_rows(tmp_path)
    pairs = pa.table({"content_uri": ["a" * LONG] * COUNT, "style_uri": ["b"] * COUNT})
    pq.write_table(pairs, tmp_path / "list.parquet")
    with pytest.raises(UsageError, match=r"list\.parquet: its texts would take"):
        list(manifest.read(str(tmp_path / "list.parquet")))
