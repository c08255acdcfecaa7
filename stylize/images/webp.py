"""WebP files as viewers take them: without damaged metadata, and with nothing around an animation's first frame."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_OF_THE_PICTURE = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP")
_HAS_EXIF_OR_XMP = 0x0C


def first_frame(data: bytes) -> tuple[int, int, int, int] | None:
    """Return (left, top, right, bottom) of an animation's first frame on its canvas; None for no animation."""
    if data[:4] + data[8:12] != b"RIFFWEBP":
        return None
    for kind, start, _ in _chunks(data):
        if kind == b"ANMF" and len(data) >= start + 12:
            left, top, width, height = (
                int.from_bytes(data[at : at + 3], "little") for at in range(start, start + 12, 3)
            )
            return 2 * left, 2 * top, 2 * left + width + 1, 2 * top + height + 1
    return None


def bare(data: bytes) -> bytes:
    """Return the file with its picture's whole chunks alone."""
    kept = []
    for kind, start, end in _chunks(data):
        if kind in _OF_THE_PICTURE and end <= len(data):
            chunk = bytearray(data[start - 8 : end] + bytes((end - start) % 2))
            if kind == b"VP8X" and end > start:
                chunk[8] &= ~_HAS_EXIF_OR_XMP
            kept.append(bytes(chunk))
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each chunk, and where its content begins and should end."""
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack("<4sI", data[at : at + 8])
        yield kind, at + 8, at + 8 + length
        at += 8 + length + length % 2
