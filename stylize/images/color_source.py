"""What a file says its colours are: a profile, or numbers."""

from __future__ import annotations

from typing import Any

from PIL import ExifTags, Image

from stylize.images import bmp, gif, heif, jpeg, jpeg2000, png
from stylize.images.color import SRGB_CORNERS, Signal, Space
from stylize.images.damage import DAMAGE

_PROFILES = {
    "PNG": png.profile, "JPEG2000": jpeg2000.profile, "GIF": gif.profile, "BMP": bmp.profile, "DIB": bmp.profile,
}  # fmt: skip
"""What finds a profile that Pillow passes over, or refuses for its size, by Pillow's names of kinds."""
PARTLY_TOLD = (*_PROFILES, "AVIF")
"""Kinds of which Pillow passes over some ways to say so."""
_RED, _, _BLUE, _WHITE = SRGB_CORNERS
_ADOBE_RGB = Space((_RED, (0.21, 0.71), _BLUE, _WHITE), 563 / 256)
_SRGB_BY_EXIF = 1


def color_source(kind: str | None, info: dict[Any, Any], data: bytes) -> tuple[bytes | None, Signal | Space | None]:
    """Return an image's profile, None where numbers count before it, and those numbers.

    `kind` is Pillow's `format`, `info` what Pillow tells, `data` the whole file, b"" where it is not at hand.
    """
    # Before a profile: the standard's order.
    if kind == "PNG" and (signal := png.signal(data)) is not None:
        return None, signal
    profile = info.get("icc_profile") or (_PROFILES[kind](data) if kind in _PROFILES else None)
    if profile:
        return profile, None
    if kind in ("BMP", "DIB"):
        return None, bmp.space(data)
    if kind in ("AVIF", "HEIF") and data:
        return None, heif.signal(data)
    told = info.get("nclx_profile")  # by pi-heif
    if isinstance(told, dict):
        return None, Signal(int(told["color_primaries"]), int(told["transfer_characteristics"]))
    if kind in jpeg.NAMES and _is_adobe_rgb(info.get("exif")):
        return None, _ADOBE_RGB
    return None, png.space(info)


def _is_adobe_rgb(block: Any) -> bool:
    """Return whether EXIF says so, as cameras do that are set to it and embed no profile (DCF's option files)."""
    if not isinstance(block, bytes) or b"R03\0" not in block:
        return False
    tags = Image.Exif()
    try:
        tags.load(block)
        index = tags.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
        return index == "R03" and tags.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace) != _SRGB_BY_EXIF
    except DAMAGE:
        return False
