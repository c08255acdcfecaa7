"""The colours that a BMP file states, which Pillow passes over (Windows' BITMAPV4HEADER and BITMAPV5HEADER)."""

from __future__ import annotations

import struct

from stylize.errors import UnsupportedImageError
from stylize.images.color import SRGB_CORNERS, Space, stated_space

_FILE_HEADER_BYTES = 14
_EMBEDDED = b"DEBM"
"""Of the field for the kind of colours, which is MBED in the order of its bytes."""
_CALIBRATED = bytes(4)
_ONE_OF_GAMMA = 2**16


def profile(data: bytes) -> bytes | None:
    """Return the ICC profile of a BMP or DIB file, None where there is none."""
    start = _start(data)
    # Its length, the kind of colours, and where the profile stands from here.
    length, kind, at, size = struct.unpack_from("<I52x4s52xII", data.ljust(start + 120), start)
    return data[start + at : start + at + size] or None if length >= 124 and kind == _EMBEDDED else None


def space(data: bytes) -> Space | None:
    """Return the colours by three lights and a gamma, None where they are sRGB's or not stated so."""
    start = _start(data)
    length, kind, *numbers = struct.unpack_from("<I52x4s9i3I", data.ljust(start + 108), start)
    if length < 108 or kind != _CALIBRATED:
        return None
    *lights, gammas = (numbers[at : at + 3] for at in range(0, 12, 3))
    if any(sum(light) <= 0 for light in lights) or min(gammas) <= 0:
        return None
    if max(gammas) > 1.01 * min(gammas):
        raise UnsupportedImageError("a BMP with a gamma for each colour, which is not read; convert it to sRGB first")
    # White is not stated: browsers take sRGB's.
    corners = *((light[0] / sum(light), light[1] / sum(light)) for light in lights), SRGB_CORNERS[3]
    gamma = gammas[0] / _ONE_OF_GAMMA
    # The format wants 2.2, ImageMagick writes 1 / 2.2.
    return stated_space(corners, 1 / max(gamma, 1 / gamma))


def _start(data: bytes) -> int:
    return _FILE_HEADER_BYTES if data[:2] == b"BM" else 0
