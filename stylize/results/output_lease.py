"""One driver per OUT in an object store: its lock is a lease that it renews, and that others take once it does not.

No clock of another machine is trusted: who wants the lock watches it for as long as a lease lasts, by its own clock,
and takes it only if it did not change, with a write that fails if it changes meanwhile. It then waits until the workers
of the driver before have looked at the new token.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from stylize import safe_json
from stylize.errors import CannotContinueError, one_line
from stylize.io import object_store, retry
from stylize.io.retry import RetryPolicy
from stylize.io.store_errors import write_or_end
from stylize.results.output_lock import FENCE_S, TOKEN, in_use, now_s

LEASE_S = 30.0
RENEW_S = 8.0
_AGAIN_S = 1.0
_LOCK = ".lock"
_WRITES = 3


class _Lease(NamedTuple):
    """What the lock says: its version in the store, and who holds it."""

    version: dict[str, str]
    holder: dict[str, Any]

    @property
    def is_free(self) -> bool:
        return bool(self.holder.get("free"))


class OutputLease:
    """Holds an OUT in an object store for one driver: `with OutputLease(uri, note) as lease: ...`.

    `note` gets a line if there is something to wait for. `token` is for the workers' `Fence`, as that of an OutputLock.
    `check` raises CannotContinueError once the lease may be another's: call it before a change to OUT. Entering raises
    CannotContinueError where another driver holds OUT or it may not be written.
    """

    def __init__(self, uri: str, note: Callable[[str], None]) -> None:
        self.uri = uri
        self.token = ""
        self._lock = f"{uri}/{_LOCK}"
        self._note = note
        self._version: dict[str, str] = {}
        self._renewed_s = 0.0
        self._lost = False
        self._why = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> OutputLease:
        self.token = secrets.token_hex(16)
        with write_or_end(self._lock):
            from_the_dead = self._take()
        self._thread.start()
        try:
            with write_or_end(self._lock):
                object_store.put(f"{self.uri}/{TOKEN}", self.token.encode(), guard=self.check)
            if from_the_dead:
                time.sleep(FENCE_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Leave OUT to whoever is next, at once."""
        self._stop.set()
        self._thread.join(timeout=RENEW_S)
        with contextlib.suppress(object_store.Conflict, OSError):
            if not self._lost:
                object_store.put(self._lock, self._holder(free=True), self._version, policy=retry.RENEW)

    def check(self) -> None:
        """Raise CannotContinueError if another run has taken OUT, or may have: renewing failed for too long."""
        if self._lost:
            raise CannotContinueError(f"{one_line(self.uri)} was taken over by another run; this one ends")
        # Earlier than others may take it, so that what is under way is over by then.
        if now_s() - self._renewed_s > LEASE_S * 0.75:
            raise CannotContinueError(
                f"{one_line(self.uri)}: its lock could not be renewed for {LEASE_S * 0.75:.0f} s, so another run may "
                f"have it{self._why}: run the same command again, it resumes"
            )

    def refuse_in_use(self) -> _Lease | None:
        """Raise CannotContinueError if a driver holds OUT; return what its lock says, None where there is none.

        Where a lock was not given back, this takes as long as a lease lasts.
        """
        before = self._look()
        if before is not None and not before.is_free:
            whose = f"{one_line(self.uri)} was in use by {_described(before.holder)}"
            self._note(f"{whose}: waiting {LEASE_S:.0f} s to see whether it still is")
            self._watch(before)
        return before

    def _take(self) -> bool:
        """Take the lock, and return whether it was that of a driver which did not give it back."""
        before = self.refuse_in_use()
        was_held = before is not None and not before.is_free
        try:
            self._write({} if before is None else before.version, retry.TAKE)
        except object_store.Conflict:
            now = self._look()
            raise self._in_use(now.holder if now else {}) from None
        return was_held

    def _watch(self, before: _Lease) -> None:
        """Raise CannotContinueError if the lock changes while a lease lasts, as its holder lives then."""
        until_s = now_s() + LEASE_S
        while now_s() < until_s:
            time.sleep(min(2.0, LEASE_S / 10))
            now = self._look()
            if now is None or now.is_free:
                # Given back just now: whoever comes next gets it, which may be another.
                raise self._in_use(before.holder)
            if now.version != before.version:
                raise self._in_use(now.holder)

    def _in_use(self, holder: dict[str, Any]) -> CannotContinueError:
        return in_use(self.uri, _described(holder))

    def _look(self, policy: RetryPolicy | None = None) -> _Lease | None:
        try:
            data, version = object_store.read_version(self._lock, policy)
        except FileNotFoundError:
            return None
        try:
            holder = safe_json.parse(data.decode("utf-8"))
        except ValueError:
            holder = {}
        return _Lease(version, holder if isinstance(holder, dict) else {})

    def _holder(self, free: bool = False) -> bytes:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        told = {"pid": os.getpid(), "host": socket.gethostname(), "renewed": now, "token": self.token, "free": free}
        return json.dumps(told).encode()

    def _write(self, over: dict[str, str], policy: RetryPolicy | None = None) -> None:
        """Write the lock over that version. Raises Conflict where it is another's, OSError where it cannot be done."""
        begun_s = now_s()

        def begin() -> None:
            nonlocal begun_s
            begun_s = now_s()

        for _ in range(_WRITES):
            try:
                put = object_store.put(self._lock, self._holder(), over, guard=begin, policy=policy or retry.RENEW)
            except object_store.Conflict:
                # A write whose answer was lost, tried again, meets its own first one, which is of some time ago.
                now = self._look(retry.RENEW)
                if now is None or now.holder.get("token") != self.token:
                    raise
                self._version = over = now.version
            else:
                self._version, self._renewed_s = put, begun_s
                return
        raise OSError(f"{one_line(self._lock)} could not be renewed: the answers to {_WRITES} writes were lost")

    def _keep(self) -> None:
        pause_s = RENEW_S
        while not self._stop.wait(pause_s):
            try:
                self._write(self._version)
                pause_s = RENEW_S
            except object_store.Conflict:
                self._lost = True
                return
            except OSError as error:
                self._why = f" ({error})"
                pause_s = min(_AGAIN_S, RENEW_S)  # `check` says when it has been too long


def _described(holder: dict[str, Any]) -> str:
    try:
        return f"another run (pid {holder['pid']} on {holder['host']}, seen {holder['renewed']})"
    except KeyError:
        return "another run"
