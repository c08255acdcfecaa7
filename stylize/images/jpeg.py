"""JPEG files that lack their end: whether it is the end marker alone, or pixels with it; and those of untold inks."""

from __future__ import annotations

import random
from collections.abc import Iterator

from PIL import Image

from stylize.errors import UnsupportedImageError

NAMES = ("JPEG", "MPO")
"""What Pillow calls them; MPO is what many phones write, a JPEG with more pictures behind the first."""
END = b"\xff\xd9"
_START_OF_SCAN = 0xDA
_PROGRESSIVE = (0xC2, 0xCA)
_NO_BODY = (0x01, *range(0xD0, 0xD9))
# What a decoder that still wants pixels takes for some; without 0xFF, which would begin a marker.
FILLER = bytes(random.Random(1).choices(range(255), k=1 << 14))


def refuse_untold_inks(image: Image.Image) -> None:
    """Raise UnsupportedImageError for CMYK that is opened and does not say which way round: Adobe's is inverted."""
    if image.format in NAMES and image.mode == "CMYK" and "adobe" not in image.info:
        raise UnsupportedImageError(
            "a CMYK JPEG without Adobe's marker, which says whether its inks are inverted; save it as RGB first"
        )


def without_end(data: bytes) -> bytes:
    """Return the file up to its first picture's end marker, or all of it where it has none."""
    end = next((at for marker, at, _ in _segments(data) if marker == END[1]), None)
    return data.rstrip(b"\xff") if end is None else data[:end]


def scans_are_complete(data: bytes) -> bool:
    """Return whether a progressive file has every scan begun that its pixels need; True for other files."""
    try:
        return _scans_are_complete(data)
    except (IndexError, KeyError, ValueError):  # a damaged header of the picture or of a scan
        return False


def _scans_are_complete(data: bytes) -> bool:
    wanted: dict[int, list[int]] | None = None
    for marker, _, body in _segments(data):
        if marker in _PROGRESSIVE:
            wanted = {body[6 + 3 * i]: [99] * 64 for i in range(body[5])}
        elif marker == _START_OF_SCAN and wanted is not None:
            count = body[0]
            first, last, precision = body[1 + 2 * count : 4 + 2 * count]
            for i in range(count):
                levels = wanted[body[1 + 2 * i]]
                levels[first : last + 1] = [precision & 15] * (last + 1 - first)
    return wanted is None or not any(any(levels) for levels in wanted.values())


def _segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (marker, place, body) of the first picture, its end marker last; of an entropy-coded part what leads it."""
    at = 2
    while 0 <= (at := data.find(b"\xff", at)) < len(data) - 1:
        marker = data[at + 1]
        if marker in (0x00, 0xFF) or marker in _NO_BODY:
            at += 1 if marker == 0xFF else 2
        elif marker == END[1]:
            yield marker, at, b""
            return
        elif at + 4 > len(data):
            return
        else:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            yield marker, at, data[at + 4 : end]
            at = end
