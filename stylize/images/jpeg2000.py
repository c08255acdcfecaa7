"""JPEG 2000 files that Pillow misreads, and the profile that it passes over (ISO/IEC 15444-1, annexes A and I)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image

from stylize.errors import UnsupportedImageError
from stylize.images.boxes import boxes

_CODESTREAM = b"\xff\x4f\xff\x51"
_COMPONENTS_AT = 40
"""Where the number of components stands, from the codestream's first byte; three bytes for each follow."""
END = b"\xff\xd9"
_TILE_PART = b"\xff\x90\0\x0a"
_NUMBER, _PROFILES = b"\x01", (2, 3)
"""Methods of a colour box: one that names colours by a number, and those that hold a profile, restricted and any."""
_OTHER_COLOURS = {
    0: "Bi-level", 1: "YCbCr(1)", 3: "YCbCr(2)", 4: "YCbCr(3)", 9: "PhotoYCC", 11: "CMY", 13: "YCCK", 14: "CIELab",
    19: "CIEJab", 20: "e-sRGB", 21: "ROMM-RGB", 22: "YPbCr(1125/60)", 23: "YPbCr(1250/50)", 24: "e-sYCC",
}  # fmt: skip
"""What a colour box names by a number and is neither sRGB, grey, sYCC nor CMYK (ISO/IEC 15444-2, M.11.7.3.1)."""
_MOST_CHANNELS = 4
_EXIF = b"JpgTiffExif->JP2"
"""How a box of EXIF begins."""
_OPACITY, _OPACITY_IN_COLOURS = 1, 2
"""Kinds of channels, beside colours."""


class Channels(NamedTuple):
    """Which of a file's channels are its colours and its alpha, and how many bits their values have."""

    colours: list[int]
    alpha: int | None
    weighted: bool
    """Whether colours are multiplied by alpha already."""
    bits: list[int]


def channels(image: Image.Image, data: bytes) -> Channels | None:
    """Return what an opened image's channels are, None where Pillow reads them right."""
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        return None
    colours, bits = 1 if image.mode[0] == "L" else 3, _bits(data)[: len(image.mode)]
    plain = Channels([*range(colours)], colours if image.mode[-1] == "A" else None, False, bits)
    stated = next((_defined(body, plain) for kind, body in _header(data) if kind == b"cdef"), plain)
    return None if stated == plain and min(bits, default=8) >= 8 else stated


def _defined(cdef: bytes, plain: Channels) -> Channels:
    """Return the channels as their box defines them; `plain` where that is without sense."""
    entries = list(struct.iter_unpack(">HHH", cdef[2 : 2 + (len(cdef) - 2) // 6 * 6]))
    by_colour = {of: channel for channel, kind, of in entries if kind == 0}
    alphas = [(channel, kind) for channel, kind, of in entries if kind in (_OPACITY, _OPACITY_IN_COLOURS) and of == 0]
    channel, kind = alphas[0] if alphas else (None, 0)
    colours = [by_colour.get(of, -1) for of in range(1, 1 + len(plain.colours))]
    known = range(len(plain.bits))
    if set(colours) - set(known) or (channel is not None and channel not in known):
        return plain
    return Channels(colours, channel, kind == _OPACITY_IN_COLOURS, plain.bits)


def righted(image: Image.Image, stated: Channels) -> Image.Image:
    """Return a loaded image with its channels as they are stated, and values of fewer than 8 bits as 8.

    Pillow takes channels in their order and the last of two or four for alpha, and leaves the brightest of 4 bits 240.
    """
    bands = [
        band if bits >= 8 else band.point([(level >> 8 - bits) * 255 // ((1 << bits) - 1) for level in range(256)])
        for band, bits in zip(image.split(), stated.bits, strict=True)
    ]
    mode, kept = "L" if len(stated.colours) == 1 else "RGB", [bands[channel] for channel in stated.colours]
    if stated.alpha is None:
        return Image.merge(mode, kept)
    return Image.merge(f"{mode}{'a' if stated.weighted else 'A'}", [*kept, bands[stated.alpha]])


def refuse_by_channels(data: bytes) -> None:
    """Raise UnsupportedImageError for a file that Pillow cannot open as it has too many channels."""
    if (number := len(_bits(data))) > _MOST_CHANNELS:
        raise UnsupportedImageError(f"JPEG 2000 of {number} channels is not read; save it as PNG or TIFF first")


def refuse_misread(image: Image.Image, data: bytes) -> None:
    """Raise UnsupportedImageError for colours that Pillow takes for others.

    Of those of more than 8 bits its rounding turns the brightest into black.
    """
    colours = (body for kind, body in _header(data) if kind == b"colr" and body[:1] == _NUMBER)
    stated = next((int.from_bytes(body[3:7], "big") for body in colours), -1)
    if (name := _OTHER_COLOURS.get(stated)) and profile(data) is None:
        raise UnsupportedImageError(f"JPEG 2000 in colours of {name} is not read; save it as PNG or TIFF first")
    deepest = max(_bits(data), default=8)
    if deepest > 8 and not image.mode.startswith("I"):
        raise UnsupportedImageError(f"JPEG 2000 colours of {deepest} bits are not read; save it as PNG or TIFF first")


def _bits(data: bytes) -> list[int]:
    """Return how many bits each component's values have, none where no codestream is found."""
    start = data.find(_CODESTREAM)
    at = start + _COMPONENTS_AT
    number = int.from_bytes(data[at : at + 2], "big") if start >= 0 else 0
    return [(depth & 0x7F) + 1 for depth in data[at + 2 : at + 2 + 3 * number : 3]]


def lacks_end_alone(data: bytes) -> bool:
    """Return whether a file ends where its last tile-part does, before its end marker or within."""
    at = data.find(_TILE_PART, max(0, data.find(_CODESTREAM)))
    while at >= 0 and data.startswith(_TILE_PART, at):
        length = int.from_bytes(data[at + 6 : at + 10], "big")
        if not length:  # as far as the end, wherever that is
            return False
        at += length
    return at in (len(data), len(data) - 1) and data[at:] in (b"", END[:1])


def profile(data: bytes) -> bytes | None:
    """Return the ICC profile, None where there is none."""
    for kind, colour in _header(data):
        if kind == b"colr" and colour[:1] and colour[0] in _PROFILES:
            return colour[3:]
    return None


def exif(data: bytes) -> bytes | None:
    """Return the EXIF block, where exiftool, exiv2 and others put it; None where there is none."""
    held = (body for kind, body in boxes(data) if kind == b"uuid" and body.startswith(_EXIF))
    return next((bytes(body[len(_EXIF) :]) for body in held), None)


def _header(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    return boxes(next((body for kind, body in boxes(data) if kind == b"jp2h"), b""))
