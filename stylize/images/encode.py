"""Pixels to image files."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stylize.errors import UnsupportedImageError
from stylize.images import exif, jpeg_bands, scratch
from stylize.images.carried import Carried
from stylize.images.exif import MadeBy
from stylize.images.pixels import Pixels

FORMATS = ("jpg", "png", "webp")
PICTURE_BYTES = 6
"""Of a photo's pixel and of its result's, as 8-bit colours."""
COPIED_BYTES = {"jpg": 0, "png": 4, "webp": 8}
"""Of a pixel, in what a large picture's encoder makes of it: Pillow's image, and for WebP another one."""


def held_bytes(photo: Pixels, format: str) -> int:
    """Return how many bytes of memory a pixel of a photo and of its result take, until that is encoded."""
    return COPIED_BYTES[format] if scratch.is_mapped(photo) else PICTURE_BYTES


def encode(
    pixels: Pixels, format: str, quality: int, *, carried: Carried | None = None, made_by: MadeBy | None = None
) -> bytes:
    """Return (H, W, 3) uint8 pixels as a file's bytes. `quality` (1 to 100) is for jpg and webp.

    With what the photo `carried`, but alpha in jpg, and with what made it. The same arguments give the same bytes.
    Raises ValueError for another format or quality, UnsupportedImageError where the format cannot hold so long a side.
    """
    if format != "png" and not 1 <= quality <= 100:
        raise ValueError(f"quality is {quality}; give 1 to 100")
    options: dict[str, Any]
    if format == "jpg":
        limit, options = 65_500, {"quality": quality, "subsampling": 0 if quality >= 90 else 2}
    elif format == "png":
        # Level 1: over twice as fast as the default for files about a tenth larger.
        limit, options = 2**31 - 1, {"compress_level": 1}
    elif format == "webp":
        limit, options = 16_383, {"quality": quality, "method": 2}
    else:
        raise ValueError(f"unknown format {format!r}; known: {', '.join(FORMATS)}")
    if max(pixels.shape[:2]) > limit:
        raise UnsupportedImageError(f"{format} holds at most {limit} px a side; choose png")
    height, width = pixels.shape[:2]
    options |= _said(format, (width, height), carried or Carried(), made_by)
    if format == "jpg" and width * height >= jpeg_bands.LEAST_PIXELS:
        return jpeg_bands.encode(pixels, options)
    image = Image.fromarray(pixels)
    scratch.let_go(pixels)
    if carried is not None and carried.alpha is not None and format != "jpg":
        alpha = Image.fromarray(carried.alpha)
        image.putalpha(alpha if alpha.size == image.size else alpha.resize(image.size, Image.Resampling.LANCZOS))
    buffer = io.BytesIO()
    image.save(buffer, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[format], **options)
    return buffer.getvalue()


def _said(format: str, size: tuple[int, int], carried: Carried, made_by: MadeBy | None) -> dict[str, Any]:
    """Return Pillow's options for what a file says beside its pixels."""
    options: dict[str, Any] = {}
    if block := exif.rewritten(carried.exif, size, carried.dpi, made_by):
        options["exif"] = exif.PREFIX + block
    if carried.dpi is not None:
        options["dpi"] = carried.dpi
    if format == "png" and made_by is not None:
        # Beside EXIF, which fewer programs look for in a PNG.
        options["pnginfo"] = text = PngInfo()
        text.add_text("Software", made_by.software)
        text.add_text("Comment", made_by.details)
    return options
