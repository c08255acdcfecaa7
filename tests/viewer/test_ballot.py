"""Votes on their way into OUT."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylize.errors import CannotContinueError
from stylize.votes import VoteStore
from tests.support.asked_viewer import Opened


def test_many_votes_are_put_together_as_they_come_where_that_can_be_done(
    opened: Opened, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def voted(number: int) -> int:
        assert opened.vote(vote_id=f"{number:032x}", voter=f"voter {number}").json() == {"taken": True}
        return len(list((out / "votes").iterdir()))

    for module in ("viewer.ballot", "votes.store"):
        monkeypatch.setattr(f"stylize.{module}.COMPACTED_FILES", 3)
    assert [voted(number) for number in range(4)] == [1, 2, 1, 2]
    assert len(opened.get("votes").json()) == 4
    monkeypatch.setattr(VoteStore, "compact", lambda self: (_ for _ in ()).throw(CannotContinueError("read-only")))
    assert [voted(number) for number in (4, 5)] == [3, 4]
    opened.viewer.ballot.compact()
