"""Pairs that the user lists in a file of their own, CSV or Parquet."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stylize.errors import BadKeyError, UsageError, message_of, one_line
from stylize.io import object_store
from stylize.io.files import local_copy
from stylize.io.location import LocalPath, Location, ObjectUri, as_location, existing, locate, respelt
from stylize.io.store_errors import read_or_end
from stylize.packed import HEAD_BYTES, packed
from stylize.stylizers import DEFAULT
from stylize.tasks import row_settings
from stylize.tasks.csv_rows import COLUMNS, RESULT, SURPLUS, Row, columns_of, csv_rows, name_of_column, unused
from stylize.tasks.listing import identity_of, uri_of, version_of
from stylize.tasks.task import MISSING, Input, Own, Pair

LOOK_AHEAD = 1024
_AT_ONCE = 32


@dataclass
class Seen:
    """What was seen of a list while it was read."""

    unused: list[str] = field(default_factory=list)
    """Columns that mean nothing here."""
    asked: dict[str, int] = field(default_factory=dict)
    """What rows ask for beyond a pair, `style_uris` for several artworks, and the first row that does."""


def read(uri: str, stylizer: str | None = DEFAULT, seen: Seen | None = None, role: str = "manifest") -> Iterator[Pair]:
    """Read pairs from a CSV or Parquet file, here or in an object store; relative paths are taken from its folder.

    stylizer: the method, which knows what `alpha` may be; None: pairs have results that are there already. Objects
    have no identity yet: `with_versions` asks for it. A row that cannot be used is a pair whose input says why. Raises
    UsageError for a file that cannot be used: it calls it by its role, names it and shows the header that was seen.
    """
    seen = seen if seen is not None else Seen()
    where = locate(uri)
    if isinstance(where, LocalPath):
        where = LocalPath(existing(where.path))
        if not where.path.is_file():
            there = "a folder" if where.path.is_dir() else "a device or pipe"
            what = f"{there}, not a file" if where.path.exists() else "no such file"
            raise UsageError(f"{role}: {what}: {one_line(uri)}")
    folder = where.absolute().parent
    with local_copy(where, role) as path:
        rows = _rows(path, f"{role} {one_line(uri)}", seen.unused.extend)
        number = 0
        for number, row in _without_meaning(rows, stylizer is None, seen, f"{role} {one_line(uri)}"):
            for name in row_settings.asked(row) if stylizer is not None else ():
                seen.asked.setdefault(name, number)
            yield _pair(row, one_line(uri), number, folder, stylizer)
        if number == 0:
            raise UsageError(f"{role} {one_line(uri)}: no rows below its header")


def _without_meaning(
    rows: Iterator[tuple[int, Row]], scored: bool, seen: Seen, called: str
) -> Iterator[tuple[int, Row]]:
    """Yield the rows, and note columns of other jobs. scored: the rows have results that are there already."""
    for index, (number, row) in enumerate(rows):
        if index == 0:
            if scored and RESULT not in row:
                raise UsageError(f"{called}: row {number} has no {RESULT}, which names the picture to score")
            seen.unused.extend(name for name in (row_settings.OWN if scored else (RESULT,)) if name in row)
        yield number, row


def refuse_impossible(uri: str, stylizer: str, seen: Seen, role: str = "manifest") -> None:
    """Raise UsageError where rows of the list ask for what the method has not, naming the first that does."""
    for name, number in seen.asked.items():
        if against := row_settings.cannot(stylizer, name):
            raise UsageError(f"{role} {one_line(uri)}: row {number} gives {name}, but {against}")


def _rows(path: Path, called: str, on_unused: Callable[[list[str]], None]) -> Iterator[tuple[int, Row]]:
    suffix = path.suffix.lower()
    try:
        with path.open("rb") as file:
            against = packed(file.read(HEAD_BYTES))
    except OSError as error:
        raise UsageError(f"{called}: {error.strerror}") from None
    if against:
        raise UsageError(f"{called}: {against}, or save a spreadsheet as CSV UTF-8")
    if suffix in (".csv", ".tsv", ".txt"):
        return csv_rows(path, called, on_unused)
    if suffix == ".parquet":
        return _parquet_rows(path, called, on_unused)
    raise UsageError(f"{called}: expected a .csv, .tsv, .txt or .parquet file")


def _pair(row: Row, named: str, number: int, folder: Location, stylizer: str | None) -> Pair:
    """Return a row's pair. named: the list, which with the row's number stands for what a bad row does not tell."""
    where = f"{named}: row {number}"

    def bad(problem: str | UsageError, known: Input | None = None) -> Input:
        text = f"{where}: {problem}" if isinstance(problem, UsageError) else f"{named}: {problem}"
        # Were its identity the file's, it would be the task of a row that lists the same and can be used.
        return replace(known or Input(where, "", None), identity=where, problem=text)

    if surplus := row.get(SURPLUS):
        return Pair(bad(surplus), bad(surplus))
    shares: tuple[float, ...] = ()
    own: Own = ()
    styles: list[Input] = []
    content = None
    try:
        styles = [_listed(one, row.get("style_type"), folder) for one in row_settings.artworks(row)]
        _check_keys(styles)
        shares = row_settings.shares(row, len(styles)) if styles else ()
    except UsageError as error:
        styles = [bad(error, *styles[:1]), *styles[1:]]
    styles = styles or [bad(f"row {number} has no style_uri")]
    try:
        given = row.get("content_uri")
        content = _listed(str(given), row.get("content_type"), folder) if given else None
        _check_keys([content] if content else [])
        own = row_settings.own_settings(row, stylizer) if stylizer is not None else ()
    except UsageError as error:
        content = bad(error, content)
    content = content or bad(f"row {number} has no content_uri")
    result = None
    if stylizer is None:
        try:
            given = row.get(RESULT)
            result = _listed(str(given), None, folder) if given else bad(f"row {number} has no {RESULT}")
        except UsageError as error:
            result = bad(error)
    return Pair(content, styles[0], tuple(styles[1:]), shares, own, result)


def _check_keys(listed: list[Input]) -> None:
    """Raise BadKeyError for an object that cannot be read in any store."""
    for one in listed:
        if not one.identity:  # as objects have none yet
            locate(one.uri).check()


def with_versions(stream: Iterator[Pair]) -> Iterator[Pair]:
    """Return the same pairs; objects among them get the identity that their store tells, many asked for at once."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while chunk := list(itertools.islice(stream, LOOK_AHEAD)):
            asked = {one.uri for pair in chunk for one in pair.inputs if not one.identity}
            known = dict(zip(asked, pool.map(_version, asked), strict=True))
            for pair in chunk:
                content, style, *others = (_known(one, known) for one in (pair.content, *pair.styles))
                result = _known(pair.result, known) if pair.result else None
                yield replace(pair, content=content, style=style, others=tuple(others), result=result)


def _known(one: Input, known: dict[str, str]) -> Input:
    return one if one.identity else replace(one, identity=known[one.uri])


def _version(uri: str) -> str:
    with read_or_end():
        try:
            where = as_location(uri)
            spellings = (where, *respelt(where)) if isinstance(where, ObjectUri) else ()
            entry = next(filter(None, map(object_store.head, spellings)), None)
        except (object_store.RefusedError, BadKeyError):
            return "unknown"  # its row will say why
    return MISSING if entry is None else version_of(entry)


def _listed(uri: str, named_type: Any, folder: Location) -> Input:
    type_ = None if named_type in (None, "") else _storable(str(named_type))
    where = folder.resolve(uri)
    if isinstance(where, ObjectUri):
        return Input(str(where), "", type_)
    path = where.absolute().path  # a/../b.jpg is the photo b.jpg
    identity = identity_of(path)
    if identity != MISSING and not path.is_file():
        raise UsageError(f"{'a folder' if path.is_dir() else 'a device or pipe'}, not a file: {one_line(path)}")
    return Input(uri_of(str(path)), identity, type_)


def _storable(text: str) -> str:
    """Return a text as a row can hold it: with escapes for bytes that are not UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def _parquet_rows(path: Path, called: str, on_unused: Callable[[list[str]], None]) -> Iterator[tuple[int, Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from stylize.io.parquet_files import iter_batches

    try:
        with pq.ParquetFile(path) as file:
            names = columns_of(file.schema_arrow.names, called)
            on_unused(unused(names))
            wanted = [name for name in file.schema_arrow.names if name_of_column(name) in COLUMNS]
            for name in wanted:
                _check_type(file.schema_arrow.field(name).type, name, names[name], called)
            number = 0
            for batch in iter_batches(path, file, 4096, wanted):
                for row in batch.to_pylist():
                    number += 1
                    yield number, {names[name]: _as_in_csv(value) for name, value in row.items()}
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{called}: not a Parquet file ({message_of(error)})") from None
    except ValueError as error:
        raise UsageError(f"{called}: {error}") from None


_TEXTS = ("content_uri", "style_uri", RESULT, "content_type", "style_type")


def _check_type(of: Any, name: str, meaning: str, called: str) -> None:
    """Raise UsageError for a column whose values have no form as text that anybody means."""
    import pyarrow.types as of_type

    of = of.value_type if of_type.is_dictionary(of) else of
    nested = of_type.is_nested(of) and (meaning in _TEXTS or not (of_type.is_list(of) or of_type.is_large_list(of)))
    if nested:
        raise UsageError(f"{called}: its column {one_line(name)} is of type {of}; give it as text")


def _as_in_csv(value: Any) -> Any:
    """Return a Parquet value as a CSV's cell would be read: bytes as text, without spaces around it, no NaN."""
    if isinstance(value, list):
        return [one if isinstance(one, float) else _as_in_csv(one) for one in value]  # a share that is NaN is told
    if isinstance(value, bytes):
        value = value.decode(errors="surrogateescape")
    if isinstance(value, str):
        return value.strip()
    return None if isinstance(value, float) and value != value else value
