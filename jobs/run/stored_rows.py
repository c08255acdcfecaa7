"""The rows that OUT has, for what only looks at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from stylize.results.parts import facts, keys, part_paths
from stylize.results.read import read_rows
from stylize.results.schema import SCHEMA, SCORED


class Rows(Protocol):
    """The rows of an OUT: a RowStore's, or those of one that is not to be written."""

    def columns(self, names: list[str]) -> Iterable[pa.RecordBatch]:
        """Return these columns of all rows."""

    @property
    def older_rows(self) -> dict[str, int]:
        """Return how many rows older programs wrote, by the schema version that they gave them."""


class StoredRows:
    """Gives the rows of an OUT that may be nowhere yet and is not to be written, as RowStore does of one that is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._there = (folder / "rows").is_dir()

    def table(self, names: list[str]) -> pa.Table:
        """Return these columns of all rows."""
        return read_rows(self._folder, names) if self._there else SCHEMA.empty_table().select(names)

    def columns(self, names: list[str]) -> list[pa.RecordBatch]:
        """Return the same in batches."""
        batches: list[pa.RecordBatch] = self.table(names).to_batches()
        return batches

    @property
    def older_rows(self) -> dict[str, int]:
        """Return how many rows older programs wrote, by the schema version that they gave them."""
        counts: Counter[str] = Counter()
        for one in map(facts, part_paths(self._folder / "rows") if self._there else ()):
            if one.older_version is not None:
                counts[one.older_version] += one.rows
        return dict(counts)

    def finished(
        self, retry_failed: bool, is_there: Callable[[str], bool] = lambda uri: True, redo: bool = False
    ) -> set[bytes]:
        """Return the keys of tasks not to be done again, as `RowStore.finished` and `replaceable` would."""
        if redo:
            return set()
        done = set()
        for batch in self.columns(["task_id", "status", "output_uri", "measure_mode"]):
            columns = (batch.column(name).to_pylist() for name in ("status", "output_uri", "measure_mode"))
            for key, status, uri, mode in zip(keys(batch.column("task_id")), *columns, strict=True):
                if uri is None or mode == SCORED or is_there(uri) if status == "ok" else not retry_failed:
                    done.add(key)
        return done
