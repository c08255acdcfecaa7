"""Keeping part files few and without replaced rows, while a run goes on.

A row that a newer one replaces gets a tombstone: both are on disk until its part is rewritten without it. Small parts
are merged into larger ones. Nothing here is needed for the rows to be right: readers take the newest row of a task,
and the next `RowStore.open` mends what a kill left behind.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from itertools import chain

import numpy as np

from stylize.errors import StylizeError
from stylize.io.parquet_files import readable
from stylize.results import parts
from stylize.results.part_folder import PartFolder

log = logging.getLogger(__name__)

MANY_PARTS = 50
"""Parts from which on small ones are merged: whoever reads rows opens each."""
_REWRITE_SHARE = 0.05
"""Of the time, that a run may spend on rewriting parts without replaced rows."""


class Compactor:
    """Removes replaced rows from the parts of a folder, and merges small parts."""

    def __init__(self, folder: PartFolder) -> None:
        self._folder = folder
        self._tombstones: dict[str, set[bytes]] = {}
        """Part -> keys of its rows that a newer, visible part has replaced."""
        self._rewrite_at_s = 0.0
        self._merge_under_way: tuple[str, list[str]] | None = None
        """The part that others are being merged into, and those."""
        self._unmerged: set[str] = set()
        """Parts of texts so long that nobody could read them as one."""

    def bury(self, part: str, key: bytes) -> None:
        """Note that the row of this key in `part` is replaced by one in a newer, visible part."""
        self._tombstones.setdefault(part, set()).add(key)

    def purge(self, now: bool = False) -> None:
        """Rewrite the parts that have tombstones without those rows, if there are any and it is time, or `now`.

        Rewriting a big part for each few rows could take longer than the work, so it waits until it takes a small
        share of the time. Until then both rows are there.
        """
        if not self._tombstones or (not now and time.monotonic() < self._rewrite_at_s):
            return
        start_s = time.monotonic()
        for name, replaced in list(self._tombstones.items()):
            ids = (parts.keys(batch.column("task_id")) for batch in self._folder.batches(name, ["task_id"]))
            drop = [row for row, key in enumerate(chain.from_iterable(ids)) if key in replaced]
            self._folder.drop(name, np.array(drop, np.int64))
            del self._tombstones[name]
        end_s = time.monotonic()
        self._rewrite_at_s = end_s + (end_s - start_s) / _REWRITE_SHARE

    def end_merge(self) -> None:
        """Remove what a merge has made superfluous, also one that was broken off: else rows would be there twice."""
        if self._merge_under_way is None:
            return
        merged, group = self._merge_under_way
        if merged in self._folder.rows:
            for name in filter(self._folder.rows.__contains__, group):
                self._folder.remove(name)
        else:
            # A write that seemed to fail, or that was interrupted, may have been one all the same.
            self._folder.discard(merged)
        self._merge_under_way = None

    def merge_if_many(self, below_rows: int, keep: Collection[str] = ()) -> None:
        """Merge parts of fewer rows than `below_rows` once there are many of them; those in `keep` stay.

        A new one of up to MERGED_ROWS is visible before the old ones go.
        """
        self.end_merge()
        rows = self._folder.rows
        kept = {*keep, *self._tombstones, *self._unmerged}
        small = [(name, rows[name]) for name in sorted(rows) if rows[name] < below_rows and name not in kept]
        if len(small) < MANY_PARTS:
            return
        for group in parts.groups(small):
            merged = self._folder.new_name()
            self._merge_under_way = merged, group
            batches = chain.from_iterable(self._folder.batches(name) for name in group)
            try:
                self._folder.write(merged, readable(batches), sum(rows[name] for name in group))
            except ValueError as error:
                log.info("small part files were not merged: %s", error)
                self._unmerged.update(group)
            except StylizeError as error:
                log.warning("small part files were not merged: %s", error)  # no row depends on it
                self.end_merge()
                return
            self.end_merge()
