"""Which tasks are still to be done, and how all of them ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from stylize.config import JobConfig
from stylize.results.schema import key_of
from stylize.results.store import Failed
from stylize.tasks.task import Task


class TaskCounter:
    """Which tasks are new, and how those of this call ended, earlier ones included."""

    def __init__(self, config: JobConfig, done: set[bytes], failed: list[Failed]) -> None:
        self._done = done
        self._failed = {row.key: row.status for row in failed}
        ours = config.result_settings()
        self._stale = {
            (row.content_uri, row.style_uri): row.key for row in failed if result_settings(row.settings_json) == ours
        }
        self.kept = 0
        self.repeated = 0
        """Pairs that were listed before and have no row of an earlier run."""
        self.counts: dict[str, int] = {}

    def new(self, tasks: Iterator[Task], unique: bool) -> Iterator[Task]:
        """The tasks without a row. `unique` also drops a pair that a manifest lists twice."""
        listed: set[bytes] = set()
        for task in tasks:
            key = key_of(task.task_id)
            if key in listed:
                self.repeated += 1
                continue
            if unique:
                listed.add(key)
            if key in self._done:
                self.kept += 1
                self.count(self._failed.get(key, "ok"))
                continue
            yield task

    def stale(self, task_id: str, content_uri: str, style_uri: str) -> bytes | None:
        """The key of an older, failed row of the same pair and settings: its file was replaced since."""
        key = self._stale.pop((content_uri, style_uri), None)
        return None if key == key_of(task_id) else key

    def count(self, status: str) -> None:
        """One more task that ended so."""
        self.counts[status] = self.counts.get(status, 0) + 1


def result_settings(settings_json: str | None) -> dict[str, Any]:
    """What `JobConfig.result_settings` gave for a row, from its `settings_json`."""
    found: dict[str, Any] = json.loads(settings_json or "{}")
    for told in ("stylizer_settings", "weights_files"):
        found.pop(told, None)
    return found
