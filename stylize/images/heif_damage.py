"""Damage within a HEIF's pixels, which its decoder passes over: a tile that it cannot read is plain green."""

from __future__ import annotations

import struct

from stylize.errors import CorruptImageError
from stylize.images import heif

_LENGTH_AT = 21
"""Where HEVC's configuration says, in two bits, how many bytes but one the length of a unit takes."""
_FIRST_WITHOUT_PIXELS = 32
"""From this kind on HEVC's units are headers and notes."""
_NEVER = (b"\0\0\0", b"\0\0\1", b"\0\0\2")
"""What no unit holds: where pixels give it, a 3 is put in between (ITU-T H.265, 7.4.2)."""

_Places = dict[int, list[tuple[int, int]]]


def refuse_damaged(data: bytes) -> None:
    """Raise CorruptImageError where the main picture or one of its tiles lacks bytes, or holds what no encoder writes.

    Damage to the containers is left to their decoder.
    """
    described = heif.parts(data)
    try:
        places = _places(described[b"iloc"])
        for item in heif.main_items(described):
            if any(end > len(data) for _, end in places.get(item, ())):
                raise CorruptImageError("damaged or cut short: the file ends within its picture; copy it again")
            configuration = dict(heif.properties(described, item)).get(b"hvcC")
            if configuration is not None and item in places:
                packed = b"".join(data[start:end] for start, end in places[item])
                if not _is_sound(packed, (configuration[_LENGTH_AT] & 3) + 1):
                    raise CorruptImageError("damaged or cut short: pixels as no encoder writes them")
    except (KeyError, IndexError, struct.error):
        return


def _is_sound(packed: bytes, width: int) -> bool:
    """Return whether HEVC's units, each behind its length, can be what was written. width: of a length, in bytes."""
    at, pictures = 0, 0
    while at + width < len(packed):
        start = at + width
        at = start + int.from_bytes(packed[at:start], "big")
        unit = packed[start:at].rstrip(b"\0")
        if at > len(packed) or any(never in unit for never in _NEVER):
            return False
        if not unit:
            break
        pictures += (unit[0] >> 1) < _FIRST_WITHOUT_PIXELS
    return pictures > 0


def _places(iloc: bytes) -> _Places:
    """Return where each item's bytes begin and end, but for items that lie elsewhere than in the file as it is."""
    version, sizes, at = iloc[0], (iloc[4] >> 4, iloc[4] & 15, iloc[5] >> 4), 6
    indexed, wide = (iloc[5] & 15 if version else 0), 4 if version > 1 else 2

    def number(width: int) -> int:
        nonlocal at
        at += width
        if at > len(iloc):
            raise IndexError
        return int.from_bytes(iloc[at - width : at], "big")

    places: _Places = {}
    for _ in range(number(wide)):
        item, elsewhere = number(wide), number(2) if version else 0
        elsewhere |= number(2)
        base, extents = number(sizes[2]), []
        for _ in range(number(2)):
            number(indexed)
            start, length = base + number(sizes[0]), number(sizes[1])
            extents.append((start, start + length))
        if not elsewhere:
            places[item] = extents
    return places
