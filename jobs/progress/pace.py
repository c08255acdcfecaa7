"""How fast tasks get done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

RECENT_S = 60.0
"""What pace is measured over at least, longer where fewer than RECENT_TASKS were done."""
RECENT_TASKS = 20
GRAINS = 200
"""Parts that the time is remembered in where that is more than a minute: a run of weeks takes no more memory."""


class Pace:
    """Tasks per second of the last RECENT_S, or of the last `share` of the time so far where that is longer."""

    def __init__(self, clock: Callable[[], float], share: float = 0.0) -> None:
        self._clock, self._share = clock, share
        self._came: deque[tuple[float, int]] = deque()
        self._in_window = 0
        self.begin()

    def begin(self) -> None:
        """Take now as the time when work begins."""
        self._begun = self._since = self._clock()

    def note(self, tasks: int) -> None:
        now = self._clock()
        grain = max(1.0, self._window(now) / GRAINS)
        if self._came and int(self._came[-1][0] / grain) == int(now / grain):
            self._came.append((now, self._came.pop()[1] + tasks))
        else:
            self._came.append((now, tasks))
        self._in_window += tasks
        self._forget(now)

    def per_s(self) -> float:
        now = self._clock()
        self._forget(now)
        return self._in_window / max(1e-9, now - self._since)

    def _window(self, now: float) -> float:
        return max(RECENT_S, self._share * (now - self._begun))

    def _forget(self, now: float) -> None:
        start = now - self._window(now)
        while self._came and self._came[0][0] < start and self._in_window - self._came[0][1] >= RECENT_TASKS:
            self._since, tasks = self._came.popleft()
            self._in_window -= tasks
