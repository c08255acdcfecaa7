"""CSV files as people and their spreadsheets write them."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from stylize.errors import UsageError, counted, nearest, one_line
from stylize.tasks.row_settings import MIXES, OWN, SHARES

RESULT = "result_uri"
COLUMNS = ("content_uri", "style_uri", RESULT, "content_type", "style_type", MIXES, SHARES, *OWN)
"""What a list of pairs may have; the first it must, and one of those that name artworks."""
MISTYPED = 0.8
"""How alike an unknown column and a known one are that is most likely meant, from 0 to 1."""
SURPLUS = "too many fields"
"""Under this name, which no column has as it is meant, a row says that it has more fields than the header."""

Row = dict[str, Any]
"""A column's name, in small letters, to what a row has in it."""

_SEPARATORS = ",;\t"
_SEPARATOR_LINE = re.compile(r'"?sep=([^"\r\n])"?\s*', re.IGNORECASE)


def csv_rows(path: Path, called: str, on_unused: Callable[[list[str]], None]) -> Iterator[tuple[int, Row]]:
    """Yield each row that is not empty with its number, from 1 below the header.

    Raises UsageError for a file that is no text or lacks a column that it must have. called: the file in messages.
    on_unused: is told the columns that mean nothing here.
    """
    try:
        with path.open(newline="", encoding=_encoding(path)) as file:
            filled = (line for line in file if line.strip())
            first = next(filled, "")
            given = _SEPARATOR_LINE.fullmatch(first)
            header = next(filled, "") if given else first
            separator = given[1] if given else _separator(header)
            text = _Text(itertools.chain([header], file))
            lines = csv.reader(text, delimiter=separator, skipinitialspace=True)
            names = next(lines, [])
            known = columns_of(names, called)
            on_unused(unused(names))
            for number, fields in enumerate(lines, start=1):
                if text.ended:  # which is asked for more only within quotes
                    raise UsageError(f"{called}: the quote that opens in row {number} is never closed")
                fields = [field.strip() for field in fields]
                if any(fields):
                    yield number, _row([known[name] for name in names], fields, number)
    except UnicodeError:
        raise UsageError(f"{called}: not in UTF-8; in Excel, save it as `CSV UTF-8`") from None
    except csv.Error as error:
        hint = "; is a quote never closed?" if "limit" in str(error) else ""
        raise UsageError(f"{called}: not a CSV file ({error}){hint}") from None
    except OSError as error:
        raise UsageError(f"{called}: {error.strerror}") from None


class _Text:
    """Lines, and whether more of them were asked for than there are."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        yield from self._lines
        self.ended = True


def columns_of(names: Iterable[str], called: str) -> dict[str, str]:
    """Return what each name of a header means.

    Raises UsageError where it lacks one, has one twice, or has one that is most likely a known one mistyped.
    """
    names = list(names)
    known = {name: name_of_column(name) for name in names}
    meant = list(known.values())
    seen = f"its header is {', '.join(names)}" if any(names) else "it has no header"
    missing = [] if "content_uri" in meant else ["no column content_uri"]
    if "style_uri" not in meant and MIXES not in meant:
        missing.append("no column style_uri")
    mistyped = _mistyped(known)
    if mistyped and not missing:
        raise UsageError(f"{called}: {mistyped}; {one_line(seen)}")
    if missing:
        raise UsageError(f"{called}: {' and '.join(missing)}; {one_line(seen)}")
    twice = next((name for name in COLUMNS if meant.count(name) > 1 or names.count(name) > 1), None)
    if twice:
        raise UsageError(f"{called}: two columns {twice}; {one_line(seen)}")
    return known


def name_of_column(name: str) -> str:
    """Return a column's name as it is meant: `Content URI ` is content_uri, `Resolution (px)` resolution_px."""
    # `alpha (%)` is not alpha.
    return re.sub(r"[^\w%]+", "_", name.casefold()).strip("_")


def unused(names: Iterable[str]) -> list[str]:
    """Return the names of a header's columns that mean nothing here."""
    return [name.strip() for name in names if name.strip() and name_of_column(name) not in COLUMNS]


def _mistyped(known: dict[str, str]) -> str | None:
    """Return a question about a column that is close to one that the header lacks, None where there is none."""
    lacking = [name for name in COLUMNS if name not in known.values() and name != RESULT]
    for name, meant in known.items():
        if meant in COLUMNS:
            continue
        # Of those that begin with the same word the rest decides: style_artist is no style_uris.
        word, _, rest = meant.partition("_")
        alike = {one.partition("_")[2]: one for one in lacking if rest and one.startswith(f"{word}_")}
        near = alike.get(nearest(rest, alike, MISTYPED) or "") if alike else nearest(meant, lacking, MISTYPED)
        if near:
            return f"unknown column {name.strip()!r}; did you mean {near}?"
    return None


def _row(names: list[str], fields: list[str], number: int) -> Row:
    row: Row = dict(zip(names, fields, strict=False))
    surplus = [field for field in fields[len(names) :] if field]
    if surplus:
        counts = f"{counted(len(fields), 'field')}, the header {len(names)}"
        row[SURPLUS] = f"row {number} has {counts}: quote what has a separator in it"
    return row


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    # Without a mark: of a text that begins in ASCII, every other byte is none.
    if len(head) == 4 and head[1] == head[3] == 0:
        return "utf-16-le"
    if len(head) == 4 and head[0] == head[2] == 0:
        return "utf-16-be"
    return "utf-8-sig"


def _separator(header: str) -> str:
    """Return the separator that gives the most names that are known, or else the most names."""

    def fits(separator: str) -> tuple[int, int]:
        names = next(csv.reader([header], delimiter=separator, skipinitialspace=True), [])
        return sum(name_of_column(name) in COLUMNS for name in names), len(names)

    return max(_SEPARATORS, key=fits)
