"""Listings of stores that nobody vouches for: they end, whatever the store answers."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any


class EndlessError(Exception):
    """A listing has no end."""


def pages(stream: Iterator[Any], limit_s: float) -> Iterator[Any]:
    """Yield a listing's pages. Raises EndlessError where none comes for so long, or where keys begin anew.

    A store may say for ever that there is more. Its empty answers never leave obstore, which no signal reaches either,
    so that another thread waits for it.
    """
    begun: set[str] = set()
    while page := _next(stream, limit_s):
        if page[0]["path"] in begun:
            raise EndlessError("its listing repeats itself without an end")
        begun.add(page[0]["path"])
        yield page


def _next(stream: Iterator[Any], limit_s: float) -> Any:
    found: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found.put((next(stream, None), None))
        except BaseException as error:
            found.put((None, error))

    threading.Thread(target=ask, name="listing", daemon=True).start()
    try:
        page, error = found.get(timeout=limit_s)
    except queue.Empty:
        raise EndlessError(f"its listing gave nothing for {limit_s:g} s") from None
    if error is not None:
        raise error
    return page
