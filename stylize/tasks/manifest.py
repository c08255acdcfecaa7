"""Pairs that the user lists in a file of their own, CSV or Parquet."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from stylize.errors import BadKeyError, UsageError, message_of, one_line
from stylize.io import object_store
from stylize.io.files import local_copy
from stylize.io.location import LocalPath, Location, ObjectUri, existing, locate
from stylize.io.store_errors import read_or_end
from stylize.tasks.csv_rows import COLUMNS, SURPLUS, Row, columns_of, csv_rows, name_of_column
from stylize.tasks.listing import identity_of, uri_of, version_of
from stylize.tasks.task import Input, Pair

LOOK_AHEAD = 1024
_AT_ONCE = 32


def read(uri: str) -> Iterator[Pair]:
    """Read pairs from a CSV or Parquet file, here or in an object store; relative paths are taken from its folder.

    Objects have no identity yet: `with_versions` asks for it. A row that cannot be used is a pair whose input says
    why. Raises UsageError for a file that cannot be used: it names the file and shows the header that was seen.
    """
    where = locate(uri)
    if isinstance(where, LocalPath):
        where = LocalPath(existing(where.path))
        if not where.path.is_file():
            raise UsageError(f"manifest: no such file: {one_line(uri)}")
    folder = where.absolute().parent
    with local_copy(where) as path:
        rows = _rows(path, uri)
        number = 0
        for number, row in rows:
            yield _pair(row, f"{one_line(uri)}: row {number}", number, folder)
        if number == 0:
            raise UsageError(f"manifest {one_line(uri)}: no rows below its header")


def _rows(path: Path, uri: str) -> Iterator[tuple[int, Row]]:
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".txt"):
        return csv_rows(path, uri)
    if suffix == ".parquet":
        return _parquet_rows(path, uri)
    raise UsageError(f"manifest {one_line(uri)}: expected a .csv, .tsv or .parquet file")


def _pair(row: Row, where: str, number: int, folder: Location) -> Pair:
    """Return a row's pair. where: how a bad row is called in place of what it lists."""
    inputs = []
    for role in ("content", "style"):
        problem = row.get(SURPLUS) or (None if row.get(f"{role}_uri") else f"row {number} has no {role}_uri")
        try:
            if problem is None:
                inputs.append(_listed(str(row[f"{role}_uri"]), row.get(f"{role}_type"), folder))
                continue
        except UsageError as error:
            problem = f"row {number}: {error}"
        inputs.append(Input(where, "missing", None, f"manifest: {problem}"))
    return Pair(*inputs)


def with_versions(stream: Iterator[Pair]) -> Iterator[Pair]:
    """Return the same pairs; objects among them get the identity that their store tells, many asked for at once."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while chunk := list(itertools.islice(stream, LOOK_AHEAD)):
            asked = {one.uri for pair in chunk for one in (pair.content, pair.style) if not one.identity}
            known = dict(zip(asked, pool.map(_version, asked), strict=True))
            for pair in chunk:
                yield Pair(_known(pair.content, known), _known(pair.style, known))


def _known(one: Input, known: dict[str, str]) -> Input:
    return one if one.identity else replace(one, identity=known[one.uri])


def _version(uri: str) -> str:
    with read_or_end():
        try:
            entry = object_store.head(uri)
        except (object_store.RefusedError, BadKeyError):
            return "unknown"  # its row will say why
    return "missing" if entry is None else version_of(entry)


def _listed(uri: str, named_type: Any, folder: Location) -> Input:
    type_ = str(named_type) if named_type else None
    where = folder.resolve(uri)
    if isinstance(where, ObjectUri):
        return Input(str(where), "", type_)
    path = existing(where.path)
    text = uri if uri[:6].lower() == "file:/" else uri_of(str(path))
    return Input(text, identity_of(path), type_)


def _parquet_rows(path: Path, uri: str) -> Iterator[tuple[int, Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = columns_of(file.schema_arrow.names, uri)
            wanted = [name for name in file.schema_arrow.names if name_of_column(name) in COLUMNS]
            number = 0
            for batch in file.iter_batches(4096, columns=wanted):
                for row in batch.to_pylist():
                    number += 1
                    yield number, {names[name]: value for name, value in row.items()}
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"manifest {one_line(uri)}: not a Parquet file ({message_of(error)})") from None
