"""Ctrl-C, SIGTERM, which `ray job stop` and machines that are taken back send, and SIGHUP, which a terminal sends that
is closed: a run ends with its rows written.

The first signal is noted in `jobs.scheduler.shutdown` and raises KeyboardInterrupt in the main thread. From then on
SIGTERM and SIGHUP are ignored, so that nothing keeps the rows from being written; another Ctrl-C interrupts that, too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from jobs.scheduler.shutdown import shutdown
from stylize import cli
from stylize.terminal import silence

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(main: Callable[[Sequence[str]], int], *, kept: str = "what is done is kept; the same command resumes") -> None:
    """Run a command as `cli.run` does, with all three signals handled from its first moment to its last line.

    kept: what is told of the work so far where one of them ended it.
    From then on Ctrl-C ends the process without a word: all has been said, and Python would trace its own end.
    """
    with contextlib.ExitStack() as last, handle_signals():
        last.callback(signal.signal, signal.SIGINT, signal.SIG_DFL)
        try:
            cli.run(main, f"interrupted: {kept}")
        except (KeyboardInterrupt, SystemExit) as done:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            # KeyboardInterrupt: another one came while the first was told.
            status = done.code if isinstance(done, SystemExit) else cli.EXIT_INTERRUPTED
            if shutdown.ray_is_lost:
                # Ray's own end would ask the head, and wait for it.
                sys.stdout.flush()
                os._exit(int(status or 0))
            sys.exit(status)


@contextlib.contextmanager
def handle_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt on any of them for this run, CannotContinueError where the cluster's head is lost.

    A SIGHUP that is ignored, as by nohup, stays so. Contexts may be nested. In any thread but the main one, which alone
    gets signals, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, _interrupt) for number in heard}
    nested = _interrupt in before.values()
    try:
        yield
    except (KeyboardInterrupt, SystemError):
        # SystemError: what Ray's compiled code makes of an exception that comes while it waits.
        if not shutdown.requested:
            raise
        raise shutdown.error() from None
    finally:
        # Once asked, a second SIGTERM must not keep those further out from ending well.
        if not (nested and shutdown.requested):
            for number, handler in before.items():
                signal.signal(number, handler)
        if not nested:
            shutdown.withdraw()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Note the signal and raise KeyboardInterrupt, the one exception that Ray's compiled code lets through."""
    shutdown.request()
    for later in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(later, signal.SIG_IGN)
    if number == signal.SIGHUP:
        _leave_terminal()
    raise KeyboardInterrupt


def _leave_terminal() -> None:
    """Print nothing more to a terminal that is gone: that would raise, and keep rows from being written."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            descriptor = stream.fileno()
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                silence(stream)
