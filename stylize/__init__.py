"""Restyle images in bulk, with numbers people can trust.

import stylize
s = stylize.load()              # the bundled model; or stylize.load("identity", device="cpu", ...)
picture = s(photo, artwork)     # PIL images or (H, W, 3 or 4) uint8 arrays
rows = stylize.read_rows("out").to_pandas()   # what a job measured
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from stylize.errors import (
    BadKeyError,
    CannotContinueError,
    CorruptImageError,
    DeviceLostError,
    ImageError,
    NoDeviceError,
    NoRoomError,
    NotFiniteError,
    StylizeError,
    UnsupportedImageError,
    UsageError,
    WeightsError,
)
from stylize.interrupts import end_without_trace

if TYPE_CHECKING:
    from stylize.results.read import read_rows
    from stylize.stylizers import load, names
    from stylize.stylizers.base import Stylizer

__all__ = [
    "BadKeyError",
    "CannotContinueError",
    "CorruptImageError",
    "DeviceLostError",
    "ImageError",
    "NoDeviceError",
    "NoRoomError",
    "NotFiniteError",
    "StylizeError",
    "Stylizer",
    "UnsupportedImageError",
    "UsageError",
    "WeightsError",
    "__version__",
    "load",
    "names",
    "read_rows",
]
__version__ = "0.1.0"

_HOMES = {
    "Stylizer": "stylize.stylizers.base",
    "load": "stylize.stylizers",
    "names": "stylize.stylizers",
    "read_rows": "stylize.results.read",
}
"""Where the names are that cost seconds to import: torch and Arrow are loaded when one is first used."""


end_without_trace()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
