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
    stats = RunStats(1000)
    numbers = stats.snapshot()
    assert (numbers.total, numbers.done, numbers.kept, numbers.failed, stats.counts) == (1000, 0, 0, {}, {})
    assert numbers.stylize_s == {"p50": None, "p95": None}
    assert [numbers.images_per_s, numbers.left_s, numbers.device_peak_bytes, numbers.queued, numbers.workers] == [
        None
    ] * 5


def test_a_device_is_idle_for_what_it_waited_of_its_time() -> None:
    stats = RunStats(1000)
    on_card = {"device": "cuda:0", "stylize_s": 0.1, "device_wait_s": 0.2}
    stats.add(batch(on_card | {"device_wait_s": None}, on_card | {"warmup": True}, {"device": None, "status": "oom"}))
    stats.add(batch({"device": "cpu", "stylize_s": 0.1, "device_wait_s": 9.0}))
    assert stats.snapshot().device_idle is None
    stats.add(batch(on_card, on_card | {"style_s": 0.1, "device_wait_s": 0.1}))
    assert stats.snapshot().device_idle == pytest.approx(0.5)


def test_failures_are_counted_by_status() -> None:
    stats = RunStats(1000)
    for _ in range(2):
        stats.add(batch({}, {"status": "oom"}, {"status": "nan"}, {"status": "nan"}))
    assert (stats.done, stats.failed, stats.counts) == (8, {"oom": 2, "nan": 4}, {"ok": 2, "oom": 2, "nan": 4})


def test_rows_of_earlier_runs_count_as_done_but_neither_as_pace_nor_as_this_runs_failures() -> None:
    clock = Clock()
    stats = RunStats(1000, clock)
    stats.keep("ok", 5)
    stats.keep("oom")
    assert (stats.done, stats.images_per_s(), stats.left_s()) == (6, None, None)
    clock.now += 2
    stats.add(batch({}, {"status": "nan"}))
    assert (stats.kept, stats.done, stats.failed) == (6, 8, {"nan": 1})
    assert stats.counts == {"ok": 6, "oom": 1, "nan": 1}
    assert (stats.images_per_s(), stats.left_s()) == (1, 992)


def test_times_are_of_ok_rows_without_warm_up() -> None:
    stats, seen = RunStats(1000), list[float]()
    stats.observe = lambda times: seen.extend(times.tolist())
    stats.add(
        batch(
            {"stylize_s": 9.0, "warmup": True},
            {"stylize_s": 1.0, "warmup": False},
            {"stylize_s": 3.0, "warmup": False},
            {"stylize_s": 8.0, "warmup": False, "status": "nan"},
            {"status": "corrupt"},
        )
    )
    assert stats.snapshot().stylize_s["p50"] == 2
    assert seen == [1, 3]


def test_quantiles_are_of_the_latest_times() -> None:
    stats = RunStats(1000)
    stats.add(batch(*[{"stylize_s": 900.0}] * 500))
    assert stats.snapshot().stylize_s == {"p50": 900, "p95": 900}
    for part in range(KEPT_TIMES // 500 + BATCHES):
        stats.add(batch(*[{"stylize_s": float(part % 20)}] * 500))
    assert stats.snapshot().stylize_s == pytest.approx({"p50": 9.5, "p95": 18.05})
    assert len(stats._recent) == KEPT_TIMES


def test_the_highest_device_peak_stays() -> None:
    stats = RunStats(1000)
    for peak in (None, 5, 7, None, 6):
        stats.add(batch({"device_peak_allocated_bytes": peak}))
        seen = stats.snapshot().device_peak_bytes
    assert seen == 7


def test_pace_is_of_the_last_minute() -> None:
    clock = Clock()
    stats = RunStats(1000, clock)
    for rows in [1] * 100 + [4] * 100:
        clock.now += 1
        stats.add(batch(*[{}] * rows))
    assert stats.images_per_s() == pytest.approx(4, rel=0.02)


def test_pace_of_few_slow_images_is_over_more_than_a_minute() -> None:
    clock = Clock()
    stats = RunStats(1000, clock)
    for _ in range(40):
        clock.now += 100
        stats.add(batch({}))
    assert stats.images_per_s() == pytest.approx(0.01)
