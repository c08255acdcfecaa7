"""Which task a thread is at, so that whoever formats log lines can say it in each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

current_task: ContextVar[str | None] = ContextVar("current_task", default=None)
"""The `task_id`, None between tasks."""


@contextlib.contextmanager
def at_task(task_id: str) -> Iterator[None]:
    """Mark what is logged in the block as about this task."""
    token = current_task.set(task_id)
    try:
        yield
    finally:
        current_task.reset(token)
