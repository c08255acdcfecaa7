"""Blind votes through the page: what was voted before, by numbers of rows, and new votes into OUT/votes."""

from __future__ import annotations

import contextlib
import threading
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from stylize.errors import CannotContinueError, StylizeError, UsageError, one_line
from stylize.validation import first_problem
from stylize.viewer.alike import COMPARED
from stylize.viewer.table import Table
from stylize.votes import VoteStore
from stylize.votes.store import COMPACTED_FILES, each_once

Answer = Literal["taken", "judged before", "of other runs"]


class _Given(BaseModel):
    """What the page sends."""

    model_config = ConfigDict(extra="forbid", strict=True)

    vote_id: str
    voter: str
    choice: str
    left_run_id: str
    left_task_id: str
    right_run_id: str
    right_task_id: str
    by: str = "method"
    """The column whose values were held against each other."""


class Ballot:
    """Votes on the rows of a table. Those on two runs' results go into the one that was given first."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._stores = [VoteStore(home) for home in table.homes]
        self._writing = threading.Lock()
        self._added = 0

    def compact(self) -> None:
        """Put many files of votes into one, in OUTs that may be written. Raises as `read_votes` does."""
        for store in self._stores:
            with contextlib.suppress(CannotContinueError):  # no vote depends on it
                store.compact()

    def votes(self) -> list[dict[str, Any]]:
        """Return the votes on these rows: voter, choice, and the rows' numbers. Raises as `read_votes` does."""
        return [{name: one[name] for name in ("voter", "choice", "left", "right")} for one in self._known()]

    def _known(self) -> list[dict[str, Any]]:
        votes = each_once(store.read() for store in self._stores).to_pylist()
        sides = [
            self._table.find([one[f"{side}_run_id"] for one in votes], [one[f"{side}_task_id"] for one in votes])
            for side in ("left", "right")
        ]
        return [
            {**one, "left": left, "right": right}
            for one, left, right in zip(votes, *sides, strict=True)
            if left is not None and right is not None
        ]

    def add(self, body: bytes) -> Answer:
        """Write a vote that the page sent, or say why it is not written.

        The page names rows as votes do: what it keeps while no viewer answers may come to that of other runs. Raises
        UsageError for what is no vote on two results of the same photo and artwork, CannotContinueError where it cannot
        be written.
        """
        try:
            given = _Given.model_validate_json(body)
        except ValidationError as error:
            raise UsageError(f"no vote: {first_problem(error)}") from None
        table = self._table
        if given.by not in COMPARED:
            raise UsageError(f"no vote: nothing is compared by {one_line(given.by)}; known: {', '.join(COMPARED)}")
        found = table.find([given.left_run_id, given.right_run_id], [given.left_task_id, given.right_task_id])
        rows = [row for row in found if row is not None]
        if len(rows) < 2:
            return "of other runs"
        self._check(rows)
        vote = given.model_dump(exclude={"by"})
        vote |= {name: table.value(name, rows[0]) for name in ("content_uri", "style_uri")}
        for side, row in zip(("left", "right"), rows, strict=True):
            vote |= {f"{side}_sha256": table.value("output_sha256", row), f"{side}_method": self._method(row, given.by)}
        with self._writing:
            if self._is_judged(given, set(rows)):
                return "judged before"
            self._stores[min(table.run_of[row] for row in rows)].add(vote)
            self._added += 1
            if self._added % COMPACTED_FILES == 0:  # all are read for each vote
                with contextlib.suppress(StylizeError):
                    self.compact()
        return "taken"

    def _check(self, rows: list[int]) -> None:
        table = self._table
        if rows[0] == rows[1] or any(table.value("status", row) != "ok" for row in rows):
            raise UsageError("no vote: expected two rows with results")
        for name in ("content_uri", "style_uri", "style_uris"):
            if table.value(name, rows[0]) != table.value(name, rows[1]):
                raise UsageError("no vote: these are not results of the same photo and artwork")

    def _is_judged(self, given: _Given, rows: set[int]) -> bool:
        """Return whether the voter has judged these two by another vote. Raises UsageError for a vote of others."""
        try:
            known = self._known()
        except UsageError as error:  # the vote is not at fault, and is to be kept
            raise CannotContinueError(str(error)) from None
        own = [one for one in known if one["voter"] == given.voter and {one["left"], one["right"]} == rows]
        if any(one["vote_id"] == given.vote_id for one in known):
            if any(one["vote_id"] == given.vote_id for one in own):
                return False
            raise UsageError("no vote: its vote_id is that of another voter, or of other results")
        return bool(own)

    def _method(self, row: int, by: str) -> str:
        """Return what made a result, with what it was held against the other one for, beside its method."""
        method = str(self._table.value("method", row))
        return method if by == "method" else f"{method}, {by} {self._table.value(by, row)}"
