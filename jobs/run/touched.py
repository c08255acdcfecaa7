"""Files that were only touched: other times, the same bytes. Their rows stay, and none is made again."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable

import numpy as np

from jobs.run.resume import OF_WORK, same_work, work_of
from jobs.run.stored_rows import Rows
from stylize.config import JobConfig
from stylize.io.location import LocalPath, locate
from stylize.results.parts import keys
from stylize.results.schema import KEY_BYTES, key_of
from stylize.tasks.task import Input, Task, number_of

_COLUMNS = ["task_id", "status", *OF_WORK, "content_sha256", "style_sha256", "weights_sha256"]


class TouchedFiles:
    """Finds the row of an earlier task of the same pair, bytes, settings and weights: 40 bytes per row.

    rows: read only if a task without a row comes. counts: tells whether the row of a key may stand for another task.
    Only files of this machine are looked into: an object's version tells of its bytes.
    """

    def __init__(
        self, rows: Rows, config: JobConfig, weights_sha256: str | None, counts: Callable[[bytes], bool]
    ) -> None:
        self._rows, self._counts = rows, counts
        self._settings, self._weights_sha256 = config.result_settings(), weights_sha256
        self._index: _Index | None = None
        self._results: dict[bytes, str] | None = None
        self._hashes: dict[tuple[str, str], str | None] = {}

    def earlier(self, task: Task) -> bytes | None:
        """Return the key of another task's row that stands for this one, None where there is none."""
        if task.pair.problem:
            return None
        if self._index is None:
            self._index = self._read()
        pair = task.pair
        for digest, key in self._index.rows_of(work_of(pair, self._settings)):
            if key == key_of(task.task_id):
                continue
            content, *styles = (self._sha256(one) for one in (pair.content, *pair.styles))
            if None not in (content, *styles) and digest == number_of(content, ",".join(filter(None, styles))):
                return key
        return None

    def result_of(self, key: bytes) -> str:
        """Return the `output_uri` of the row of a key that `earlier` gave."""
        if self._results is None:
            self._results = {}
            for batch in self._rows.columns(["task_id", "output_uri"]):
                uris = batch.column("output_uri").to_pylist()
                self._results.update(zip(keys(batch.column("task_id")), uris, strict=True))
        return self._results[key]

    def _read(self) -> _Index:
        index = _Index()
        for batch in self._rows.columns(_COLUMNS):
            for key, row in zip(keys(batch.column("task_id")), batch.to_pylist(), strict=True):
                same = self._weights_sha256 in (None, row["weights_sha256"])
                if same and row["status"] == "ok" and self._counts(key):
                    index.add(same_work(row), number_of(row["content_sha256"], row["style_sha256"]), key)
        index.sort()
        return index

    def _sha256(self, one: Input) -> str | None:
        version = (one.uri, one.identity)
        if version not in self._hashes:
            self._hashes[version] = sha256_of(one.uri)
        return self._hashes[version]


class _Index:
    """Rows by the number of their pair, sorted."""

    def __init__(self) -> None:
        self._added, self._keys = array("Q"), bytearray()
        self._table = np.empty((0, 2), np.uint64)
        self._order = np.empty(0, np.int64)

    def add(self, pair: int, digest: int, key: bytes) -> None:
        self._added.extend((pair, digest))
        self._keys += key

    def sort(self) -> None:
        table = np.array(self._added, np.uint64).reshape(-1, 2)
        self._order = np.argsort(table[:, 0], kind="stable")
        self._table = table[self._order]
        self._added = array("Q")

    def rows_of(self, pair: int) -> list[tuple[int, bytes]]:
        number = np.uint64(pair)
        first, last = (int(np.searchsorted(self._table[:, 0], number, side)) for side in ("left", "right"))
        starts = [int(row) * KEY_BYTES for row in self._order[first:last]]
        keys_ = (bytes(self._keys[start : start + KEY_BYTES]) for start in starts)
        return [(int(digest), key) for digest, key in zip(self._table[first:last, 1], keys_, strict=True)]


def sha256_of(uri: str) -> str | None:
    """Return the hash of a file of this machine; None of an object, and where it cannot be read."""
    where = locate(uri)
    if not isinstance(where, LocalPath):
        return None
    try:
        with where.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None
