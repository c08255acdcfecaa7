"""A run's numbers as Ray metrics: on the Prometheus endpoint of the driver's node, under `ray_` and these names."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import numpy as np
from ray.util.metrics import Counter, Gauge, Histogram

from jobs.progress.stats import Snapshot, Times

EVERY_S = 1.0
OBSERVED = 1000
"""Times given to the histogram in EVERY_S. Beyond it an even choice of them: Ray takes one call per value, 2 us, and
its agent replays each one, while quantiles do not change."""
BOUNDARIES_S = [
    0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75,
    1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120, 300, 600,
]  # fmt: skip
TAGS = ("stylizer", "run")
"""Of every metric. A run's metrics are series of their own anyhow, as Ray tags them with the driver's worker id."""


class Declared(NamedTuple):
    """One metric."""

    name: str
    kind: type[Counter] | type[Gauge] | type[Histogram]
    meaning: str


METRICS: tuple[Declared, ...] = (
    Declared("stylize_tasks_done_total", Counter, "rows that came in this run, whatever their status"),
    Declared("stylize_tasks_failed_total", Counter, "of them those that are not ok, by status"),
    Declared("stylize_tasks_left", Gauge, "tasks that have no row yet"),
    Declared("stylize_tasks_queued", Gauge, "tasks given to workers and not back"),
    Declared("stylize_workers_loaded", Gauge, "workers that have loaded the stylizer"),
    Declared("stylize_images_per_second", Gauge, "rows per second over the last minute"),
    Declared("stylize_image_seconds", Histogram, "stylize_s of ok rows without warm-up; above 1000 a second a choice"),
    Declared("stylize_device_peak_bytes", Gauge, "most accelerator memory in tensors that an image of this run needed"),
    Declared("stylize_device_idle_ratio", Gauge, "share of its time that an accelerator waited for images, 0 to 1"),
)  # fmt: skip


class Metrics:
    """The metrics of one run, recorded every EVERY_S at most; Ray is up already."""

    def __init__(self, stylizer: str, run_id: str) -> None:
        self._made: dict[str, Any] = {}
        for name, kind, meaning in METRICS:
            tags = (*TAGS, "status") if name == "stylize_tasks_failed_total" else TAGS
            more: dict[str, Any] = {"boundaries": BOUNDARIES_S} if kind is Histogram else {}
            made = kind(name, description=meaning, tag_keys=tags, **more)
            self._made[name] = made.set_default_tags({"stylizer": stylizer, "run": run_id})
        self._counted: dict[str, int] = {}
        self._times: list[Times] = []
        self._at = -math.inf

    def observe(self, times: Times) -> None:
        """Keep `stylize_s` values (s) for the next record."""
        self._times.append(times)

    def record(self, numbers: Snapshot) -> None:
        self._at = time.monotonic()
        self._count("stylize_tasks_done_total", numbers.done - numbers.kept)
        for status, count in numbers.failed.items():
            self._count("stylize_tasks_failed_total", count, status)
        self._set("stylize_tasks_left", numbers.total - numbers.done)
        self._set("stylize_tasks_queued", numbers.queued)
        self._set("stylize_workers_loaded", numbers.workers)
        self._set("stylize_images_per_second", numbers.images_per_s)
        self._set("stylize_device_peak_bytes", numbers.device_peak_bytes)
        self._set("stylize_device_idle_ratio", numbers.device_idle)
        if self._times:
            histogram = self._made["stylize_image_seconds"]
            for value in evenly(np.concatenate(self._times), OBSERVED).tolist():
                histogram.observe(value)
            self._times.clear()

    @property
    def due(self) -> bool:
        """Return whether EVERY_S has passed since the last record."""
        return time.monotonic() - self._at >= EVERY_S

    def _count(self, name: str, now: int, status: str = "") -> None:
        new = now - self._counted.get(name + status, 0)
        if new > 0:
            self._made[name].inc(new, {"status": status} if status else None)
            self._counted[name + status] = now

    def _set(self, name: str, value: float | None) -> None:
        self._made[name].set(value)  # which passes over None: what is not known yet has no value


def evenly(values: Times, most: int) -> Times:
    """Return `values`, or `most` of them at even distances, in order."""
    if len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).astype(np.int64)]
