"""The ICC profile that a BMP file embeds, which Pillow passes over (Windows' BITMAPV5HEADER)."""

from __future__ import annotations

import struct

_FILE_HEADER_BYTES = 14
_EMBEDDED = b"DEBM"
"""Of the field for the kind of colours, which is MBED in the order of its bytes."""


def profile(data: bytes) -> bytes | None:
    """Return the ICC profile of a BMP or DIB file, None where there is none."""
    start = _FILE_HEADER_BYTES if data[:2] == b"BM" else 0
    # Its length, the kind of colours, and where the profile stands from here.
    length, kind, at, size = struct.unpack_from("<I52x4s52xII", data.ljust(start + 120), start)
    return data[start + at : start + at + size] or None if length >= 124 and kind == _EMBEDDED else None
