from __future__ import annotations

import pytest

from jobs.scheduler.shutdown import Shutdown
from stylize.errors import CannotContinueError


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
