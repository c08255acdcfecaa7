"""Pixels to image files."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stylize.errors import UnsupportedImageError
from stylize.images import exif, scratch
from stylize.images.carried import Carried
from stylize.images.exif import MadeBy
from stylize.images.pixels import BAND_PIXELS, Pixels

FORMATS = ("jpg", "png", "webp")
PICTURE_BYTES = 6
"""Of a photo's pixel and of its result's, as 8-bit colours."""
COPIED_BYTES = {"jpg": 0, "png": 4, "webp": 4}
"""Of a pixel, in the copy that is made of a large picture: by Pillow for PNG, by WebP's encoder."""


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
    alpha = None if carried is None or format == "jpg" else carried.alpha
    file = io.BytesIO()
    if scratch.is_mapped(pixels) and format != "png" and alpha is None:
        image, file = _mapped(pixels)
    else:
        image = Image.fromarray(pixels)
        scratch.let_go(pixels)
    if alpha is not None:
        opacity = Image.fromarray(alpha)
        image.putalpha(opacity if opacity.size == image.size else opacity.resize(image.size, Image.Resampling.LANCZOS))
    image.save(file, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[format], **options)
    return file.getvalue()


class _LettingGo(io.BytesIO):
    """A file whose writer reads a mapped picture from its top on: what was read need not stay in the process."""

    def __init__(self, pixels: Pixels) -> None:
        super().__init__()
        self._pixels, self._since = pixels, 0

    def write(self, data: Any) -> int:
        self._since += len(data)
        if self._since > 2**20:
            scratch.let_go(self._pixels)
            self._since = 0
        return super().write(data)


def _mapped(pixels: Pixels) -> tuple[Image.Image, io.BytesIO]:
    """Return pixels as an image of Pillow's that is no copy in memory, and what to save it in.

    Pillow's images of colours have four bytes a pixel. So has another mapped file, and in that mode it takes bytes as
    they are.
    """
    height, width = pixels.shape[:2]
    four = scratch.empty((height, width, 4), 0)
    rows = max(1, BAND_PIXELS // width)
    for start in range(0, height, rows):
        band = slice(start, start + rows)
        four[band, :, :3] = pixels[band]
        scratch.let_go(pixels[band])
        scratch.let_go(four[band])
    return Image.frombuffer("RGBX", (width, height), four, "raw", "RGBX", 0, 1), _LettingGo(four)


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
