"""One driver per OUT in an object store."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

from stylize.errors import CannotContinueError
from stylize.io import object_store, retry
from stylize.io.files import Folder
from stylize.results import output_lease as leases
from stylize.results import output_lock as locks
from stylize.results.output_lease import OutputLease
from stylize.results.output_lock import Fence
from stylize.results.remote_parts import Mirror
from tests.support.s3 import Bucket, bucket

OUT = "s3://pictures/out"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setattr(leases, "LEASE_S", 4.0)
    monkeypatch.setattr(leases, "RENEW_S", 0.4)
    monkeypatch.setattr(leases, "FENCE_S", 0.3)
    with bucket() as made:
        yield made


def silent(text: str) -> None:
    """Nobody reads it."""


def wait_until(ready: Callable[[], bool]) -> None:
    """Wait for the thread that renews."""
    deadline = time.monotonic() + 120
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_second_driver_is_refused_while_the_first_lives(s3: Bucket) -> None:
    told: list[str] = []
    with OutputLease(OUT, silent) as first:
        with pytest.raises(CannotContinueError, match=r"s3://pictures/out is in use by another run \(pid \d+ on "):
            OutputLease(OUT, told.append).__enter__()
        first.check()
        Fence(Folder(OUT), first.token)()
    assert "waiting 4 s to see whether it still is" in told[0]


def test_whether_out_is_in_use_is_told_without_a_change(s3: Bucket) -> None:
    OutputLease(OUT, silent).refuse_in_use()
    assert object_store.head(f"{OUT}/.lock") is None
    with OutputLease(OUT, silent) as first:
        with pytest.raises(CannotContinueError, match="is in use by another run"):
            OutputLease(OUT, silent).refuse_in_use()
        first.check()
    OutputLease(OUT, silent).refuse_in_use()


def test_out_is_free_at_once_when_its_holder_leaves(s3: Bucket) -> None:
    told: list[str] = []
    for _ in range(2):
        with OutputLease(OUT, told.append):
            pass
    assert told == []


def test_killed_driver_s_out_is_taken_once_after_a_lease_and_its_workers_are_fenced_off(s3: Bucket) -> None:
    first, late = OutputLease(OUT, silent), OutputLease(OUT, silent)
    first.__enter__()
    # As after a kill: nobody renews it, nobody gives it back.
    first._stop.set()
    first._thread.join()
    before = late._look()
    assert before is not None
    began = time.monotonic()
    with OutputLease(OUT, silent) as second:
        assert time.monotonic() - began >= 4.3
        with pytest.raises(CannotContinueError, match="taken over by another run"):
            Fence(Folder(OUT), first.token)()
        Fence(Folder(OUT), second.token)()
        with pytest.raises(CannotContinueError, match="could not be renewed"):
            first.check()
        late.token = "late"  # of another that waited as long
        with pytest.raises(object_store.Conflict):
            late._write(before.version)


def test_store_that_is_gone_is_named_and_not_another_run_alone(s3: Bucket) -> None:
    with OutputLease(OUT, silent) as held:
        s3.s3.faults = [500] * 500
        wait_until(lambda: held._why != "")
        held._renewed_s -= 10
        with pytest.raises(
            CannotContinueError, match=r"so another run may have it \(s3://pictures/out/.lock could not be"
        ):
            held.check()
        s3.s3.faults = []


def test_holder_whose_lock_was_taken_ends(s3: Bucket) -> None:
    with OutputLease(OUT, silent) as held:
        s3.put("out/.lock", json.dumps({"token": "another"}).encode())
        wait_until(lambda: held._lost)
        with pytest.raises(CannotContinueError, match="taken over by another run"):
            held.check()
    assert json.loads(object_store.read(f"{OUT}/.lock")) == {"token": "another"}  # it is not given away


def test_renewal_whose_answer_was_lost_is_no_conflict(s3: Bucket) -> None:
    with OutputLease(OUT, silent) as held:
        held._stop.set()
        held._thread.join()
        s3.s3.faults = ["cut"]
        held._write(held._version)
        held._write(held._version)


def test_a_write_of_some_time_ago_that_is_found_is_no_renewal(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    with OutputLease(OUT, silent) as held:
        held._stop.set()
        held._thread.join()
        older = held._version
        time.sleep(1.1)  # what a lock says, and so its version, changes every second
        held._write(older)
        held._version = older  # as if the answer had been lost
        clock_s = held._renewed_s
        monkeypatch.setattr(leases, "now_s", lambda: clock_s + 1.4)
        s3.s3.requests, s3.s3.faults = 0, [None, None, 503, 503, 503]
        with pytest.raises(OSError, match="could not be written"):
            held._write(held._version)  # a conflict, a look, and a write that fails
        assert s3.s3.requests == 5
        assert held._renewed_s == clock_s
        s3.s3.faults = []
        held._write(older)
        assert held._renewed_s == clock_s + 1.4


def test_one_stalled_renewal_does_not_lose_out(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "RENEW", retry.RENEW._replace(request_s=0.3, total_s=0.2))
    with OutputLease(OUT, silent) as held:
        s3.s3.faults = [30.0]
        wait_until(lambda: s3.s3.faults == [])
        before_s = held._renewed_s
        wait_until(lambda: held._renewed_s > before_s)
        held.check()


def test_failed_renewal_is_tried_again_soon(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_AGAIN_S", 0.05)
    held, tried, pauses = OutputLease(OUT, silent), [], []
    wait = held._stop.wait

    def fails(over: dict[str, str]) -> None:
        tried.append(over)
        raise OSError("no answer")

    def noted(pause_s: float) -> bool:
        pauses.append(pause_s)
        return wait(pause_s)

    monkeypatch.setattr(held._stop, "wait", noted)
    with held:
        monkeypatch.setattr(held, "_write", fails)
        wait_until(lambda: len(tried) > 1)
        assert pauses[-1] == 0.05


def test_time_in_which_the_machine_is_suspended_counts(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locks._CLOCK == time.CLOCK_BOOTTIME
    with OutputLease(OUT, silent) as held:
        fence = Fence(Folder(OUT), held.token)
        fence()
        held._stop.set()
        held._thread.join()
        ahead_s = time.clock_gettime(time.CLOCK_BOOTTIME) + 60
        monkeypatch.setattr(time, "clock_gettime", lambda _: ahead_s)
        with pytest.raises(CannotContinueError, match="could not be renewed"):
            held.check()
        s3.s3.requests = 0
        fence()
        assert s3.s3.requests == 1


def test_part_that_was_written_while_out_was_lost_is_taken_back(s3: Bucket) -> None:
    lost: list[str] = []

    def check() -> None:
        if s3.s3.requests:
            lost.append("once")
            raise CannotContinueError("another run has it")

    mirror = Mirror(f"{OUT}/rows", check)
    s3.put("out/rows/part-0", b"rewritten")
    for name, new in (("part-0", False), ("part-1", True)):
        s3.s3.requests = 0
        with pytest.raises(CannotContinueError, match="another run has it"):
            mirror.put(name, b"rows", new=new)
    assert [info.name for info in object_store.names(f"{OUT}/rows")] == ["part-0"]
    assert len(lost) == 2


def test_lock_says_nothing_of_credentials(s3: Bucket) -> None:
    with OutputLease(OUT, silent):
        told = object_store.read(f"{OUT}/.lock") + object_store.read(f"{OUT}/.run")
    assert b"KEY-ID-HERE" not in told
    assert b"SECRET" not in told
