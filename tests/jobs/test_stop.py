from __future__ import annotations

import os
import signal

import pytest

from jobs import stop


@pytest.fixture(autouse=True)
def forgotten() -> None:
    stop._asked.clear()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_signals_interrupt_and_the_old_handlers_come_back(number: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), stop.on_signals():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_dropped_is_raised_again() -> None:
    class Deleted:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    with stop.on_signals():
        Deleted()
        with pytest.raises(KeyboardInterrupt):
            stop.check()


def test_nothing_is_raised_unasked() -> None:
    with stop.on_signals():
        stop.check()
