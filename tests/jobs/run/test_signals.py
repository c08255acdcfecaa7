from __future__ import annotations

import _thread
import os
import signal
import sys
import time

import pytest

from jobs.run import signals
from jobs.scheduler.ray_runtime import keep_sigterm_handler
from jobs.scheduler.shutdown import Shutdown, ShutdownReason
from stylize.errors import CannotContinueError


@pytest.fixture(autouse=True)
def shutdown(monkeypatch: pytest.MonkeyPatch) -> Shutdown:
    """Give the signals' handler an object of the test's own."""
    own = Shutdown()
    monkeypatch.setattr(signals, "shutdown", own)
    return own


@pytest.mark.parametrize(
    ("number", "reason"),
    [(signal.SIGINT, ShutdownReason.INTERRUPTED), (signal.SIGTERM, ShutdownReason.TERMINATED)],
)
def test_both_signals_interrupt_and_the_old_handlers_come_back(
    shutdown: Shutdown, number: int, reason: ShutdownReason
) -> None:
    before = signal.getsignal(number)
    reasons = []

    def waits() -> None:
        try:
            os.kill(os.getpid(), number)
        finally:
            reasons.append(shutdown.reason)

    with pytest.raises(KeyboardInterrupt), signals.handle_signals():
        waits()
    assert reasons == [reason]
    assert shutdown.reason is None
    assert signal.getsignal(number) == before


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
    assert shutdown.reason is ShutdownReason.HEAD_LOST
    assert shutdown.message_passed_on
    with pytest.raises(CannotContinueError, match="Ray's head has ended"):
        shutdown.check()


def test_nothing_is_raised_unasked(shutdown: Shutdown) -> None:
    with signals.handle_signals():
        shutdown.check()
