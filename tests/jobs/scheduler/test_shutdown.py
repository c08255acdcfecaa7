from __future__ import annotations

import pytest

from jobs.scheduler.shutdown import Shutdown
from stylize.errors import CannotContinueError


def test_nothing_is_raised_unless_the_end_was_asked_for() -> None:
    shutdown = Shutdown()
    shutdown.check()
    assert not shutdown.requested
    shutdown.request()
    shutdown.withdraw()
    shutdown.check()


def test_a_signal_is_an_interrupt_and_leaves_ray_usable() -> None:
    shutdown = Shutdown()
    shutdown.request()
    assert shutdown.requested
    assert not shutdown.ray_is_lost
    with pytest.raises(KeyboardInterrupt):
        shutdown.check()


def test_a_lost_head_comes_before_any_signal_and_stays() -> None:
    shutdown = Shutdown()
    shutdown.lose_head("the head has ended")
    shutdown.request()
    shutdown.withdraw()
    assert shutdown.requested
    assert shutdown.ray_is_lost
    assert not shutdown.message_passed_on
    with pytest.raises(CannotContinueError, match="the head has ended"):
        shutdown.check()
    assert shutdown.message_passed_on
