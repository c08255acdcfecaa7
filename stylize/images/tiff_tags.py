"""What a TIFF's tags say of its photo, as an EXIF block; BigTIFF's in either byte order too, which Pillow cannot."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from stylize.images.exif import EMPTY, EXIF, GPS, INTEROPERABILITY, MAX_BYTES, SIZES, Block, Directory, keeps

_ORDERS = {b"II": "<", b"MM": ">"}
_LONG, _ENTRY_BYTES = 4, 12
_OFFSETS = {4: "I", 13: "I", 16: "Q", 18: "Q"}
"""Types of what says where a directory stands; the last two are BigTIFF's."""
_OFFSET_BYTES, _MOST_ENTRIES = 8, 0xFFFF
"""Of BigTIFF's own types, and of a TIFF's directory; BigTIFF's could claim any number."""

_Value = tuple[int, memoryview]
"""A type and what stands there."""


class _Layout(NamedTuple):
    """Where the first directory's place is said, and how counts, entries and offsets are packed."""

    first_at: int
    counts: str
    entries: str
    offsets: str


_LAYOUTS = {42: _Layout(4, "H", "HHI4s", "I"), 43: _Layout(8, "Q", "HHQ8s", "Q")}
"""By the number behind the byte order: TIFF's and BigTIFF's."""


def exif_block(data: bytes) -> bytes | None:
    """Return what of a TIFF's first directory is EXIF: a block of its own, as the file around it is not kept.

    None where there is nothing. A value that lies outside of the file is left out, and so is one that finds no room
    within what a result can hold.
    """
    try:
        tags = _Tags(data)
        first = dict(tags.directory(tags.first))
    except (struct.error, KeyError):  # no TIFF, or one without a directory
        return None
    block, room = Block(EMPTY[tags.order]), MAX_BYTES

    def put(entries: dict[int, _Value]) -> Directory:
        nonlocal room
        into: Directory = {}
        for tag, (type, value) in entries.items():
            if type in SIZES and len(value) + _ENTRY_BYTES <= room:
                room -= len(value) + _ENTRY_BYTES
                block.put_bytes(into, tag, type, bytes(value))
        return into

    main = put({tag: one for tag, one in first.items() if keeps(tag) and tag not in (EXIF, GPS)})
    for tag in (EXIF, GPS):
        with contextlib.suppress(struct.error, KeyError):
            type, value = first[tag]
            below = dict(tags.directory(struct.unpack(tags.order + _OFFSETS[type], value)[0]))
            below.pop(INTEROPERABILITY, None)
            if inner := put(below):
                block.put(main, tag, _LONG, block.write(inner))
    return block.whole(main) if main else None


def is_whole(data: bytes) -> bool:
    """Return whether a TIFF's first directory lies within the file, with all that it says of the pixels."""
    try:
        tags = _Tags(data)
        return tags.is_whole(tags.first)
    except (struct.error, KeyError):
        return False


class _Tags:
    """The directories of a TIFF. Raises struct.error or KeyError where it has none."""

    def __init__(self, data: bytes) -> None:
        self._data, self.order = memoryview(data), _ORDERS[data[:2]]
        self._layout = _LAYOUTS[self._unpacked("H", 2)[0]]
        self.first: int = self._unpacked(self._layout.offsets, self._layout.first_at)[0]

    def directory(self, at: int) -> Iterator[tuple[int, _Value]]:
        """Yield the tag of each entry with its type and value, the first of a tag last."""
        for start in reversed(self._places(at)):
            tag, type, long, value = self._entry(start)
            if 0 < long <= len(value):
                yield tag, (type, value[:long])

    def is_whole(self, at: int) -> bool:
        """Return whether a directory lies within the file, and the values of its tags that are of the pixels."""
        entries = map(self._entry, self._places(at))
        return all(long <= len(value) or (tag and keeps(tag)) for tag, _, long, value in entries)

    def _places(self, at: int) -> range:
        """Return where a directory's entries begin."""
        (count,) = self._unpacked(self._layout.counts, at)
        at += struct.calcsize(self.order + self._layout.counts)
        size = struct.calcsize(self.order + self._layout.entries)
        return range(at, at + min(count, _MOST_ENTRIES) * size, size)

    def _entry(self, start: int) -> tuple[int, int, int, memoryview]:
        """Return an entry's tag, type and length in bytes, and those that there are; tag 0 behind the file's end."""
        if start + struct.calcsize(self.order + self._layout.entries) > len(self._data):
            return 0, 0, 1, memoryview(b"")
        tag, type, length, inside = self._unpacked(self._layout.entries, start)
        long, value = length * SIZES.get(type, _OFFSET_BYTES), memoryview(inside)
        if long > len(value):
            (place,) = struct.unpack(self.order + self._layout.offsets, inside)
            value = self._data[place : place + long]
        return tag, type, long, value

    def _unpacked(self, kind: str, at: int) -> tuple[Any, ...]:
        # BigTIFF's offsets can be larger than any that Python takes.
        return struct.unpack_from(self.order + kind, self._data, min(at, len(self._data)))
