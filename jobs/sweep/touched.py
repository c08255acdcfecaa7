"""A sweep's photos and artworks that were only touched or copied: other times or places, the same bytes."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from jobs.run.stored_rows import Rows
from jobs.run.touched import sha256_of
from stylize.tasks.task import Input, Task

_COLUMNS = [
    "task_id", "variant", "repeat", "warmup", "content_sha256", "style_sha256", "settings_json", "weights_sha256",
]  # fmt: skip


class Touched:
    """Gives tasks the keys of rows of the same block, bytes, settings and weights, each to one task.

    Else all would be measured again, and reports count every photo twice. is_of: tells whether a row with such settings
    and weights is of what a variant is now.
    """

    def __init__(self, rows: Rows, is_of: Callable[[str, str | None, str | None], bool]) -> None:
        self._known: dict[object, list[str]] = defaultdict(list)
        is_same = functools.cache(is_of)
        for batch in rows.columns(_COLUMNS):
            for row in batch.to_pylist():
                task_id, variant, repeat, warmup, content, style, settings, weights = row.values()
                if None not in (variant, content, style) and is_same(variant, settings, weights):
                    self._known[variant, repeat, bool(warmup), content, style].append(task_id)
        self._ids = {task_id for ids in self._known.values() for task_id in ids}
        self._sha256: Callable[[Input], str | None] = functools.cache(lambda one: sha256_of(one.uri))

    def tasks(self, tasks: Sequence[Task]) -> list[Task]:
        """Return a block's tasks, under the keys of rows that are there."""
        if not self._known:  # nor is a file read
            return list(tasks)
        own = {task.task_id for task in tasks}
        return [task if task.task_id in self._ids else self._recorded(task, own) for task in tasks]

    def _recorded(self, task: Task, own: set[str]) -> Task:
        content, style = (self._sha256(one) for one in (task.pair.content, task.pair.style))
        free = self._known.get((task.variant, task.repeat, task.warms_up, content, style), [])
        found = next((task_id for task_id in free if task_id not in own), None)
        if found is None:
            return task
        free.remove(found)
        return replace(task, task_id=found)
