"""Whether weights may be downloaded: a dry run uses what is at hand, and says what a run would fetch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from stylize.errors import WeightsError


class NotDownloadedError(WeightsError):
    """Weights are not at hand, and nothing may be downloaded now."""


_forbidden: ContextVar[bool] = ContextVar("forbidden", default=False)


@contextlib.contextmanager
def forbidden() -> Iterator[None]:
    """Let this thread download no weights for as long as the block lasts."""
    token = _forbidden.set(True)
    try:
        yield
    finally:
        _forbidden.reset(token)


def announce(what: str) -> None:
    """Tell that `what` is about to be downloaded. Raises NotDownloadedError, which says so, where that is forbidden."""
    if _forbidden.get():
        raise NotDownloadedError(f"{what} would be downloaded")
