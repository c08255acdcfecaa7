"""Pillow's images whose pixels are in mapped files: for its decoders to write, and its encoders to read."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from stylize.images import jpeg, scratch
from stylize.images.pixels import BAND_PIXELS, Pixels, without_matte

_KINDS = (*jpeg.NAMES, "PNG", "TIFF", "WEBP")
"""Of files whose pixels Pillow decodes into the room that it is given."""
_BYTES = {"L": 1, "P": 1, "I;16": 2, "RGB": 4, "RGBA": 4, "CMYK": 4}
"""Of a pixel in memory, by Pillow's mode."""
_WRITTEN_BYTES = 2**20
"""Of a file, after which what was read of its picture is let go."""


def make_room(image: Image.Image, most_in_memory: int | None) -> None:
    """Have an opened image load its pixels into a mapped file, if they are more bytes than `most_in_memory`."""
    if most_in_memory is not None and image.format in _KINDS and image.mode in _BYTES:
        width, height = size = image.size
        room = scratch.empty((height, width, _BYTES[image.mode]), most_in_memory)
        if scratch.is_mapped(room):
            image.im = _core(room, size, image.mode)


class LettingGo(io.BytesIO):
    """A file whose writer reads a mapped picture from its top on: what was read need not stay in the process."""

    def __init__(self, pixels: Pixels) -> None:
        super().__init__()
        self._pixels, self._since = pixels, 0

    def write(self, data: Any) -> int:
        self._since += len(data)
        if self._since > _WRITTEN_BYTES:
            scratch.let_go(self._pixels)
            self._since = 0
        return super().write(data)


def to_image(pixels: Pixels, alpha: Pixels | None) -> tuple[Image.Image, LettingGo]:
    """Return pixels, and their alpha, as an image that is no copy in memory, and what to save it in.

    Pillow's images of colours have four bytes per pixel. So has another mapped file.
    """
    height, width = pixels.shape[:2]
    four = scratch.empty((height, width, 4), 0)
    rows = max(1, BAND_PIXELS // width)
    for start in range(0, height, rows):
        band = slice(start, start + rows)
        four[band, :, :3] = pixels[band] if alpha is None else without_matte(pixels[band], alpha[band])
        four[band, :, 3] = 255 if alpha is None else alpha[band]
        scratch.let_go(pixels[band])
        scratch.let_go(four[band])
    image = Image.Image()._new(_core(four, (width, height), "RGB" if alpha is None else "RGBA"))
    image.readonly = 1
    return image, LettingGo(four)


def _core(room: Pixels, size: tuple[int, int], mode: str) -> Any:
    # As Image.frombuffer does, which refuses the mode RGB.
    core: Any = vars(Image)["core"]
    return core.map_buffer(room, size, "raw", 0, (mode, 0, 1))
