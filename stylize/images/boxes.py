"""The boxes that HEIF, AVIF, JPEG 2000 and JPEG XL files consist of (ISO/IEC 14496-12)."""

from __future__ import annotations

from collections.abc import Iterator


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind of each box, four bytes, and what it holds, up to one with an impossible length."""
    at = 0
    while at + 8 <= len(data):
        length, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = at + length if length else len(data)
        if end < at + head:
            return
        yield kind, data[at + head : end]
        at = end
