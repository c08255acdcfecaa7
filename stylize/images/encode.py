"""Pixels to image files."""

from __future__ import annotations

import io

from PIL import Image

from stylize.errors import UnsupportedImageError
from stylize.images.pixels import Pixels

FORMATS = ("jpg", "png", "webp")


def encode(pixels: Pixels, format: str, quality: int) -> bytes:
    """Return (H, W, 3) uint8 pixels as a file's bytes. `quality` (1 to 100) is for jpg and webp.

    Raises ValueError for another format or quality, UnsupportedImageError where the format cannot hold so long a side.
    """
    if format != "png" and not 1 <= quality <= 100:
        raise ValueError(f"quality is {quality}; give 1 to 100")
    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
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
    image.save(buffer, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[format], **options)
    return buffer.getvalue()
