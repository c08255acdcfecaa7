"""A loaded method belongs to the process that loaded it: no fork has its threads, and no pickle its sessions."""

from __future__ import annotations

import os
from typing import Any, NoReturn, Self

from stylize.errors import UsageError

_loaded_in: int | None = None
"""The process that loaded the first method, as its forks remember it."""


def check_process() -> None:
    """Raise UsageError in a fork of a process that had loaded a method: there, torch would wait for ever."""
    if _loaded_in not in (None, os.getpid()):
        raise UsageError(
            "this process is a fork of one that had loaded a method, whose threads it lacks: start processes with "
            'multiprocessing.get_context("spawn"), and load the method in each'
        )


class OfOneProcess:
    """What cannot be sent to another process."""

    def __new__(cls, *given: Any, **named: Any) -> Self:
        """Note the process. Raises UsageError in a fork, as `check_process` does."""
        global _loaded_in
        check_process()
        _loaded_in = os.getpid()
        return super().__new__(cls)

    def twin(self) -> Self:
        """Return another that shares all with this one."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        return other

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Raise UsageError: `copy` and `pickle` come here."""
        raise UsageError("a loaded method cannot be copied or pickled: load it where it is used, in each process")
