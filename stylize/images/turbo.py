"""JPEG files by libjpeg-turbo's own interface: Pillow's pixels in less time, and what the decoder says of damage."""

from __future__ import annotations

import re

import simplejpeg
from PIL import Image

from stylize.images import jpeg, scratch
from stylize.images.pixels import Pixels

LEAST_PX = 16
"""Smaller sizes could come out of several of the decoder's scales."""
_DAMAGE = re.compile(r"bad (?:Huffman|arithmetic) code|premature end of data segment|instead of RST")
_DAMAGE_OF_PART = re.compile(f"{_DAMAGE.pattern}|Unsupported marker|Unsupported JPEG process|Bogus|Invalid JPEG file")
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0x(c4|d[0-79a])")
"""What a decoder that lost its way leaves before the next scan, restart or end. In header parts it means nothing."""
_PADDING_BYTES = 4
"""That webcams and some cameras leave behind the pixels of a whole picture."""


def pixels_of(image: Image.Image, data: bytes, most_in_memory: int | None = None) -> Pixels | None:
    """Return the (H, W, 3) pixels of a JPEG that Pillow has opened and not loaded, scaled down as it was told to.

    More bytes than `most_in_memory` are in a mapped file.

    None for what is left to Pillow: other kinds and modes, and a file of which the decoder has anything to say.
    """
    if image.format not in jpeg.NAMES or image.mode != "RGB" or min(image.size) < LEAST_PX:
        return None
    width, height = image.size
    room = scratch.empty((height, width, 3), most_in_memory)
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(data, "RGB", min_width=width, min_height=height, buffer=room)
    except ValueError:
        return None
    return pixels if pixels.shape == (height, width, 3) else None


def damage(image: Image.Image, data: bytes) -> str | None:
    """Return what the decoder says where it loses its way within a JPEG's pixels, None where it does not.

    Pillow says nothing then, and gives pixels that are wrong from there on. An end that is missing is no such damage.
    """
    return _said_of(data, image.mode == "CMYK", _DAMAGE)


def damage_of_part(data: bytes, inks: bool) -> str | None:
    """Do as `damage`, for a JPEG that is part of another file, whose decoder passes over more. inks: it is in CMYK."""
    return _said_of(data, inks, _DAMAGE_OF_PART)


def _said_of(data: bytes, inks: bool, damage: re.Pattern[str]) -> str | None:
    body = jpeg.without_end(data)
    line = _complaint(body, inks)
    left = _LEFT_OVER.search(line)
    if left and int(left[1]) > _PADDING_BYTES and _is_padding(body, int(left[1]), left[2]):
        # Behind a whole picture, or where the rest of one should be, as in a download that was given up.
        line = _complaint(body.rstrip(body[-1:]) + _PADDING_BYTES * body[-1:], inks)
        left = _LEFT_OVER.search(line)
    if damage.search(line) or (left and not _is_padding(body, int(left[1]), left[2])):
        return line
    return None


def _complaint(body: bytes, inks: bool) -> str:
    try:
        # All of it is read, the smallest of the decoder's sizes is made.
        simplejpeg.decode_jpeg(body + jpeg.END, "CMYK" if inks else "GRAY", min_height=1, min_width=1)
    except ValueError as error:
        return str(error)
    return ""


def _is_padding(body: bytes, length: int, marker: str) -> bool:
    return length <= _PADDING_BYTES or (marker == "d9" and len(set(body[1 - length :])) == 1)
