"""A run's numbers from its rows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from jobs.progress.stats import BATCHES, KEPT_TIMES, RunStats
from stylize.results.schema import to_batch


class Clock:
    """Time that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def batch(*rows: dict[str, Any]) -> pa.RecordBatch:
    """Rows that are ok unless they say otherwise."""
    return to_batch([{"status": "ok", **row} for row in rows])


def test_nothing_is_known_before_the_first_row() -> None:
    tally = RunStats()
    assert tally.images_per_s() is None
    assert tally.quantiles() == {"p50": None, "p95": None}
    assert tally.device_peak_bytes is None


def test_failures_are_counted_by_status() -> None:
    tally = RunStats()
    for _ in range(2):
        tally.add(batch({}, {"status": "oom"}, {"status": "nan"}, {"status": "nan"}))
    assert (tally.done, tally.failed) == (8, {"oom": 2, "nan": 4})


def test_times_are_of_ok_rows_without_warm_up() -> None:
    tally, seen = RunStats(), list[float]()
    tally.observe = lambda times: seen.extend(times.tolist())
    tally.add(
        batch(
            {"stylize_s": 9.0, "warmup": True},
            {"stylize_s": 1.0, "warmup": False},
            {"stylize_s": 3.0, "warmup": False},
            {"stylize_s": 8.0, "warmup": False, "status": "nan"},
            {"status": "corrupt"},
        )
    )
    assert tally.quantiles()["p50"] == 2
    assert seen == [1, 3]


def test_quantiles_are_of_the_latest_times() -> None:
    tally = RunStats()
    tally.add(batch({"stylize_s": 9.0}))
    for _ in range(KEPT_TIMES // 500 + BATCHES):
        tally.add(batch(*[{"stylize_s": 1.0}] * 500))
    assert tally.quantiles() == {"p50": 1, "p95": 1}
    assert len(tally._recent) == KEPT_TIMES


def test_the_highest_device_peak_stays() -> None:
    tally = RunStats()
    for peak in (None, 5, 7, None, 6):
        tally.add(batch({"device_peak_allocated_bytes": peak}))
    assert tally.device_peak_bytes == 7


def test_pace_is_of_the_last_minute() -> None:
    clock = Clock()
    tally = RunStats(clock)
    for rows in [1] * 100 + [4] * 100:
        clock.now += 1
        tally.add(batch(*[{}] * rows))
    assert tally.images_per_s() == pytest.approx(4, rel=0.02)


def test_pace_of_few_slow_images_is_over_more_than_a_minute() -> None:
    clock = Clock()
    tally = RunStats(clock)
    for _ in range(40):
        clock.now += 100
        tally.add(batch({}))
    assert tally.images_per_s() == pytest.approx(0.01)
