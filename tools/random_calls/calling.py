"""One call, and what is wrong with how it ended: a traceback, too many lines, a hang, or too much memory."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from types import FrameType
from unittest import mock

from jobs import summarize
from stylize import cli
from stylize.measure.memory import PeakMemory

LIMIT_S = 60
"""How long a call may take. Most take milliseconds; a report with its plots takes seconds."""
MOST_BYTES = 512_000_000
"""How much memory a call may take above what the process holds."""
STATUSES = (cli.EXIT_OK, cli.EXIT_CANNOT_CONTINUE, cli.EXIT_USAGE, cli.EXIT_NOT_ALL_OK, *summarize.EXIT_OF.values())

Main = Callable[[Sequence[str]], int]


class FaultError(AssertionError):
    """A call ended as none may."""


class Hang(BaseException):
    """A call went over its limit. No Exception, so that nothing that catches those keeps it."""


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Raise Hang or FaultError if the work takes more than LIMIT_S or MOST_BYTES."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hang(f"no end within {LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT_S)
    memory = PeakMemory()
    memory.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    taken = memory.stop().image_host_bytes or 0
    if taken > MOST_BYTES:
        raise FaultError(f"took {taken:,} bytes")


def command(main: Main, *words: object) -> int:
    """Return the exit status of a command that is run in this process. Raises FaultError for any that none may have.

    Other exceptions would have been tracebacks.
    """
    told, complaint, argv = io.StringIO(), io.StringIO(), ["command", *map(str, words)]
    status: object = None
    with mock.patch.object(sys, "argv", argv), redirect_stdout(told), redirect_stderr(complaint):
        try:
            cli.run(main)
        except SystemExit as end:
            status = end.code
    lines = complaint.getvalue().splitlines()
    if status not in STATUSES:
        raise FaultError(f"exit status {status!r}: {lines}")
    if status == cli.EXIT_USAGE and len(lines) != 1:
        raise FaultError(f"a wrong call in {len(lines)} lines: {lines[:20]}")
    for line in [*told.getvalue().split("\n"), *complaint.getvalue().split("\n")]:
        if "Traceback (most" in line or not line.replace("\t", " ").isprintable():
            raise FaultError(f"a line that must not be printed: {line!r:.300}")
    assert isinstance(status, int)
    return status


def check_line(error: Exception) -> None:
    """Raise FaultError for an error of more than one line."""
    if "\n" in str(error):
        raise FaultError(f"an error of several lines: {error}")
