"""Numbers as a reader wants them."""

from __future__ import annotations

import pytest

from stylize.report import units


@pytest.mark.parametrize(
    ("ratio", "told"),
    [(2.5, "2.5x"), (1e9, "over 1,000,000x"), (1e-9, "under 1/1,000,000x"), (0.0, "under 1/1,000,000x")],
)
def test_a_ratio_to_what_is_nearly_0_has_no_size(ratio: float, told: str) -> None:
    assert units.times(ratio) == told
