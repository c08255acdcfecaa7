"""What a photo's file holds beside its colours, and its result is to keep: EXIF, dots per inch, alpha."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

from PIL import Image

from stylize.images import jpeg, png
from stylize.images.damage import DAMAGE
from stylize.images.orientation import SIDEWAYS
from stylize.images.pixels import Pixels

log = logging.getLogger(__name__)

MAX_DPI = 65_535
"""What JPEG can say."""
_INCHES = {2: 1.0, 3: 2.54}
"""Times dots per EXIF's unit of length, those per inch."""
_JFIF_UNITS = (1, 2)
_ACROSS, _DOWN, _UNIT = 282, 283, 296


@dataclass(frozen=True, slots=True)
class Carried:
    """A photo's EXIF block as it is, dots per inch across and down its upright form, and (H, W) alpha, 0 is clear."""

    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    alpha: Pixels | None = None


def exif_of(image: Image.Image) -> bytes | None:
    """Return a loaded image's EXIF block, None where there is none that can be read."""
    try:
        block = image.info.get("exif")
        if block is None:
            block = png.raw_exif(image.info)
    except DAMAGE:
        log.debug("EXIF not readable", exc_info=True)
        return None
    return block if isinstance(block, bytes) else None


def dpi_of(image: Image.Image, sideways: bool) -> tuple[float, float] | None:
    """Return dots per inch across and down, once an image that lies `sideways` is upright; None without sense."""
    # pi-heif turns what EXIF says is turned, but not its dots per inch.
    sideways = sideways or image.info.get("original_orientation") in SIDEWAYS
    try:
        across, down = (float(value) for value in _stated_dpi(image))
    except DAMAGE:
        return None
    # 1 is Pillow's word for a TIFF that says none.
    if not all(math.isfinite(value) and 1 < value <= MAX_DPI for value in (across, down)):
        return None
    return (down, across) if sideways else (across, down)


def _stated_dpi(image: Image.Image) -> tuple[Any, Any]:
    """Return what a file says, in EXIF where it says nothing outside of it. Raises one of DAMAGE."""
    # Of a JPEG's EXIF, Pillow gives one number for both, and 72 where it has none.
    in_exif_alone = image.format in jpeg.NAMES and image.info.get("jfif_unit") not in _JFIF_UNITS
    if "dpi" in image.info and not in_exif_alone:
        across, down = image.info["dpi"]
        return across, down
    tags = Image.Exif()
    tags.load(exif_of(image) or b"")
    inches = _INCHES[tags.get(_UNIT, 2)]
    return float(tags[_ACROSS]) * inches, float(tags[_DOWN]) * inches
