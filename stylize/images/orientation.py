"""Which way up an image is: EXIF's orientation, counted once."""

from __future__ import annotations

import logging

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import TiffImageFile

from stylize.images import png, scratch
from stylize.images.damage import DAMAGE
from stylize.images.pixels import Pixels, is_plain

log = logging.getLogger(__name__)

SIDEWAYS = (5, 6, 7, 8)
"""Orientations whose width upright is the height in the file."""
_ROWS = 512
"""Moved at once."""
_TURNED = "stylize_turned"


def leave_unturned(image: TiffImageFile) -> None:
    """Have an opened TIFF load its pixels as they lie in the file: Pillow would turn them in memory of their own."""
    vars(image)[_TURNED] = orientation(image)
    image.getexif()[ExifTags.Base.Orientation] = 1
    image._size = image._tile_size


def orientation(image: Image.Image) -> int:
    """Return the orientation (1 to 8) that is still to be undone once the image is loaded; 1 where there is none.

    To be asked after loading: asked before, a PNG loads itself and hides its damage.
    """
    if turned := vars(image).get(_TURNED):
        return int(turned)
    # These containers say themselves how they are turned, and their decoders have done it.
    if image.format == "HEIF" or (image.format == "JXL" and not getattr(image, "jpeg", False)):
        return 1
    # A damaged EXIF block says nothing about the pixels, so it never costs the image.
    try:
        if image.format == "AVIF" and "exif" not in image.info:
            return 1  # Pillow notes there how the container is turned, and asks XMP where it is not
        tags = image.getexif()
        if not tags and (block := png.raw_exif(image.info)):
            tags = Image.Exif()
            tags.load(block)
        turned = tags.get(ExifTags.Base.Orientation, 1)
    except DAMAGE:
        log.debug("EXIF not readable", exc_info=True)
        return 1
    return turned if turned in range(1, 9) else 1


def upright(pixels: Pixels, turned: int, most_in_memory: int | None = None) -> Pixels:
    """Return (H, W, 3) or (H, W) pixels with their orientation undone.

    More bytes than `most_in_memory` are in a mapped file, if they must be moved.
    """
    if turned in SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    if turned in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if turned in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if is_plain(pixels):
        return pixels
    moved = scratch.empty(pixels.shape, most_in_memory)
    for start in range(0, len(moved), _ROWS):
        moved[start : start + _ROWS] = pixels[start : start + _ROWS]
        scratch.let_go(moved[start : start + _ROWS])
    return moved
