"""What the containers of HEIF and AVIF say of the main picture: colours, coding, what to show (ISO/IEC 23008-12)."""

from __future__ import annotations

import contextlib
import math
import re
import struct
from collections.abc import Iterator
from fractions import Fraction

from stylize.errors import UnsupportedImageError
from stylize.images.boxes import boxes
from stylize.images.color import Signal

_METADATA = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))(?:Exif|mime)", re.DOTALL)
"""As an item's entry says what it is, behind its number of two or four bytes."""
_DAMAGE = (KeyError, IndexError, struct.error)
"""Of containers, which is left to their decoder."""
_READ = (b"hvc1", b"grid", b"iden", b"iovl")
"""How pictures may be coded: HEVC, or made of others, as tiles, turned or laid over each other."""


def signal(data: bytes) -> Signal | None:
    """Return what `nclx` says of the main picture, or of one that it is made of; None where it says nothing."""
    described = parts(data)
    with contextlib.suppress(*_DAMAGE):
        for item in main_items(described):
            for kind, body in properties(described, item):
                if kind == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
                    return Signal(*struct.unpack(">HH", body[4:8]))
    return None


def aperture(data: bytes, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Return (left, top, right, bottom) of what of the main picture is to be shown, None for all or without sense."""
    described, body = parts(data), b""
    with contextlib.suppress(*_DAMAGE):
        held = properties(described, _main_item(described))
        body = next((body for kind, body in held if kind == b"clap"), b"")
    if len(body) < 32:
        return None
    numbers = struct.unpack(">IIIIiIiI", body[:32])
    if 0 in numbers[1::2]:
        return None
    wide, high, across, down = (Fraction(*numbers[at : at + 2]) for at in range(0, 8, 2))
    # From the middle of the picture to that of the part; rounded as libheif does.
    left, top = math.floor((width - wide) / 2 + across), math.floor((height - high + 1) / 2 + down)
    box = left, top, left + round(wide), top + round(high)
    inside = 0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height
    return box if inside and box != (0, 0, width, height) else None


def bare(data: bytes) -> bytes:
    """Return the file with its EXIF and XMP under names that nobody looks for: its decoder wants them whole."""
    return _METADATA.sub(rb"\1skip", data)


def refuse_unread(data: bytes) -> None:
    """Raise UnsupportedImageError for a file that its decoder does not know: without a still picture, or not HEVC."""
    kinds = {kind for kind, _ in boxes(data)}
    if b"moov" in kinds and b"meta" not in kinds:
        raise UnsupportedImageError("a HEIF sequence without a still picture; save one as PNG or JPEG")
    described = parts(data)
    try:
        codings = _codings(described[b"iinf"])
        other = next((codings[item] for item in main_items(described) if codings[item] not in _READ), None)
    except _DAMAGE:
        return
    if other is not None:
        name = other.decode(errors="backslashreplace")
        raise UnsupportedImageError(f"a HEIF coded as {name!r}, which is not read; save it as PNG or JPEG first")


def parts(data: bytes) -> dict[bytes, bytes]:
    """Return what each box holds of the one that describes a file's items; empty where there is none."""
    return dict(boxes(next((body[4:] for kind, body in boxes(data) if kind == b"meta"), b"")))


def main_items(described: dict[bytes, bytes]) -> Iterator[int]:
    """Yield the number of the main picture and those it is made of. Raises KeyError or IndexError of damage."""
    return with_tiles(_main_item(described), described.get(b"iref", bytes(4)))


def _main_item(described: dict[bytes, bytes]) -> int:
    pitm = described[b"pitm"]
    return int.from_bytes(pitm[4:6] if pitm[0] == 0 else pitm[4:8], "big")


def with_tiles(item: int, iref: bytes) -> Iterator[int]:
    """Yield an item and those that it is made of. Raises IndexError where the references are damaged."""
    width, parts = 4 if iref[0] else 2, dict[int, list[int]]()
    for kind, body in boxes(iref[4:]):
        if kind == b"dimg":
            numbers = (int.from_bytes(body[at : at + width], "big") for at in range(width + 2, len(body), width))
            parts.setdefault(int.from_bytes(body[:width], "big"), []).extend(numbers)
    waiting, seen = [item], set[int]()
    while waiting:
        if (one := waiting.pop()) not in seen:
            seen.add(one)
            yield one
            waiting += parts.get(one, [])


def properties(described: dict[bytes, bytes], item: int) -> list[tuple[bytes, bytes]]:
    """Return the kind and content of each property of an item. Raises KeyError, IndexError or struct.error."""
    held = dict(boxes(described[b"iprp"]))
    owned = _properties_of(item, held[b"ipma"])
    return [one for number, one in enumerate(boxes(held[b"ipco"]), start=1) if number in owned]


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


def _codings(iinf: bytes) -> dict[int, bytes]:
    """Return what each item's entry says it is, by the item's number."""
    codings = {}
    for _, entry in boxes(iinf[8 if iinf[0] else 6 :]):
        wide = 4 if entry[0] > 2 else 2
        codings[int.from_bytes(entry[4 : 4 + wide], "big")] = entry[6 + wide : 10 + wide]
    return codings
