"""One driver per OUT in an object store."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stylize import objects
from stylize.errors import CannotContinueError
from stylize.results import lease as leases
from stylize.results.lease import OutLease
from stylize.results.lock import Fence
from stylize.storage import Folder
from tests.s3 import Bucket, bucket

OUT = "s3://pictures/out"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setattr(leases, "LEASE_S", 2.0)
    monkeypatch.setattr(leases, "RENEW_S", 0.4)
    with bucket() as made:
        yield made


def silent(text: str) -> None:
    """Nobody reads it."""


def dead(lease: OutLease) -> None:
    """As after a kill: nobody renews it, nobody gives it back."""
    lease.__enter__()
    lease._stop.set()
    lease._thread.join()


def test_second_driver_is_refused_while_the_first_lives(s3: Bucket) -> None:
    told: list[str] = []
    with OutLease(OUT, silent) as first:
        with pytest.raises(CannotContinueError, match=r"s3://pictures/out is in use by another run \(pid \d+ on "):
            OutLease(OUT, told.append).__enter__()
        first.check()
        Fence(Folder(OUT), first.token)()
    assert "waiting 2 s to see whether it still is" in told[0]


def test_out_is_free_at_once_when_its_holder_leaves(s3: Bucket) -> None:
    told: list[str] = []
    for _ in range(2):
        with OutLease(OUT, told.append):
            pass
    assert told == []


def test_killed_driver_s_out_is_taken_after_a_lease_and_its_workers_are_fenced_off(s3: Bucket) -> None:
    first = OutLease(OUT, silent)
    dead(first)
    began = time.monotonic()
    with OutLease(OUT, silent) as second:
        assert time.monotonic() - began >= 2
        with pytest.raises(CannotContinueError, match="taken over by another run"):
            Fence(Folder(OUT), first.token)()
        Fence(Folder(OUT), second.token)()
        with pytest.raises(CannotContinueError, match="could not be renewed"):
            first.check()


def test_of_two_that_wait_for_a_dead_lock_one_gets_it(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    dead(OutLease(OUT, silent))
    version = leases.OutLease(OUT, silent)._look()
    assert version is not None
    with OutLease(OUT, silent):
        late = OutLease(OUT, silent)
        late.token = "late"
        with pytest.raises(objects.Conflict):
            late._write(version[0])


def test_holder_whose_lock_was_taken_ends(s3: Bucket) -> None:
    with OutLease(OUT, silent) as held:
        s3.put("out/.lock", json.dumps({"token": "another"}).encode())
        deadline = time.monotonic() + 10
        while not held._lost:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with pytest.raises(CannotContinueError, match="taken over by another run"):
            held.check()
    assert json.loads(objects.read(f"{OUT}/.lock")) == {"token": "another"}  # it is not given away


def test_renewal_whose_answer_was_lost_is_no_conflict(s3: Bucket) -> None:
    with OutLease(OUT, silent) as held:
        held._stop.set()
        held._thread.join()
        s3.s3.faults = ["cut"]
        held._write(held._version)
        held._write(held._version)


def test_lock_says_nothing_of_credentials(s3: Bucket) -> None:
    with OutLease(OUT, silent):
        told = objects.read(f"{OUT}/.lock") + objects.read(f"{OUT}/.run")
    assert b"KEY-ID-HERE" not in told
    assert b"SECRET" not in told


def test_local_fence_holds_as_before(tmp_path: Path) -> None:
    (tmp_path / ".run").write_text("mine")
    Fence(Folder(str(tmp_path)), "mine")()
    with pytest.raises(CannotContinueError, match="taken over"):
        Fence(Folder(str(tmp_path)), "another's")()
