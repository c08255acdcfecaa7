"""Ctrl-C, and SIGTERM, which `ray job stop` and machines that are taken back send: a run ends with its rows written."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from jobs.scheduler.ray_runtime import head_lost, told
from stylize import cli
from stylize.errors import CannotContinueError

INSIST_S = 2.0
_asked: list[int] = []


def run(main: Callable[[Sequence[str]], int]) -> None:
    """As `cli.run`; both signals interrupt from the first moment to the last line."""
    with on_signals():
        try:
            cli.run(main)
        except SystemExit as done:
            if head_lost() is not None:
                # Ray's own end would ask the head, and wait for it.
                sys.stdout.flush()
                os._exit(int(done.code or 0))
            raise


@contextlib.contextmanager
def on_signals() -> Iterator[None]:
    """Within it, both raise KeyboardInterrupt. One may be within another.

    A lost head, which calls SIGTERM's handler, comes out of it as CannotContinueError.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(number, signal.signal(number, _end)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    except (KeyboardInterrupt, SystemError):
        # SystemError: what Ray's compiled code makes of an exception that comes while it waits.
        if not _asked:
            raise
        if (line := head_lost()) is not None:
            told.set()
            raise CannotContinueError(line) from None
        raise KeyboardInterrupt from None
    finally:
        within = any(handler is _end for _, handler in before)
        # Once asked, a second SIGTERM must not keep those further out from ending well.
        if not (within and _asked):
            for number, handler in before:
                signal.signal(number, handler)
        if not within:
            _asked.clear()


def check() -> None:
    """Raises KeyboardInterrupt if it was asked for and lost: Python drops what is raised while an object is deleted."""
    if _asked:
        raise KeyboardInterrupt


@contextlib.contextmanager
def insisting() -> Iterator[None]:
    """Within it, an interrupt that was asked for comes again every INSIST_S: for a wait that nothing else would end.

    As `check`, where there is no loop to call it in.
    """
    over, main_thread = threading.Event(), threading.main_thread().ident
    assert main_thread is not None

    def insist() -> None:
        while not over.wait(INSIST_S):
            if _asked:
                signal.pthread_kill(main_thread, signal.SIGINT)  # a real one: it also ends a system call

    threading.Thread(target=insist, name="insist", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _end(number: int, frame: FrameType | None) -> None:
    _asked.append(number)
    # Once is enough: a second one must not keep the rows from being written.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
