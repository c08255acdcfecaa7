"""Plain JPEG files by libjpeg-turbo's own interface: the pixels that Pillow gives, in less time."""

from __future__ import annotations

import simplejpeg
from PIL import Image

from stylize.images import scratch
from stylize.images.pixels import Pixels

LEAST_PX = 16
"""Smaller sizes could come out of several of the decoder's scales."""


def pixels_of(image: Image.Image, data: bytes, most_in_memory: int | None = None) -> Pixels | None:
    """Return the (H, W, 3) pixels of a JPEG that Pillow has opened and not loaded, scaled down as it was told to.

    More bytes than `most_in_memory` are in a mapped file.

    None for what is left to Pillow: other kinds and modes, and a file of which the decoder has anything to say.
    """
    if image.format not in ("JPEG", "MPO") or image.mode != "RGB" or min(image.size) < LEAST_PX:
        return None
    width, height = image.size
    room = scratch.empty((height, width, 3), most_in_memory)
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(data, "RGB", min_width=width, min_height=height, buffer=room)
    except ValueError:
        return None
    return pixels if pixels.shape == (height, width, 3) else None
