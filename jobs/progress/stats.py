"""What is known of a run so far, from its rows as they come: counts, pace, times, memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

RECENT_S = 60.0
"""What pace is measured over, longer where fewer than RECENT_ROWS came."""
RECENT_ROWS = 20
KEPT_TIMES = 10_000
"""Latest values of `stylize_s` that quantiles are of."""

COLUMNS = ("status", "stylize_s", "warmup", "device_peak_allocated_bytes")
BATCHES = 64
"""Looked at together, or what there is when somebody asks."""

Times = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True)
class Snapshot:
    """Where a run stands. None is what is not known."""

    total: int
    done: int
    """Tasks with a row, those of earlier runs included."""
    kept: int
    """Of them, those of earlier runs."""
    failed: dict[str, int]
    """This run's rows that are not ok, by status."""
    images_per_s: float | None
    left_s: float | None
    stylize_s: dict[str, float | None]
    device_peak_bytes: int | None
    queued: int | None
    workers: int | None


class RunStats:
    """This run's rows, added up. Batches are looked at BATCHES together: a few Arrow calls a second, no call a row."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.done = 0
        self.observe: Callable[[Times], None] | None = None
        """Called with every `stylize_s` (s) of an ok row that is no warm-up."""
        self._failed: dict[str, int] = {}
        self._device_peak_bytes: int | None = None
        self._pending: list[list[Any]] = []
        self._clock = clock
        self._since = clock()
        self._came: deque[tuple[float, int]] = deque()
        self._in_window = 0
        self._recent: Times = np.empty(0)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a batch of rows."""
        self.done += batch.num_rows
        self._note_pace(batch.num_rows)
        self._pending.append([batch.column(name) for name in COLUMNS])
        if len(self._pending) >= BATCHES:
            self._look()

    @property
    def failed(self) -> dict[str, int]:
        """How many rows are not ok, by status."""
        self._look()
        return self._failed

    @property
    def device_peak_bytes(self) -> int | None:
        """The most of any row; None where none says."""
        self._look()
        return self._device_peak_bytes

    def images_per_s(self) -> float | None:
        """Rows of the last RECENT_S a second; None before the first."""
        if not self.done:
            return None
        now = self._clock()
        self._forget(now)
        return self._in_window / max(1e-9, now - self._since)

    def quantiles(self) -> dict[str, float | None]:
        """p50 and p95 of the latest `stylize_s`, in s; None before the first."""
        self._look()
        if not len(self._recent):
            return {"p50": None, "p95": None}
        p50, p95 = np.quantile(self._recent, [0.5, 0.95])
        return {"p50": float(p50), "p95": float(p95)}

    def _note_pace(self, rows: int) -> None:
        now = self._clock()
        if self._came and int(self._came[-1][0]) == int(now):
            rows_so_far = self._came.pop()[1]
            self._came.append((now, rows_so_far + rows))
        else:
            self._came.append((now, rows))
        self._in_window += rows
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._came and self._came[0][0] < now - RECENT_S and self._in_window - self._came[0][1] >= RECENT_ROWS:
            self._since, rows = self._came.popleft()
            self._in_window -= rows

    def _look(self) -> None:
        if not self._pending:
            return
        status, seconds, warmup, peaks = (pa.chunked_array(arrays) for arrays in zip(*self._pending, strict=True))
        self._pending.clear()
        for entry in pc.value_counts(status).to_pylist():
            if entry["values"] != "ok":
                self._failed[entry["values"]] = self._failed.get(entry["values"], 0) + entry["counts"]
        peak = pc.max(peaks).as_py()
        if peak is not None:
            self._device_peak_bytes = max(peak, self._device_peak_bytes or 0)
        clean = pc.and_(pc.equal(status, "ok"), pc.invert(pc.fill_null(warmup, False)))
        times = pc.drop_null(pc.filter(seconds, clean)).to_numpy()
        self._recent = np.concatenate([self._recent, times])[-KEPT_TIMES:]
        if self.observe is not None and len(times):
            self.observe(times)
