"""Votes as rows of Parquet files in OUT/votes, here or in an object store: which of two results somebody preferred.

Each vote is a file of its own, complete and on the disk before `VoteStore.add` returns, so that several programs may
vote on one OUT and a kill loses nothing. `VoteStore.compact` puts many into one. No file is ever written over: a vote
that is changed while another program puts files together would go with the file that is then removed.
"""

from __future__ import annotations

import io
import os
import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stylize.errors import ImageError, UsageError, message_of, one_line
from stylize.io.files import Folder, read_bytes, sizes_below, writing
from stylize.io.location import LocalPath, Location, as_location, locate, normalized
from stylize.results.parts import are_times

FOLDER = "votes"
CHOICES = ("left", "right", "same")
VOTE_ID = re.compile(r"[0-9a-f]{32}")
COMPACTED_FILES = 50
"""Files from which on they are put into one: each takes a millisecond to read, in a store a request."""
MOST_BYTES = 64 * 2**20
"""Of a file: a million votes have less."""
MOST_UNPACKED_BYTES = 2**30
LONGEST_NAME = 100

_text = pa.string()
_OF_A_SIDE = (
    ("run_id", "column run_id of the row"),
    ("task_id", "column task_id of the row"),
    ("sha256", "column output_sha256 of the row"),
    ("method", "the method, as the viewer called it then,"),
)
_COLUMNS = (
    ("vote_id", _text, "names this vote: of several rows with it the one written last counts"),
    ("voted_at", pa.timestamp("us", tz="UTC"), "when it was written"),
    ("voter", _text, "who, as they called themselves"),
    ("choice", _text, "left, right, or same where the voter saw no better one"),
    ("content_uri", _text, "the photo of both results"),
    ("style_uri", _text, "the artwork of both results; of several the first"),
    *((f"left_{name}", _text, f"{what} of the picture on the left") for name, what in _OF_A_SIDE),
    *((f"right_{name}", _text, f"{what} of the picture on the right") for name, what in _OF_A_SIDE),
)
SCHEMA = pa.schema(
    [pa.field(name, kind, metadata={"unit": "", "meaning": meaning}) for name, kind, meaning in _COLUMNS],
    metadata={"votes_schema_version": "1"},
)
_MAY_BE_NULL = {"content_uri", "style_uri", "left_sha256", "right_sha256"}


def read_votes(out: str | os.PathLike[str]) -> pa.Table:
    """Return the votes on the results of an OUT, each once, oldest first; none where nobody has voted.

    Raises UsageError for an OUT that is not there and for a file that holds no votes, CannotContinueError of a store
    that does not answer.
    """
    where = locate(normalized(os.fspath(out) if isinstance(out, os.PathLike) else out))
    if isinstance(where, LocalPath) and not where.path.exists():
        raise UsageError(f"{one_line(out)} is not there: give the OUT of a run")
    return VoteStore(where).read()


class VoteStore:
    """The votes of one OUT. What cannot be written raises CannotContinueError with one line."""

    def __init__(self, out: str | Location) -> None:
        self._out = Folder(as_location(out))
        self._folder = self._out.location.join(FOLDER)

    def add(self, vote: dict[str, Any]) -> None:
        """Write one vote: when this returns, it is on the disk. It takes the place of one of the same `vote_id`.

        vote: columns; `voted_at` is now where it is not among them. Raises UsageError for what is no vote.
        """
        if unknown := vote.keys() - set(SCHEMA.names):
            raise UsageError(f"a vote has no {one_line(sorted(unknown)[0])}; it has {', '.join(SCHEMA.names)}")
        try:
            table = pa.Table.from_pylist([{"voted_at": datetime.now(UTC), **vote}], schema=SCHEMA)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise UsageError(f"what is given is no vote: {message_of(error)}") from None
        _check(table)
        if not VOTE_ID.fullmatch(vote["vote_id"]):
            raise UsageError("vote_id: expected 32 hexadecimal digits")
        if not 0 < len(vote["voter"]) <= LONGEST_NAME:
            raise UsageError(f"voter: expected a name of at most {LONGEST_NAME} characters")
        own = f"part-{vote['vote_id']}"
        earlier = [name for name in sizes_below(self._folder) if name.startswith(own)]
        self._write(f"{own}-{uuid.uuid4().hex}.parquet", table)
        for name in earlier:
            self._out.remove(f"{FOLDER}/{name}")

    def read(self) -> pa.Table:
        """Return all votes, as `read_votes` does."""
        return each_once(self._tables(self._names()).values())

    def compact(self) -> None:
        """Put the files of votes into one, where there are many or one has a row of a vote that was changed since.

        Votes that come meanwhile stay as they are.
        """
        tables = self._tables(self._names())
        votes = each_once(tables.values())
        if len(tables) < COMPACTED_FILES and len(votes) == sum(map(len, tables.values())):
            return
        self._write(f"part-{uuid.uuid4().hex}.parquet", votes)
        # Only now: between the two each vote is there twice, and counts once.
        for name in tables:
            self._out.remove(f"{FOLDER}/{name}")

    def _names(self) -> list[str]:
        sizes = sizes_below(self._folder)
        names = sorted(name for name in sizes if "/" not in name and not name.startswith((".", "_")))
        for name in names:
            if sizes[name] > MOST_BYTES:
                raise UsageError(f"{self._folder.join(name).shown} is too large for a file of votes: move it away")
        return names

    def _tables(self, names: list[str]) -> dict[str, pa.Table]:
        """Return the votes of these files; one that another program has put together with others meanwhile is gone."""
        tables = {}
        for name in names:
            where = self._folder.join(name)
            try:
                data = read_bytes(where)
            except ImageError as error:
                if name not in self._names():
                    return self._tables(self._names())
                raise UsageError(str(error)) from None
            try:
                tables[name] = _decoded(data)
            except (pa.ArrowException, OSError, ValueError, UsageError) as error:
                raise UsageError(
                    f"{where.shown} holds no votes that can be read ({message_of(error)}): restore it, or move it away"
                ) from None
        return tables

    def _write(self, name: str, table: pa.Table) -> None:
        data = io.BytesIO()
        pq.write_table(table, data, compression="zstd")
        where = f"{FOLDER}/{name}"
        with writing(Path(self._out.at(where))):
            self._out.write(where, data.getvalue(), durable=True)


def _decoded(data: bytes) -> pa.Table:
    """Return a file's votes. Raises ArrowException, ValueError and UsageError for what nobody has voted."""
    with pq.ParquetFile(io.BytesIO(data)) as file:
        if not file.schema_arrow.equals(SCHEMA):
            raise ValueError("other columns, or of a newer program")
        told = file.metadata
        # A vote's id alone takes 32 bytes, however it is compressed.
        unpacked = sum(told.row_group(number).total_byte_size for number in range(told.num_row_groups))
        if told.num_rows > len(data) or unpacked > MOST_UNPACKED_BYTES:
            raise ValueError("it is too small a file for so many votes")
        table = file.read(use_threads=False)
    table.validate(full=True)
    _check(table)
    return table


def _check(table: pa.Table) -> None:
    for name in table.column_names:
        if name not in _MAY_BE_NULL and table[name].null_count:
            raise UsageError(f"a vote has no {name}")
    if unknown := set(pc.unique(table["choice"]).to_pylist()) - set(CHOICES):
        raise UsageError(f"choice: {one_line(sorted(unknown)[0])}; expected {', '.join(CHOICES)}")
    if not are_times(table["voted_at"]):
        raise UsageError("a voted_at is no time")


def each_once(tables: Iterable[pa.Table]) -> pa.Table:
    """Return each vote of several files or OUTs as it was written last, oldest first: an OUT may be another's copy."""
    votes = pa.concat_tables([SCHEMA.empty_table(), *tables]).sort_by([("voted_at", "ascending")])
    last = {name: number for number, name in enumerate(votes["vote_id"].to_pylist())}
    return votes.take(pa.array(sorted(last.values()), pa.int64()))
