"""Pairs that the user lists in a file of their own, CSV or Parquet."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from stylize.errors import BadKeyError, UsageError, message_of, one_line
from stylize.io import object_store
from stylize.io.files import local_copy
from stylize.io.location import LocalPath, Location, ObjectUri, locate
from stylize.io.store_errors import read_or_end
from stylize.tasks.listing import identity_of, uri_of, version_of
from stylize.tasks.task import Input, Pair

LOOK_AHEAD = 1024
_AT_ONCE = 32


def read(uri: str) -> Iterator[Pair]:
    """Read pairs from a CSV or Parquet file, here or in an object store; relative paths are taken from its folder.

    Objects have no identity yet: `with_versions` asks for it. Raises UsageError naming the file, the line and what is
    missing.
    """
    where = locate(uri)
    if isinstance(where, LocalPath) and not where.path.is_file():
        raise UsageError(f"manifest: no such file: {one_line(uri)}")
    folder = where.absolute().parent
    with local_copy(where) as path:
        suffix = path.suffix.lower()
        if suffix not in (".csv", ".parquet"):
            raise UsageError(f"manifest {one_line(uri)}: expected a .csv or .parquet file")
        rows = _csv_rows(path, uri) if suffix == ".csv" else _parquet_rows(path, uri)
        number = 0
        for number, row in enumerate(rows, start=1):
            for name in ("content_uri", "style_uri"):
                if not row.get(name):
                    raise UsageError(f"manifest {one_line(uri)}: row {number} has no {name}")
            try:
                content = _listed(str(row["content_uri"]), row.get("content_type"), folder)
                style = _listed(str(row["style_uri"]), row.get("style_type"), folder)
            except UsageError as error:
                raise UsageError(f"manifest {one_line(uri)}: row {number}: {error}") from None
            yield Pair(content, style)
        if number == 0:
            raise UsageError(f"manifest {one_line(uri)}: no rows below its header")


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
    text = uri if uri[:6].lower() == "file:/" else uri_of(str(where))
    return Input(text, identity_of(where.path), type_)


def _csv_rows(path: Path, uri: str) -> Iterator[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _check_columns(uri, reader.fieldnames or ())
            yield from reader
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"manifest {one_line(uri)}: not a UTF-8 CSV file ({error})") from None
    except OSError as error:
        raise UsageError(f"manifest {one_line(uri)}: {error.strerror}") from None


def _parquet_rows(path: Path, uri: str) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    known = ("content_uri", "style_uri", "content_type", "style_type")
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(uri, file.schema_arrow.names)
            columns = [name for name in known if name in file.schema_arrow.names]
            for batch in file.iter_batches(4096, columns=columns):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"manifest {one_line(uri)}: not a Parquet file ({message_of(error)})") from None


def _check_columns(uri: str, names: Iterable[str]) -> None:
    missing = {"content_uri", "style_uri"} - set(names)
    if missing:
        raise UsageError(f"manifest {one_line(uri)}: no column {' and no column '.join(sorted(missing))}")
