"""Why this process is to end before its last task. Everyone who must know asks `shutdown`, the one object of it.

| why | told by | `check` and the signal handler raise | exit status |
|---|---|---|---|
| Ctrl-C, SIGTERM, SIGHUP | `jobs.run.signals` | KeyboardInterrupt | 130 |
| lost head | `head_watch`, which then calls SIGTERM's handler | CannotContinueError, in the end | 1 |

Rows that workers have returned are kept in each case; those they still hold are lost with a head that is lost.
"""

from __future__ import annotations

from stylize.errors import CannotContinueError


class Shutdown:
    """Holds whether the process is to end, and why.

    Two threads write it, the main one on a signal and the watch of the head, so each has an attribute of its own.
    """

    def __init__(self) -> None:
        self._signalled = False
        self._head_message: str | None = None
        self.message_passed_on = False
        """Whether the line about a lost head is on its way to the user."""

    @property
    def requested(self) -> bool:
        """Return whether the process is to end."""
        return self._signalled or self.ray_is_lost

    @property
    def ray_is_lost(self) -> bool:
        """Return whether Ray must not be called again: a call would hang for a minute, then end the process."""
        return self._head_message is not None

    def request(self) -> None:
        """Note that a signal asked for the end."""
        self._signalled = True

    def lose_head(self, message: str) -> None:
        """Note that the cluster's head is lost, for the rest of this process. message: one line for the user."""
        self._head_message = message

    def withdraw(self) -> None:
        """Forget the signal, once the run that it ended is over."""
        self._signalled = False

    def error(self) -> BaseException:
        """Return what the run is to end with. A lost head comes before any signal."""
        if self._head_message is None:
            return KeyboardInterrupt()
        self.message_passed_on = True
        return CannotContinueError(self._head_message)

    def check(self) -> None:
        """Raise `error()` if the end was asked for: Python drops what a handler raises while an object is deleted."""
        if self.requested:
            raise self.error()


shutdown = Shutdown()
"""The process's own."""
