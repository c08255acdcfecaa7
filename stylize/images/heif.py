"""What the containers of HEIF and AVIF say of their main picture's colours (ISO/IEC 23008-12)."""

from __future__ import annotations

import struct

from stylize.images.boxes import boxes
from stylize.images.color import Signal


def signal(data: bytes) -> Signal | None:
    """Return what `nclx` says of the main picture, None where it says nothing."""
    try:
        meta = next((body[4:] for kind, body in boxes(data) if kind == b"meta"), b"")
        parts = dict(boxes(meta))
        properties = dict(boxes(parts[b"iprp"]))
        main = _main_item(parts[b"pitm"])
        owned = _properties_of(main, properties[b"ipma"])
        for number, (kind, body) in enumerate(boxes(properties[b"ipco"]), start=1):
            if kind == b"colr" and body[:4] == b"nclx" and number in owned:
                return Signal(*struct.unpack(">HH", body[4:8]))
    except (KeyError, struct.error, IndexError):
        pass
    return None


def _main_item(pitm: bytes) -> int:
    return int.from_bytes(pitm[4:6] if pitm[0] == 0 else pitm[4:8], "big")


def _properties_of(item: int, ipma: bytes) -> set[int]:
    """Return the numbers, from 1, of an item's properties."""
    version, wide = ipma[0], ipma[3] & 1
    (entries,) = struct.unpack(">I", ipma[4:8])
    at, width = 8, 2 if wide else 1
    for _ in range(entries):
        name = ipma[at : at + (4 if version else 2)]
        at += len(name)
        count = ipma[at]
        at += 1
        if int.from_bytes(name, "big") == item:
            mask = 0x7FFF if wide else 0x7F
            return {int.from_bytes(ipma[at + i * width : at + (i + 1) * width], "big") & mask for i in range(count)}
        at += count * width
    return set()
