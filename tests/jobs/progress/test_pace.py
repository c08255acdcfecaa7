"""Pace, and what is left by it, of runs whose images differ in cost."""

from __future__ import annotations

import random

import pytest

from jobs.progress.pace import GRAINS, Pace
from jobs.progress.stats import RunStats
from tests.jobs.progress.test_stats import Clock


def shuffled_blocks(seed: int) -> list[float]:
    """Seconds of each image of a sweep in a seeded order: blocks of 20 of a fast, a middling and a slow method."""
    blocks = [seconds for seconds in (0.1, 1.0, 10.0) for _ in range(30)]
    random.Random(seed).shuffle(blocks)
    return [seconds for seconds in blocks for _ in range(20)]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_left_of_a_sweep_does_not_go_by_the_block_at_work(seed: int) -> None:
    clock, costs = Clock(), shuffled_blocks(seed)
    stats, left, begun = RunStats(len(costs), clock), sum(costs), clock.now
    whole, off = left, []
    for seconds in costs:
        clock.now += seconds
        left -= seconds
        stats.advance()
        if 0.25 * whole < clock.now - begun < 0.75 * whole:
            off.append(max((told := stats.left_s() or 0) / left, left / told))
    assert max(off) < 4  # by the last minute 5 to 9


def test_what_is_left_goes_by_new_workers_soon() -> None:
    clock = Clock()
    stats = RunStats(100_000, clock)
    for rate in [1] * 600 + [8] * 1200:
        clock.now += 1
        stats.advance(rate)
    assert stats.left_s() == pytest.approx((100_000 - stats.done) / 8, rel=0.01)


def test_starting_and_loading_is_no_part_of_the_pace() -> None:
    clock = Clock()
    stats = RunStats(100, clock)
    clock.now += 30
    stats.begin()
    clock.now += 0.5
    stats.advance()
    assert (stats.images_per_s(), stats.left_s()) == (2, 49.5)
    stats.begin()  # of a sweep's next workers: what came before them counts
    assert stats.left_s() == 49.5


def test_a_run_of_weeks_is_remembered_in_a_few_parts() -> None:
    clock = Clock()
    pace = Pace(clock, 0.5)
    for _ in range(200_000):
        clock.now += 10
        pace.note(10)
    assert pace.per_s() == pytest.approx(1, rel=0.01)
    assert len(pace._came) < 3 * GRAINS
