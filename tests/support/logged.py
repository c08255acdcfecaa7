"""What tests log: each line of it is made, whoever listens, as a call whose values do not fit its words is a bug."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest


def line_taker(take: Callable[[str], object]) -> logging.Handler:
    """What gives `take` each line; what making one raises reaches whoever logs."""
    handler = logging.Handler()
    handler.emit = lambda record: take(record.getMessage())  # type: ignore[assignment]
    return handler


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The lines that are logged from now on."""
    lines: list[str] = []
    handler = line_taker(lines.append)
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)
