"""WebP files as viewers take them: without metadata that is damaged or cut."""

from __future__ import annotations

import struct

_OF_THE_PICTURE = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP")
_HAS_EXIF_OR_XMP = 0x0C


def bare(data: bytes) -> bytes:
    """Return the file with its picture's whole chunks alone."""
    kept, at = [], 12
    while at + 8 <= len(data):
        kind, length = struct.unpack("<4sI", data[at : at + 8])
        end = at + 8 + length
        if kind in _OF_THE_PICTURE and end <= len(data):
            chunk = bytearray(data[at:end] + bytes(length % 2))
            if kind == b"VP8X" and length:
                chunk[8] &= ~_HAS_EXIF_OR_XMP
            kept.append(bytes(chunk))
        at = end + length % 2
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
