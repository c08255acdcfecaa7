"""What is known of a run so far, from its rows as they come: counts, pace, times, memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.progress.pace import Pace

LEFT_SHARE = 0.5
"""The share of the time so far whose pace tells what is left: images differ in cost, and so do minutes."""
KEPT_TIMES = 10_000
"""Latest values of `stylize_s` that quantiles are of."""

COLUMNS = ("status", "stylize_s", "warmup", "device_peak_allocated_bytes", "device", "device_wait_s", "style_s")
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
    device_idle: float | None
    """Share of the time, in [0, 1], that an accelerator had nothing to do; of the latest KEPT_TIMES such rows."""
    queued: int | None
    workers: int | None


class RunStats:
    """Counts a run's tasks by how they ended, and measures its pace, times and memory: all that is shown or recorded.

    Batches are looked at BATCHES together: a few Arrow calls per second, none per row.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        """Tasks of the run, those of earlier runs included; more once more have come than were counted."""
        self.observe: Callable[[Times], None] | None = None
        """Called with every `stylize_s` (s) of an ok row that is no warm-up."""
        self._earlier: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._new = 0
        self._device_peak_bytes: int | None = None
        self._pending: list[list[Any]] = []
        self._pace, self._long_pace = Pace(clock), Pace(clock, LEFT_SHARE)
        self._recent: Times = np.empty(0)
        self._waits: Times = np.empty((0, 2))
        """Seconds that an accelerator waited and worked, of the latest rows."""

    def begin(self) -> None:
        """Take now as the time when work begins, as a worker is loaded; no part of it is done before."""
        if not self._new:
            self._pace.begin()
            self._long_pace.begin()

    def keep(self, status: str, tasks: int = 1) -> None:
        """Count tasks whose row an earlier run left: done, but no part of this run's pace."""
        self._earlier[status] += tasks

    def advance(self, tasks: int = 1) -> None:
        """Count tasks of which no more is known than that they are done."""
        self._new += tasks
        self.total = max(self.total, self.done)
        self._pace.note(tasks)
        self._long_pace.note(tasks)

    def add(self, batch: pa.RecordBatch) -> None:
        self.advance(batch.num_rows)
        self._pending.append([batch.column(name) for name in COLUMNS])
        if len(self._pending) >= BATCHES:
            self._look()

    def take_back(self, tasks: int) -> None:
        """Count so many tasks as not done, as their rows could not be stored: another run does them again."""
        self._new -= tasks

    @property
    def kept(self) -> int:
        """Return how many tasks have their row from an earlier run."""
        return self._earlier.total()

    @property
    def done(self) -> int:
        """Return how many tasks have a row, those of earlier runs included."""
        return self.kept + self._new

    @property
    def counts(self) -> dict[str, int]:
        """Return how many tasks ended so, by status, those of earlier runs included."""
        self._look()
        return dict(self._earlier + self._statuses)

    @property
    def failed(self) -> dict[str, int]:
        """Return how many rows of this run are not ok, by status."""
        self._look()
        return {status: count for status, count in self._statuses.items() if status != "ok"}

    def images_per_s(self) -> float | None:
        """Return the rows per second of the last minute; None before the first."""
        return self._pace.per_s() if self._new else None

    def left_s(self) -> float | None:
        """Return the seconds that the rest takes at the pace of the second half so far; None before the first row."""
        return (self.total - self.done) / self._long_pace.per_s() if self._new else None

    def snapshot(self, queued: int | None = None, workers: int | None = None) -> Snapshot:
        """Return where the run stands. queued: tasks that workers hold; workers: how many of them are loaded."""
        return Snapshot(
            total=self.total,
            done=self.done,
            kept=self.kept,
            failed=self.failed,
            images_per_s=self.images_per_s(),
            left_s=self.left_s(),
            stylize_s=self._quantiles(),
            device_peak_bytes=self._device_peak_bytes,
            device_idle=self.device_idle(),
            queued=queued,
            workers=workers,
        )

    def device_idle(self) -> float | None:
        """Return the share of its time that an accelerator waited for images; None on a CPU, or while unknown."""
        self._look()
        waited, worked = self._waits.sum(0)
        return float(waited / (waited + worked)) if worked else None

    def _quantiles(self) -> dict[str, float | None]:
        """Return p50 and p95 of the latest `stylize_s`, in s; None before the first."""
        if not len(self._recent):
            return {"p50": None, "p95": None}
        p50, p95 = np.quantile(self._recent, [0.5, 0.95])
        return {"p50": float(p50), "p95": float(p95)}

    def _look(self) -> None:
        if not self._pending:
            return
        columns = (pa.chunked_array(arrays) for arrays in zip(*self._pending, strict=True))
        status, seconds, warmup, peaks, device, waits, style = columns
        self._pending.clear()
        for entry in pc.value_counts(status).to_pylist():
            self._statuses[entry["values"]] += entry["counts"]
        peak = pc.max(peaks).as_py()
        if peak is not None:
            self._device_peak_bytes = max(peak, self._device_peak_bytes or 0)
        clean = pc.and_(pc.equal(status, "ok"), pc.invert(pc.fill_null(warmup, False)))
        times = pc.drop_null(pc.filter(seconds, clean)).to_numpy()
        self._recent = np.concatenate([self._recent, times])[-KEPT_TIMES:]
        on_card = pc.and_(clean, pc.and_(pc.fill_null(pc.not_equal(device, "cpu"), False), pc.is_valid(waits)))
        worked = pc.add(seconds, pc.fill_null(style, 0.0))
        both = [pc.filter(one, on_card).to_numpy() for one in (waits, worked)]
        self._waits = np.concatenate([self._waits, np.stack(both, 1)])[-KEPT_TIMES:]
        if self.observe is not None and len(times):
            self.observe(times)
