"""Numbers as a reader wants them: three digits, a unit, and a dash for what was not measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

DASH = "-"
_MOST, _MOST_S, _MOST_TIMES = 1e18, 1e9, 1_000_000
_LEAST = 1e-100
"""Beside 0; of less a ratio may be infinite."""


def measured(numbers: pd.Series) -> pd.Series:
    """Return a column of rows without what no measurement gives, as infinity, a negative time or a side of 0 px."""
    name = str(numbers.name)
    least = 1 if name.endswith("_px") or name == "workers" else 0 if name.endswith(("_s", "_bytes")) else -_MOST
    values = numbers.to_numpy(float, na_value=np.nan)
    tiny = (values != 0) & (np.abs(values) < _LEAST)
    known = ~((values < least) | (values > (_MOST_S if name.endswith("_s") else _MOST)) | tiny)
    return numbers if known.all() else numbers.where(known)


def seconds(value: Any) -> str:
    """Return 36.4 ms of 0.0364, 12.3 s of 12.34, 12.6 min of 754."""
    if pd.isna(value):
        return DASH
    if value >= 600:
        return f"{value / 60:.3g} min" if value < 36_000 else f"{value / 3600:.3g} h"
    return f"{digits(value * 1000)} ms" if value < 1 else f"{digits(value)} s"


def size(value: Any) -> str:
    """Return bytes as 123 MB of 123456789, 1.23 GB of 1234567890."""
    if pd.isna(value):
        return DASH
    return f"{digits(value / 1e9)} GB" if abs(value) >= 1e9 else f"{digits(value / 1e6)} MB"


def digits(value: Any) -> str:
    """Return three significant digits, as a power of ten from a million on: 0.0364, 706000, 5.64e10."""
    if pd.isna(value):
        return DASH
    mantissa, exponent, power = f"{value:.3g}".partition("e+")
    if not exponent:
        return mantissa
    return f"{float(f'{value:.3g}'):.0f}" if abs(value) < 1e6 else f"{mantissa}e{int(power)}"


def score(value: Any) -> str:
    """Return a number with three decimals, as of SSIM."""
    return DASH if pd.isna(value) else f"{value:.3f}"


def signed(value: Any) -> str:
    """Return a number with three decimals and its sign."""
    return DASH if pd.isna(value) else f"{value:+.3f}"


def times(value: Any) -> str:
    """Return a ratio as text; one to what is 0, or nearly, has no size."""
    if pd.isna(value):
        return DASH
    if value > _MOST_TIMES:
        return f"over {_MOST_TIMES:,}x"
    return f"under 1/{_MOST_TIMES:,}x" if 0 <= value < 1 / _MOST_TIMES else f"{digits(value)}x"


def percent(value: Any) -> str:
    """Return a share of 1 as a percentage."""
    return DASH if pd.isna(value) else f"{value * 100:.0f} %"


def count(value: Any) -> str:
    """Return a whole number as text."""
    return DASH if pd.isna(value) else f"{int(value)}"


def side(value: Any) -> str:
    """Return a long side as text, in px; null is the photo's own."""
    return "own size" if pd.isna(value) else f"{int(value)} px"


def text(value: Any) -> str:
    """Return a word, or a dash for none."""
    return DASH if pd.isna(value) or value == "" else str(value)
