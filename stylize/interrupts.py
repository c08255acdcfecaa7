"""Ctrl-C while a command still imports its modules, half a second in which it can have begun nothing."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Any

_SCRIPTS = ("stylize", "stylize-folder")


def is_command() -> bool:
    """Return whether the package is imported by `python -m` or a console script of its own, and nothing has run yet."""
    # Python says so of itself while it looks for the module that `-m` names.
    return Path(sys.argv[0] if sys.argv else "").name in ("-m", *_SCRIPTS)


def end_without_trace() -> None:
    """Let Ctrl-C end a command's process at once, until `trace_again`; Python would trace whichever import it met.

    Does nothing where the package is imported by anything but a command.
    """
    if is_command() and threading.current_thread() is threading.main_thread():
        _change(signal.default_int_handler, signal.SIG_DFL)


def trace_again() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again, for a command that says something then."""
    _change(signal.SIG_DFL, signal.default_int_handler)


def _change(before: Any, after: Any) -> None:
    if signal.getsignal(signal.SIGINT) == before:
        signal.signal(signal.SIGINT, after)
