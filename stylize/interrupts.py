"""Ctrl-C while a command imports its modules, half a second in which it can have begun nothing, and after its end."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

_SCRIPTS = ("stylize", "stylize-folder")
_PACKAGES = ("stylize", "jobs")
SOON_S = 1.0
"""So soon the same key press may come a second time: from the terminal, and from a program that hands signals on."""


def is_command() -> bool:
    """Return whether the package is imported by `python -m` or a console script of its own, and nothing has run yet."""
    called = Path(sys.argv[0] if sys.argv else "").name
    # Python calls itself so while it looks for the module that `-m` names: one of somebody else's may import us then.
    return called in _SCRIPTS or (called == "-m" and _module_of(sys.orig_argv[1:]).partition(".")[0] in _PACKAGES)


def _module_of(words: Sequence[str]) -> str:
    """Return what the first `-m` of Python's own options names; other letters may stand before it, the name behind."""
    for word, following in pairwise([*words, ""]):
        if re.match(r"-[A-Za-z]*m", word):
            return word.partition("m")[2] or following
    return ""


def end_without_trace() -> None:
    """Let Ctrl-C end a command's process at once, but while it is `traced`; Python would trace whichever import it met.

    Does nothing where the package is imported by anything but a command.
    """
    if is_command() and threading.current_thread() is threading.main_thread():
        _change(signal.default_int_handler, signal.SIG_DFL)


@contextlib.contextmanager
def traced() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt again in a command that says something then; after it all has been said."""
    handler = _once()
    changed = _change(signal.SIG_DFL, handler)
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    finally:
        if changed:
            _change(handler, signal.SIG_DFL)


def _once() -> Callable[[int, FrameType | None], None]:
    """Return a handler that raises KeyboardInterrupt once: another could meet any line of what ends the command.

    One that comes SOON_S later ends the process at once.
    """
    first_s: list[float] = []

    def handle(number: int, frame: FrameType | None) -> None:
        now_s = time.monotonic()
        if not first_s:
            first_s.append(now_s)
            raise KeyboardInterrupt
        if now_s - first_s[0] > SOON_S:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    return handle


def _change(before: Any, after: Any) -> bool:
    """Let a handler take the place of another, and return whether that was there."""
    there = bool(signal.getsignal(signal.SIGINT) == before)
    if there:
        signal.signal(signal.SIGINT, after)
    return there
