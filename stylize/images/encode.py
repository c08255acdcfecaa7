"""Pixels to image files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stylize.errors import UnsupportedImageError
from stylize.images import exif, mapped, scratch
from stylize.images.carried import Carried
from stylize.images.exif import MadeBy
from stylize.images.pixels import Pixels, without_matte

_KINDS = {"jpg": ("JPEG", 65_500), "png": ("PNG", 2**31 - 1), "webp": ("WEBP", 16_383)}
"""Pillow's name of each format, and how long a side of it may be."""
FORMATS = tuple(_KINDS)
PICTURE_BYTES = 6
"""Of a photo's pixel and of its result's, as 8-bit colours."""
COPIED_BYTES = {"jpg": 0.75, "png": 2.0, "webp": 12.0}
"""Of a pixel, beside a large picture that becomes a file: that file, of a photo, or the copies of WebP's decoder.

Its encoder makes copies of 6.
"""


def pixel_bytes(photo: Pixels, format: str) -> float:
    """Return how many bytes of memory a pixel of a photo and of its result take, until that is encoded."""
    return COPIED_BYTES[format] if scratch.is_mapped(photo) else PICTURE_BYTES


def shows_all(format: str, carried: Carried | None) -> bool:
    """Return whether a file's pixels are those it was made of, so that it need not be decoded to see what it shows."""
    return format == "png" and (carried is None or carried.alpha is None)


def encode(
    pixels: Pixels, format: str, quality: int, *, carried: Carried | None = None, made_by: MadeBy | None = None
) -> bytes:
    """Return (H, W, 3) uint8 pixels as a file's bytes. `quality` (1 to 100) is for jpg and webp.

    With what the photo `carried`, but alpha in jpg, and with what made it. With alpha, the file looks on white as the
    pixels do. The same arguments give the same bytes.

    Raises ValueError for another format or quality, UnsupportedImageError where the format cannot hold so long a side.
    """
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}; known: {', '.join(FORMATS)}")
    if format != "png" and not 1 <= quality <= 100:
        raise ValueError(f"quality is {quality}; give 1 to 100")
    kind, limit = _KINDS[format]
    if max(pixels.shape[:2]) > limit:
        raise UnsupportedImageError(f"{format} holds at most {limit} px a side; choose png")
    height, width = pixels.shape[:2]
    options: dict[str, Any] = {
        "jpg": {"quality": quality, "subsampling": 0 if quality >= 90 else 2},
        # Level 1: over twice as fast as the default for files about a tenth larger.
        "png": {"compress_level": 1},
        "webp": {"quality": quality, "method": 2},
    }[format]
    options |= _said(format, (width, height), carried or Carried(), made_by)
    file = io.BytesIO()
    alpha = None if carried is None or format == "jpg" else carried.alpha
    if alpha is not None and alpha.shape != (height, width):
        alpha = np.asarray(Image.fromarray(alpha).resize((width, height), Image.Resampling.LANCZOS))
    if scratch.is_mapped(pixels):
        image, file = mapped.to_image(pixels, alpha)
    else:
        image = Image.fromarray(pixels if alpha is None else without_matte(pixels, alpha))
        if alpha is not None:
            image.putalpha(Image.fromarray(alpha))
    image.save(file, kind, **options)
    return file.getvalue()


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
