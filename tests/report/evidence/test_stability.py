"""Times whose trouble is known, and what is said of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stylize.report.evidence.stability import stability
from tests.support.made_rows import BEGIN, row, rows


def measured(times: Any, **changes: Any) -> pd.DataFrame:
    """Rows of these times, one behind the other; a change is a value or one for each row."""
    return rows(
        row(
            n, stylize_s=float(time), started_at=BEGIN + timedelta(seconds=n),
            **{name: value[n] if isinstance(value, list) else value for name, value in changes.items()},
        )
        for n, time in enumerate(times)
    )  # fmt: skip


def noisy(n: int, seed: int, spread: float = 0.03) -> Any:
    return 0.1 * np.exp(np.random.default_rng(seed).normal(0, spread, n))


def causes(times: Any, **changes: Any) -> set[str]:
    return set(stability(measured(times, **changes)).causes)


@pytest.mark.parametrize("seed", range(8))
def test_a_quiet_machine_is_stable_and_a_busy_one_is_not(seed: int) -> None:
    # Shares of waiting as they were measured on two processors, alone and beside a busy loop.
    rng, times = np.random.default_rng(seed), noisy(18, seed)
    alone, beside = rng.uniform(0, 0.09, 18), rng.uniform(0.5, 0.9, 18)
    quiet = measured(times, cpu_wait_s=(times * alone).tolist(), clock_mhz=2600.0, throttled=False)
    busy = measured(times, cpu_wait_s=(times * beside).tolist(), clock_mhz=2600.0, throttled=False)
    assert str(stability(quiet)) == "stable"
    assert set(stability(busy).causes) == {"busy neighbours"}


def test_a_wide_spread_is_unstable() -> None:
    assert causes(noisy(30, 1, 0.5)) == {"spread"}


def test_a_drift_is_unstable_and_its_size_is_said() -> None:
    found = stability(measured(noisy(20, 2) * np.linspace(1, 1.5, 20)))
    assert "drift" in found.causes
    assert "drift +" in str(found)


def test_two_modes_are_unstable() -> None:
    times = noisy(20, 3, 0.01) * np.where(np.arange(20) % 3 == 0, 1.6, 1)
    assert "two modes" in causes(times)


@pytest.mark.parametrize("seed", range(8))
def test_one_mode_is_not_two(seed: int) -> None:
    assert causes(noisy(20, seed, 0.1)) == set()


def test_throttling_and_moving_clocks_are_unstable() -> None:
    assert causes(noisy(10, 4), throttled=[True] * 5 + [False] * 5) == {"throttled"}
    assert causes(noisy(10, 4), clock_mhz=[2000.0] * 5 + [3000.0] * 5) == {"clock moved"}


def test_larger_pictures_that_take_longer_are_no_spread() -> None:
    widths = [256, 512, 1024] * 4
    times = [0.1 * width / 256 for width in widths]
    assert causes(times, width_px=widths) == set()


def test_few_images_are_too_few_to_say() -> None:
    assert str(stability(measured(noisy(3, 5)))) == "too few (n = 3)"


def test_rows_of_a_long_run_are_judged_quickly_enough_to_be_judged_at_all() -> None:
    made = pd.concat([measured(noisy(50, 6))] * 2000, ignore_index=True)
    assert str(stability(made)) == "stable"


def test_a_drift_is_told_whatever_order_the_rows_are_in() -> None:
    made = measured(0.1 * np.linspace(1, 1.5, 20))
    assert "drift" in stability(made.sample(frac=1, random_state=0)).causes


def test_a_clock_that_was_read_otherwise_once_has_not_moved() -> None:
    assert causes(noisy(40, 1), clock_mhz=[3000] + [2000] * 39) == set()
