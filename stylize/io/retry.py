"""How long a request to an object store is tried: one policy for each use, and one loop that follows it.

| policy  | used for                                   | attempts | pauses       | last begins | a request | longest |
|---------|--------------------------------------------|----------|--------------|-------------|-----------|---------|
| DEFAULT | reads, listings, writes without a guard    | 10       | 0.3 to 10 s  | by 60 s     | 60 s      | 120 s   |
| GUARDED | writes that must not come late             | 10       | 0.3 to 10 s  | by 60 s     | 20 s      | 80 s    |
| TAKE    | taking the lease of an output folder       | 10       | 0.3 to 10 s  | by 60 s     | 5 s       | 65 s    |
| RENEW   | renewing it; asking whether a store is up  | 3        | 0.1 to 0.5 s | by 4 s      | 5 s       | 9 s     |

What is tried again: a store that throttles (429) or fails (408, 5xx), a connection that cannot be made or breaks off,
an answer that comes too late or stops in the middle. What ends at once: anything that would be the same next time,
that is a refusal, an object or bucket that is not there, a condition that does not hold, a redirect to nowhere.

The counts start anew when something came of an attempt: a page of a listing, a mebibyte of an object.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

_Result = TypeVar("_Result")
_GROWTH = 4


class RetryPolicy(NamedTuple):
    """How often an operation is attempted, with which pauses, and until when; a row of the module's table."""

    attempts: int
    first_pause_s: float
    longest_pause_s: float
    total_s: float
    """No attempt begins later than so long after the first."""
    request_s: float
    """How long one request may take."""

    @property
    def longest_s(self) -> float:
        """Return how long an operation may take in all."""
        return self.total_s + self.request_s

    def pause_s(self, failures: int) -> float:
        """Return how long to wait after so many failures: jittered, so that workers do not come back all at once."""
        longest_s = min(self.longest_pause_s, self.first_pause_s * _GROWTH ** min(failures, 20))
        return random.uniform(self.first_pause_s, longest_s)


DEFAULT = RetryPolicy(attempts=10, first_pause_s=0.3, longest_pause_s=10, total_s=60, request_s=60)
GUARDED = DEFAULT._replace(request_s=20)
TAKE = DEFAULT._replace(request_s=5)
RENEW = RetryPolicy(attempts=3, first_pause_s=0.1, longest_pause_s=0.5, total_s=4, request_s=5)


class Retry:
    """Counts the failed attempts of one operation, and waits between them as its policy says."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self.progressed()

    def progressed(self) -> None:
        """Start the counts anew, as something came of the last attempt."""
        self._failures = 0
        self._until_s = time.monotonic() + self._policy.total_s

    def wait(self, error: Exception) -> None:
        """Wait before the next attempt, or raise `error` where there is not to be one."""
        self._failures += 1
        pause_s = self._policy.pause_s(self._failures)
        if self._failures >= self._policy.attempts or time.monotonic() + pause_s > self._until_s:
            raise error
        time.sleep(pause_s)


def retried(
    call: Callable[[], _Result],
    policy: RetryPolicy,
    may_pass: Callable[[Exception], bool],
    guard: Callable[[], None] | None = None,
) -> _Result:
    """Return what `call` returns, attempted again while what it raises may pass.

    `guard` is called before every attempt and may raise to prevent it. Raises the last attempt's error.
    """
    retry = Retry(policy)
    while True:
        if guard is not None:
            guard()
        try:
            return call()
        except Exception as error:
            if not may_pass(error):
                raise
            retry.wait(error)
