from __future__ import annotations

import _thread
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.run import signals
from jobs.scheduler.ray_runtime import keep_sigterm_handler
from jobs.scheduler.shutdown import Shutdown
from stylize.errors import CannotContinueError


@pytest.fixture(autouse=True)
def shutdown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shutdown]:
    """Give the signals' handler an object of the test's own, and SIGHUP its meaning where tests run under nohup."""
    own = Shutdown()
    monkeypatch.setattr(signals, "shutdown", own)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield own
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", signals.SIGNALS)
def test_each_signal_interrupts_and_the_old_handlers_come_back(shutdown: Shutdown, number: int) -> None:
    before = signal.getsignal(number)
    asked = []

    def waits() -> None:
        try:
            os.kill(os.getpid(), number)
        finally:
            asked.append(shutdown.requested)

    with pytest.raises(KeyboardInterrupt), signals.handle_signals():
        waits()
    assert asked == [True]
    assert not shutdown.requested
    assert signal.getsignal(number) == before


def test_a_run_under_nohup_goes_on() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.handle_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_ends_a_run_well_though_nothing_can_be_printed_there(tmp_path: Path) -> None:
    """The driver leads the terminal's session, as the shell's only command does."""
    script = """
import signal
import sys
from pathlib import Path
from jobs.run import signals
from stylize.terminal import say

def main(argv):
    try:
        with signals.handle_signals():
            print("ready", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("to nobody", flush=True)
        say("to nobody", file=sys.stderr)
        Path(argv[0]).write_text("kept")
        raise

signals.run(main)
"""
    # In a process without threads, in which a fork is safe; the tests themselves may run under nohup.
    terminal = """
import os, pty, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
assert b"ready" in os.read(terminal, 100)
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    command = [sys.executable, "-c", terminal, script, str(tmp_path / "rows")]
    assert subprocess.run(command, check=False).returncode == 130
    assert (tmp_path / "rows").read_text() == "kept"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_dropped_is_raised_again(shutdown: Shutdown) -> None:
    class Deleted:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    with signals.handle_signals():
        Deleted()
        with pytest.raises(KeyboardInterrupt):
            shutdown.check()


def test_once_asked_a_second_sigterm_does_not_keep_the_outer_part_from_ending_well() -> None:
    ended = []

    def outer() -> None:
        try:
            with signals.handle_signals():
                os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            ended.append("well")

    with pytest.raises(KeyboardInterrupt), signals.handle_signals():
        outer()
    assert ended == ["well"]


def test_a_second_ctrl_c_interrupts_what_is_still_written_and_a_second_sigterm_does_not() -> None:
    written = []

    def writes(number: int) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.kill(os.getpid(), number)
            written.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with pytest.raises(KeyboardInterrupt), signals.handle_signals():
            writes(number)
    assert written == [signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("comes", ["while Ray starts", "after it"])
def test_sigterm_is_an_interrupt_although_ray_takes_it_for_itself(comes: str) -> None:
    def rays(number: int, frame: object) -> None:
        sys.exit(number)

    def started() -> None:
        with keep_sigterm_handler():
            signal.signal(signal.SIGTERM, rays)
            if comes == "while Ray starts":
                os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt), signals.handle_signals():
        started()


def test_an_interrupt_that_compiled_code_turned_into_something_else_is_one_still() -> None:
    def waits() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt as error:
            raise SystemError("returned a result with an exception set") from error

    with pytest.raises(KeyboardInterrupt), signals.handle_signals():
        waits()
    with pytest.raises(SystemError), signals.handle_signals():
        raise SystemError("of another kind")


def test_a_lost_head_comes_out_as_its_line(shutdown: Shutdown) -> None:
    def waits() -> None:
        shutdown.lose_head("Ray's head has ended")
        _thread.interrupt_main(signal.SIGTERM)
        time.sleep(5)

    with pytest.raises(CannotContinueError, match="Ray's head has ended"), signals.handle_signals():
        waits()
    assert shutdown.ray_is_lost
    assert shutdown.message_passed_on
    with pytest.raises(CannotContinueError, match="Ray's head has ended"):
        shutdown.check()


def test_nothing_is_raised_unasked(shutdown: Shutdown) -> None:
    with signals.handle_signals():
        shutdown.check()


def test_a_second_ctrl_c_while_the_first_is_told_ends_with_its_status_and_without_a_trace() -> None:
    script = """
import os, signal
from jobs.run import signals
from stylize import cli

def interrupt(*_, **__):
    os.kill(os.getpid(), signal.SIGINT)

cli.say = interrupt
signals.run(interrupt)
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")
