"""What a file says its colours are: a profile, or numbers."""

from __future__ import annotations

from typing import Any

from stylize.images import bmp, heif, jpeg2000, png
from stylize.images.color import Signal, Space

PARTLY_TOLD = ("PNG", "BMP", "DIB", "JPEG2000", "AVIF")
"""Pillow's names of kinds of which it passes over some ways to say so."""


def color_source(kind: str | None, info: dict[Any, Any], data: bytes) -> tuple[bytes | None, Signal | Space | None]:
    """Return an image's profile, None where numbers count before it, and those numbers.

    `kind` is Pillow's `format`, `info` what Pillow tells, `data` the whole file, b"" where it is not at hand.
    """
    profile: bytes | None = info.get("icc_profile")
    if kind == "PNG":
        # cICP counts before a profile: the standard's order.
        if (signal := png.signal(data)) is not None:
            return None, signal
        # Pillow refuses profiles of some sizes.
        profile = profile or png.profile(data)
    elif kind == "JPEG2000":
        profile = profile or jpeg2000.profile(data)
    elif kind in ("BMP", "DIB"):
        profile = bmp.profile(data)
    if profile:
        return profile, None
    if kind in ("AVIF", "HEIF") and data:
        return None, heif.signal(data)
    told = info.get("nclx_profile")  # by pi-heif
    if isinstance(told, dict):
        return None, Signal(int(told["color_primaries"]), int(told["transfer_characteristics"]))
    return None, png.space(info)
