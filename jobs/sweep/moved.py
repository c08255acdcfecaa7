"""A sweep's OUT that was moved: tasks go by where photos and artworks lie, and the project's own lie in OUT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pyarrow.compute as pc

from jobs.run.stored_rows import Rows
from jobs.sweep.inputs import Own
from jobs.sweep.touched import Touched
from stylize.results.parts import keys
from stylize.results.schema import key_of
from stylize.tasks.task import Input, Pair, Task


class Moved:
    """Gives tasks the keys that their rows have from where OUT lay before.

    own: where the project's own photos and artworks lie now. is_of: as `Touched` takes it, which finds copied files.
    """

    def __init__(self, rows: Rows, own: Own, is_of: Callable[[str, str | None, str | None], bool]) -> None:
        self._own, self._touched = own, Touched(rows, is_of)
        self._known: set[bytes] = set()
        outs: set[str] = set()
        for batch in rows.columns(["task_id", "content_uri", "style_uri"]):
            task_ids, *places = batch.columns
            self._known.update(keys(task_ids))
            for column, name in zip(places, Own._fields, strict=True):
                uris = (uri or "" for uri in pc.unique(column).to_pylist())
                outs |= {out for out, found, _ in (uri.rpartition(f"/inputs/{name}/") for uri in uris) if found}
        before = (Own(*(f"{out}/inputs/{name}" for name in Own._fields)) for out in sorted(outs))
        self._before = [places for places in before if places != own]

    def tasks(self, make: Callable[[Sequence[Pair]], list[Task]], pairs: Sequence[Pair]) -> list[Task]:
        """Return what `make` makes of the pairs, under the keys of rows that are there."""
        tasks = make(pairs)
        for before in self._before:
            then = make([self._as_in(before, pair) for pair in pairs])
            tasks = [self._recorded(*both) for both in zip(tasks, then, strict=True)]
        return self._touched.tasks(tasks)

    def _recorded(self, task: Task, then: Task) -> Task:
        known = [key_of(one.task_id) in self._known for one in (task, then)]
        return replace(task, task_id=then.task_id) if known == [False, True] else task

    def _as_in(self, before: Own, pair: Pair) -> Pair:
        content = _below(pair.content, self._own.photos, before.photos)
        return replace(pair, content=content, style=_below(pair.style, self._own.artworks, before.artworks))


def _below(one: Input, now: str, before: str) -> Input:
    below = one.uri.removeprefix(f"{now}/")
    return one if below == one.uri else replace(one, uri=f"{before}/{below}")
