"""Lets no more of a worker's threads compute at once than it has cores."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

PATIENCE_S = 0.5
"""How long a thread waits for a core. Then it goes on without one: what hangs must hold up no other image."""


class Cores:
    """The cores of a worker. A thread takes one while it computes; what it reads and writes needs none."""

    def __init__(self, count: int) -> None:
        self._count = self._free = count
        self._freed = threading.Condition()

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Do a block's work on one core, as soon as one is free."""
        with self._taken(1):
            yield

    @contextlib.contextmanager
    def all(self) -> Iterator[None]:
        """Do a block's work, which takes every core, as soon as all are free."""
        with self._taken(self._count):
            yield

    @contextlib.contextmanager
    def _taken(self, wanted: int) -> Iterator[None]:
        with self._freed:
            taken = wanted if self._freed.wait_for(lambda: self._free >= wanted, PATIENCE_S) else 0
            self._free -= taken
        try:
            yield
        finally:
            with self._freed:
                self._free += taken
                self._freed.notify_all()
