"""Why this process is to end before its last task. Everyone who must know asks `shutdown`, the one object of it.

| reason | set by | `check` and the signal handler raise | exit status |
|---|---|---|---|
| INTERRUPTED | `jobs.run.signals`, on Ctrl-C | KeyboardInterrupt | 130 |
| TERMINATED | `jobs.run.signals`, on SIGTERM | KeyboardInterrupt | 130 |
| HUNG_UP | `jobs.run.signals`, on SIGHUP | KeyboardInterrupt | 130 |
| HEAD_LOST | the watch in `ray_runtime`, which then calls SIGTERM's handler | CannotContinueError, in the end | 1 |

Rows that workers have returned are kept in each case; those they still hold are lost with a head that is lost.
"""

from __future__ import annotations

from enum import Enum

from stylize.errors import CannotContinueError


class ShutdownReason(Enum):
    """What ends a run before its last task."""

    INTERRUPTED = "interrupted by the user"
    TERMINATED = "told to end by SIGTERM"
    HUNG_UP = "its terminal was closed"
    HEAD_LOST = "the cluster's head is lost"


class Shutdown:
    """Holds the reason for which the process is to end, if there is one.

    Two threads write it, the main one on a signal and the watch of the head, so each has an attribute of its own.
    """

    def __init__(self) -> None:
        self._signal: ShutdownReason | None = None
        self._head_message: str | None = None
        self.message_passed_on = False
        """Whether the line about a lost head is on its way to the user."""

    @property
    def reason(self) -> ShutdownReason | None:
        """Return why the process is to end; None if it is not. A lost head comes before any signal."""
        return self._signal if self._head_message is None else ShutdownReason.HEAD_LOST

    @property
    def ray_is_lost(self) -> bool:
        """Return whether Ray must not be called again: a call would hang for a minute, then end the process."""
        return self.reason is ShutdownReason.HEAD_LOST

    def request(self, reason: ShutdownReason) -> None:
        """Note that a signal asked for the end."""
        self._signal = reason

    def lose_head(self, message: str) -> None:
        """Note that the cluster's head is lost, for the rest of this process. message: one line for the user."""
        self._head_message = message

    def withdraw(self) -> None:
        """Forget the signal, once the run that it ended is over."""
        self._signal = None

    def error(self) -> BaseException:
        """Return what the run is to end with."""
        if self._head_message is None:
            return KeyboardInterrupt()
        self.message_passed_on = True
        return CannotContinueError(self._head_message)

    def check(self) -> None:
        """Raise `error()` if the end was asked for: Python drops what a handler raises while an object is deleted."""
        if self.reason is not None:
            raise self.error()


shutdown = Shutdown()
"""The process's own."""
