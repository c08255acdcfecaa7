"""Restyle images in bulk, with numbers people can trust.

import stylize
s = stylize.load()              # the bundled model; or stylize.load("identity", device="cpu", ...)
picture = s(photo, artwork)     # PIL images or (H, W, 3) uint8 arrays
"""

from __future__ import annotations

from stylize import errors
from stylize.stylizers import load, names

__all__ = ["__version__", "errors", "load", "names"]
__version__ = "0.1.0"
