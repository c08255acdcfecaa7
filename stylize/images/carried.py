"""What a photo's file holds beside its colours, and its result is to keep: EXIF, dots per inch, alpha."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from stylize.images import exif, png
from stylize.images.damage import DAMAGE

log = logging.getLogger(__name__)

Alpha = np.ndarray[Any, np.dtype[np.uint8]]
MAX_DPI = 65_535
"""What JPEG can say."""
_EXIF, _GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005


@dataclass(frozen=True, slots=True)
class Carried:
    """A photo's EXIF block as it is, dots per inch across and down its upright form, and (H, W) alpha, 0 is clear."""

    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    alpha: Alpha | None = None


def exif_of(image: Image.Image) -> bytes | None:
    """Return a loaded image's EXIF block, None where there is none that can be read."""
    try:
        if isinstance(image, TiffImageFile):
            return block_of(image.getexif())
        block = image.info.get("exif")
        if block is None:
            block = png.raw_exif(image.info)
    except DAMAGE:
        log.debug("EXIF not readable", exc_info=True)
        return None
    return block if isinstance(block, bytes) else None


def block_of(tags: Image.Exif) -> bytes | None:
    """Return what of a TIFF's tags is EXIF: a block of their own, as the file around them is not kept."""
    own = Image.Exif()
    for tag, value in tags.items():
        if exif.keeps(tag) and tag not in (_EXIF, _GPS):
            own[tag] = value
    for tag in (_EXIF, _GPS):
        if below := {name: value for name, value in tags.get_ifd(tag).items() if name != _INTEROPERABILITY}:
            own[tag] = below
    return own.tobytes() if own else None


def dpi_of(image: Image.Image, sideways: bool) -> tuple[float, float] | None:
    """Return dots per inch across and down, once an image that lies `sideways` is upright; None without sense."""
    # Pillow turns a TIFF as it loads it, but not its dots per inch.
    sideways = sideways or getattr(image, "_tile_size", image.size) != image.size
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except DAMAGE:
        return None
    # 1 is Pillow's word for a TIFF that says none.
    if not all(math.isfinite(value) and 1 < value <= MAX_DPI for value in (across, down)):
        return None
    return (down, across) if sideways else (across, down)
