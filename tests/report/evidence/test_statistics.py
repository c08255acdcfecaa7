"""Fits and medians of numbers whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from stylize.report.evidence.statistics import Interval, mean, median, power_law, quantile


def test_an_exact_power_law_is_found() -> None:
    x = [1.0, 2.0, 4.0, 8.0]
    law = power_law(x, [3 * value**1.5 for value in x])
    assert law is not None
    assert law.exponent == pytest.approx(1.5)
    assert law.low == pytest.approx(law.high)
    assert law.at(16) == pytest.approx(192)
    flat = power_law(x, [0.1] * 4)
    assert flat is not None
    assert (flat.low, flat.exponent, flat.high) == (0, 0, 0)


def test_the_interval_holds_the_true_exponent_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(0)
    x = np.repeat([0.1, 0.3, 1.0, 3.0], 5)
    inside = 0
    for _ in range(400):
        law = power_law(x, x**0.9 * np.exp(rng.normal(0, 0.2, len(x))))
        assert law is not None
        inside += law.low <= 0.9 <= law.high
    assert 0.92 < inside / 400 < 0.98


@pytest.mark.parametrize(
    ("x", "y"),
    [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [0, float("nan"), 1]), ([1, 1, 2, 2], [1, 1, 2, 2])],
)
def test_too_few_numbers_give_no_law(x: list[float], y: list[float]) -> None:
    assert power_law(x, y) is None


def test_a_median_has_an_interval_that_shrinks_with_values() -> None:
    rng = np.random.default_rng(1)
    widths = []
    for n in (10, 1000):
        found = median(1.2 * np.exp(rng.normal(0, 0.1, n)))
        assert found.low < found.value < found.high
        widths.append(found.high - found.low)
    assert found.low < 1.2 < found.high
    assert widths[1] < widths[0] / 3


def test_what_is_not_known_counts_in_no_quantile_and_no_mean() -> None:
    some = np.array([1.0, np.nan, 2.0, 6.0])
    assert (quantile(some), quantile(some, 0.25), mean(some)) == (2, 1.5, 3)
    assert np.isnan([quantile(some[1:2]), mean(some[1:2])]).all()


def test_a_median_of_nothing_is_refused() -> None:
    for values in ([], [float("nan"), 1.0]):
        with pytest.raises(ValueError, match="needs numbers"):
            median(values)


def test_a_picture_measured_many_times_counts_once() -> None:
    rng = np.random.default_rng(0)
    photos = rng.normal(0, 1, 6)
    values, subjects, repeats = np.repeat(photos, 50), np.repeat(np.arange(6), 50), np.tile(np.arange(50), 6)
    once, many, apart = median(photos), median(values, subjects, repeats), median(values)
    assert many.high - many.low == pytest.approx(once.high - once.low, rel=0.2)
    assert many.low <= once.low < once.high <= many.high
    assert apart.high - apart.low < (once.high - once.low) / 2


def test_a_bad_repeat_widens_the_interval() -> None:
    subjects, repeats = np.tile(np.arange(10), 3), np.repeat(np.arange(3), 10)
    values = np.where(repeats == 0, 2.0, 1.0)
    found = median(values, subjects, repeats)
    assert (found.low, found.high) == (1, 2)


def test_the_interval_of_a_median_holds_it_nineteen_times_in_twenty_for_few_and_many() -> None:
    rng = np.random.default_rng(3)
    for n in (7, 15, 3000):
        inside = 0
        for _ in range(400):
            found = median(rng.exponential(1, n))
            inside += found.low <= np.log(2) <= found.high
        assert 0.92 < inside / 400 <= 0.98
    # By scipy's binomial distribution the ends are ranks 4 to 12 of 15 in 96.5 %, 5 to 11 in 88.2 %.
    found = median(np.arange(1.0, 16.0))
    assert 4 < found.low < 5
    assert (found.value, found.high) == (8, 16 - found.low)
    assert median([3.0, 1.0, 2.0, 5.0, 9.0]) == Interval(3, 1, 9)
