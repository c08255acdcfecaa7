"""Whether weights may be downloaded, and who is told: a dry run downloads none, and says what a run would fetch."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

from stylize.errors import WeightsError, message_of


class NotDownloadedError(WeightsError):
    """Weights are not at hand, and nothing may be downloaded now."""


_forbidden: ContextVar[bool] = ContextVar("forbidden", default=False)
_note: ContextVar[Callable[[str], None] | None] = ContextVar("note", default=None)


@contextlib.contextmanager
def forbidden() -> Iterator[None]:
    """Let this thread download no weights for as long as the block lasts."""
    token = _forbidden.set(True)
    try:
        yield
    finally:
        _forbidden.reset(token)


@contextlib.contextmanager
def announced(note: Callable[[str], None]) -> Iterator[None]:
    """Let `note` get a line before each of this thread's downloads for as long as the block lasts."""
    token = _note.set(note)
    try:
        yield
    finally:
        _note.reset(token)


@contextlib.contextmanager
def downloading(what: str) -> Iterator[None]:
    """Tell that `what` is about to be downloaded. Raises NotDownloadedError, which says so, where that is forbidden.

    What the library prints of it goes to standard error, for as long as the block lasts.
    """
    if _forbidden.get():
        raise NotDownloadedError(f"{what} would be downloaded")
    if (note := _note.get()) is not None:
        note(f"{what} will be downloaded")
    with contextlib.redirect_stdout(sys.stderr):
        yield


@contextlib.contextmanager
def from_torchvision(what: str, cache: Path, instead: str) -> Iterator[None]:
    """Do as `downloading` for weights that torchvision's cache lacks.

    Raises WeightsError where they cannot be had; it says what to do `instead`.
    """
    try:
        with downloading(what):
            yield
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"{what} are neither in torchvision's cache ({cache}) nor to be downloaded ({message_of(error)}); {instead}"
        ) from None
