"""One driver per OUT: a lock that dies with its holder, and a token that fences off a dead driver's workers."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import secrets
import socket
import time
import weakref
from pathlib import Path

from stylize import safe_json
from stylize.errors import CannotContinueError, one_line
from stylize.io.files import Folder, cannot_write, write_atomic, writing
from stylize.io.location import ObjectUri

_LOCK, TOKEN = ".lock", ".run"
FENCE_S = 5.0
# A child that a killed driver was just starting holds the lock until it execs: wait a moment before refusing.
_GRACE_S = 0.5
# It goes on while the machine is suspended, when others' leases run out and CLOCK_MONOTONIC stands still.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_s() -> float:
    """Return seconds since some moment; those in which the machine is suspended count where the system can tell."""
    return time.clock_gettime(_CLOCK)


class OutputLock:
    """Holds OUT for one driver: `with OutputLock(out) as lock: ...`.

    The kernel releases it when the process ends, however it ends. `token` is fresh each time: pass it to
    the workers, which ask a `Fence` before they put a file in place, as those of a killed driver may
    live on for some seconds. Entering makes OUT if need be, and raises CannotContinueError when another
    driver holds it or it may not be written.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.token = ""
        self._descriptor: int | None = None

    def __enter__(self) -> OutputLock:
        with writing(self.out):
            self.out.mkdir(parents=True, exist_ok=True)
        with writing(self.out / _LOCK):
            # close-on-exec, os.open's default: a worker that outlives the driver must not hold the lock
            # no link is followed: what it leads to would be written over
            self._descriptor = os.open(self.out / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        _held.add(self)
        try:
            self._lock(self._descriptor)
            token = secrets.token_hex(16)
            with writing(self.out / TOKEN):
                write_atomic(self.out / TOKEN, token.encode())
        except BaseException:
            self.release()
            raise
        self.token = token
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let go of OUT. By closing only: LOCK_UN in a forked child would take it from the parent."""
        _held.discard(self)
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # the disk of OUT may have gone; it is closed all the same
                os.close(self._descriptor)
            self._descriptor = None

    def _lock(self, descriptor: int) -> None:
        _wait_for(self.out, descriptor)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        holder = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now})
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)
        except OSError as error:
            raise cannot_write(self.out / _LOCK, error) from error


class Fence:
    """Guards OUT for the workers of the driver that has `token`: a call raises CannotContinueError once another has it.

    In an object store it looks every FENCE_S seconds only, as each look is a request: who takes OUT over from a dead
    driver waits as long, after the new token is there, before it goes on.
    """

    def __init__(self, out: Folder, token: str) -> None:
        self._out, self._token = out, token
        self._looked_s = -FENCE_S

    def __call__(self) -> None:
        now = now_s()
        if isinstance(self._out.location, ObjectUri) and now - self._looked_s < FENCE_S:
            return
        try:
            token = self._out.read(TOKEN)
        except OSError as error:
            raise CannotContinueError(f"{error}: run the same command again, it resumes") from error
        if token is None:
            raise CannotContinueError(f"{self._out} is gone, or is another one here: it has no lock of this run")
        if token != self._token.encode():
            raise CannotContinueError(f"{self._out} was taken over by another run; this one's result was dropped")
        self._looked_s = now


def refuse_in_use(out: Path) -> None:
    """Raise CannotContinueError if a driver holds OUT, or it could not be held; nothing is made or written."""
    try:
        descriptor = os.open(out / _LOCK, os.O_RDWR)
    except OSError:  # no run has been here, or what is wrong is said where it is written
        return
    try:
        _wait_for(out, descriptor)
    finally:
        os.close(descriptor)


def in_use(out: Path | str, holder: str) -> CannotContinueError:
    """Return the error of an OUT that another driver has."""
    return CannotContinueError(f"{one_line(out)} is in use by {holder}: wait for it, stop it, or give another OUT")


def _wait_for(out: Path, descriptor: int) -> None:
    """Take the lock. Raises CannotContinueError where another has it for longer than _GRACE_S."""
    try:
        deadline_s = time.monotonic() + _GRACE_S
        while not _taken(descriptor):
            if time.monotonic() > deadline_s:
                raise in_use(out, _holder(descriptor))
            time.sleep(_GRACE_S / 20)
    except OSError as error:
        advice = "give an OUT on a disk with file locks"
        raise CannotContinueError(f"{one_line(out)} cannot be locked ({error.strerror}): {advice}") from error


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    try:
        told = safe_json.parse(os.pread(descriptor, 4096, 0).decode("utf-8"))
        return f"another run (pid {told['pid']} on {told['host']}, since {told['since']})"
    except (ValueError, KeyError, TypeError):  # it has the lock but has not yet written who it is
        return "another run"


_held: weakref.WeakSet[OutputLock] = weakref.WeakSet()


def _close_in_child() -> None:
    for lock in list(_held):
        lock.release()


# close-on-exec does nothing for a child that is forked and never execs, such as multiprocessing's
os.register_at_fork(after_in_child=_close_in_child)
