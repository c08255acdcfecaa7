"""SIGTERM, which `ray job stop` and machines that are taken back send, ends a run as Ctrl-C does: rows are kept."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from jobs.cluster import head_lost, told
from stylize.errors import CannotContinueError


@contextlib.contextmanager
def on_sigterm() -> Iterator[None]:
    """Within it, SIGTERM raises KeyboardInterrupt; enter it again after `ray.init`, which has a handler of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: FrameType | None) -> None:
    # Once is enough: a second one must not keep the rows from being written.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if (line := head_lost()) is not None:
        told.set()
        raise CannotContinueError(line)
    raise KeyboardInterrupt
