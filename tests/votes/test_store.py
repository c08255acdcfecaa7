"""Votes on the disk and in a store: each once, whatever happens."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stylize.errors import CannotContinueError, UsageError
from stylize.votes import SCHEMA, VoteStore, read_votes
from stylize.votes.store import COMPACTED_FILES
from tests.support.s3 import Bucket, bucket
from tests.support.votes import vote


@pytest.fixture(scope="module")
def s3() -> Iterator[Bucket]:
    with bucket() as made:
        yield made


def test_votes_are_read_as_they_were_given(tmp_path: Path) -> None:
    store = VoteStore(str(tmp_path))
    given = [vote(number, choice) for number, choice in enumerate(("left", "right", "same"))]
    for number, one in enumerate(given, 1):
        store.add(one)
        assert len(read_votes(str(tmp_path))) == number  # whatever becomes of this process now
    read = [{name: value for name, value in one.items() if name != "voted_at"} for one in store.read().to_pylist()]
    assert read == given
    assert len(pd.read_parquet(tmp_path / "votes")) == 3


def test_a_vote_that_was_sent_twice_counts_once(tmp_path: Path) -> None:
    store = VoteStore(str(tmp_path))
    store.add(vote(1))
    store.add(vote(1))
    assert len(store.read()) == 1


def test_a_vote_that_was_changed_counts_as_changed_and_is_one_row(tmp_path: Path) -> None:
    store = VoteStore(str(tmp_path))
    store.add(vote(1, "left"))
    store.add(vote(1, "right"))
    assert store.read()["choice"].to_pylist() == ["right"]
    assert pd.read_parquet(tmp_path / "votes")["choice"].tolist() == ["right"]


def test_a_vote_that_was_changed_after_files_were_put_together_counts_as_changed(tmp_path: Path) -> None:
    store = VoteStore(str(tmp_path))
    for number in range(COMPACTED_FILES):
        store.add(vote(number, "left"))
    VoteStore(str(tmp_path)).compact()
    store.add(vote(3, "right"))
    newest = pd.read_parquet(tmp_path / "votes").sort_values("voted_at").drop_duplicates("vote_id", keep="last")
    for read in (store.read().to_pandas(), newest):
        assert read.set_index("vote_id")["choice"].value_counts().to_dict() == {"left": COMPACTED_FILES - 1, "right": 1}
    store.compact()
    assert pd.read_parquet(tmp_path / "votes").equals(store.read().to_pandas())


def test_a_vote_that_is_changed_while_files_are_put_together_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = VoteStore(str(tmp_path)), VoteStore(str(tmp_path))
    for number in range(COMPACTED_FILES):
        store.add(vote(number, "left"))
    written = store._write

    def write(name: str, table: pa.Table) -> None:
        written(name, table)
        other.add(vote(3, "right"))

    with monkeypatch.context() as patch:
        patch.setattr(store, "_write", write)
        store.compact()
    assert store.read()["choice"].to_pylist().count("right") == 1
    assert len(store.read()) == COMPACTED_FILES


def test_there_are_no_votes_where_nobody_voted(tmp_path: Path) -> None:
    assert read_votes(str(tmp_path)).num_rows == read_votes(tmp_path).num_rows == 0


@pytest.mark.parametrize(
    ("out", "told"), [(Path("nowhere"), "is not there: give the OUT of a run"), (3, "expected a path, got 3")]
)
def test_votes_of_what_is_no_out_are_a_wrong_call(out: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_votes(out)


def test_many_files_become_one_and_no_vote_is_lost_or_counted_twice(tmp_path: Path) -> None:
    store = VoteStore(str(tmp_path))
    for number in range(COMPACTED_FILES):
        store.add(vote(number))
    before = store.read()
    store.compact()
    assert len(list((tmp_path / "votes").iterdir())) == 1
    assert store.read().equals(before)
    store.add(vote(0))  # sent again by a page that had no answer
    assert len(store.read()) == COMPACTED_FILES


def test_a_kill_while_files_are_put_together_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = VoteStore(str(tmp_path))
    for number in range(COMPACTED_FILES):
        store.add(vote(number))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            store.compact()
    assert len(list((tmp_path / "votes").iterdir())) == COMPACTED_FILES + 1
    assert len(store.read()) == COMPACTED_FILES


def test_votes_in_a_store(s3: Bucket) -> None:
    store = VoteStore("s3://pictures/out")
    for number in range(3):
        store.add(vote(number))
    assert len(read_votes("s3://pictures/out")) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"choice": "both"},
        {"voter": ""},
        {"voter": "x" * 101},
        {"vote_id": "../../x"},
        {"left_task_id": None},
        {"voter": 5},
        {"voter": "\ud800"},
        {"voted_at": "yesterday"},
        {"colour": "red"},
    ],
)
def test_what_is_no_vote_is_not_written(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        VoteStore(str(tmp_path)).add(vote(0, **changes))
    assert not (tmp_path / "votes").exists()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("a,b"),
    "nothing": lambda path: path.write_bytes(b""),
    "other columns": lambda path: pq.write_table(pa.table({"a": [1]}), path),
    "an unknown choice": lambda path: pq.write_table(
        pa.Table.from_pylist([vote(0, "both") | {"voted_at": 1}], schema=SCHEMA), path
    ),
    "a vote at no time": lambda path: pq.write_table(
        pa.Table.from_pylist([vote(0) | {"voted_at": 2**62}], schema=SCHEMA), path
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_holds_no_votes_is_one_line(tmp_path: Path, damage: str) -> None:
    (tmp_path / "votes").mkdir()
    DAMAGES[damage](tmp_path / "votes" / "part-x.parquet")
    with pytest.raises(UsageError) as refused:
        read_votes(str(tmp_path))
    assert "part-x.parquet" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_pipe_is_passed_over(tmp_path: Path) -> None:
    VoteStore(str(tmp_path)).add(vote(0))
    os.mkfifo(tmp_path / "votes" / "part-x.parquet")
    assert len(read_votes(str(tmp_path))) == 1


def test_no_vote_is_written_through_a_link_out_of_out(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "votes").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotContinueError):
        VoteStore(str(tmp_path / "out")).add(vote(0))
    assert not list((tmp_path / "elsewhere").iterdir())
