"""A photo's EXIF block rewritten for its result: values stay where they stand, so that makers' notes stay readable."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from stylize.images.orientation import SIDEWAYS

PREFIX = b"Exif\0\0"
MAX_BYTES = 65_527
"""Of a block: what a JPEG's segment holds; EXIF's own limit."""

EMPTY = {"<": b"II*\0\0\0\0\0", ">": b"MM\0*\0\0\0\0"}
"""Blocks without a directory, by their byte order as `struct` has it."""
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_ASCII, _SHORT, _LONG, _RATIONAL, _UNDEFINED = 2, 3, 4, 5, 7
EXIF, GPS, INTEROPERABILITY = 0x8769, 0x8825, 0xA005
_DESCRIPTION, _ORIENTATION, _SOFTWARE = 270, 274, 305
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_COMMENT, _COLOUR_SPACE, _WIDTH, _HEIGHT = 0x9286, 0xA001, 0xA002, 0xA003
_OF_THE_PIXELS = (frozenset(range(254, 533)) | {700, 33_723, 34_377, 34_675, 37_724}) - {
    269, _DESCRIPTION, 271, 272, _ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, 285, _RESOLUTION_UNIT, 297, _SOFTWARE,
    306, 315, 316,
}  # fmt: skip
"""How a TIFF's pixels are stored and coloured, and XMP, IPTC and profiles within it."""
_FIRST_OF_RAW = 50_706
"""From here on tags are DNG's, and padding."""
_OF_OTHER_COLOURS = {INTEROPERABILITY, 0xA500}
"""Interoperability, which can mean Adobe RGB, and gamma: results are sRGB."""


class MadeBy(NamedTuple):
    """What made a picture: `software` in a few words, `details` as JSON in ASCII."""

    software: str
    details: str


class _Entry(NamedTuple):
    tag: int
    type: int
    length: int
    value: bytes
    """`length` numbers or letters of `type`; their offset where they are longer than four bytes."""

    @property
    def size(self) -> int:
        return self.length * SIZES[self.type]


Directory = dict[int, _Entry]


def keeps(tag: int) -> bool:
    """Return whether a tag of the first directory is of the photo rather than of how its pixels are stored."""
    return tag not in _OF_THE_PIXELS and tag < _FIRST_OF_RAW


def rewritten(
    block: bytes | None, size: tuple[int, int], dpi: tuple[float, float] | None, made_by: MadeBy | None
) -> bytes | None:
    """Return the EXIF block of a result of `size` (width, height) in px, at most MAX_BYTES; None for an empty one.

    A `block` that is damaged, or too large with what is added, is left out; so is a value that lies outside of it.
    """
    if block:
        try:
            own = _rewritten(block.removeprefix(PREFIX), size, dpi, made_by)
        except (struct.error, ValueError):
            own = b""
        if 0 < len(own) <= MAX_BYTES:
            return own
    if made_by is None and dpi is None:
        return None
    return _rewritten(EMPTY["<"], size, dpi, made_by)


def _rewritten(data: bytes, size: tuple[int, int], dpi: tuple[float, float] | None, made_by: MadeBy | None) -> bytes:
    block = Block(data)
    main, thumbnail = block.first()
    main = {tag: entry for tag, entry in main.items() if keeps(tag)}
    camera, place = block.below(main, EXIF), block.below(main, GPS)
    camera = {tag: one for tag, one in camera.items() if tag not in _OF_OTHER_COLOURS and tag < _FIRST_OF_RAW}
    block.drop_all_but([*main.values(), *camera.values(), *place.values()], thumbnail)
    if _ORIENTATION in main:
        if block.number(main[_ORIENTATION]) in SIDEWAYS and main.keys() >= {_X_RESOLUTION, _Y_RESOLUTION}:
            # Without a unit they are no dots per inch, but say how wide a dot is for its height.
            across, down = main[_X_RESOLUTION], main[_Y_RESOLUTION]
            main |= {_X_RESOLUTION: down._replace(tag=_X_RESOLUTION), _Y_RESOLUTION: across._replace(tag=_Y_RESOLUTION)}
        block.put(main, _ORIENTATION, _SHORT, 1)
    if camera:
        block.put(camera, _COLOUR_SPACE, _SHORT, 1)
    for tag, side in zip((_WIDTH, _HEIGHT), size, strict=True):
        if tag in camera:
            block.put(camera, tag, _LONG, side)
    if dpi is not None:
        for tag, value in zip((_X_RESOLUTION, _Y_RESOLUTION), dpi, strict=True):
            block.put(main, tag, _RATIONAL, *Fraction(value).limit_denominator(1000).as_integer_ratio())
        block.put(main, _RESOLUTION_UNIT, _SHORT, 2)
    if made_by is not None:
        _say(block, main, camera, made_by)
    for tag, directory in ((EXIF, camera), (GPS, place)):
        if directory:
            block.put(main, tag, _LONG, block.write(directory))
    return block.whole(main)


def _say(block: Block, main: Directory, camera: Directory, made_by: MadeBy) -> None:
    """Put what made the picture where the photo's own words are not."""
    block.put_bytes(main, _SOFTWARE, _ASCII, made_by.software.encode("ascii", "replace") + b"\0")
    details = made_by.details.encode("ascii")
    if not block.bytes_of(camera.get(_COMMENT))[8:].strip(b"\0 "):
        block.put_bytes(camera, _COMMENT, _UNDEFINED, b"ASCII\0\0\0" + details)
    elif not block.bytes_of(main.get(_DESCRIPTION)).strip(b"\0 "):
        block.put_bytes(main, _DESCRIPTION, _ASCII, details + b"\0")


class Block:
    """A block's bytes. Raises ValueError or struct.error where they are no EXIF block."""

    def __init__(self, data: bytes) -> None:
        self._data = bytearray(data)
        order = _ORDERS.get(data[:4])
        if order is None:
            raise ValueError("no EXIF block")
        self._order = order

    def first(self) -> tuple[Directory, Directory]:
        """Return the photo's directory and its thumbnail's."""
        at = self._long(4)
        if not at:
            return {}, {}
        main, after = self._directory(at)
        try:
            thumbnail = self._directory(self._long(after))[0] if self._long(after) else {}
        except struct.error:
            thumbnail = {}
        return main, thumbnail

    def below(self, main: Directory, tag: int) -> Directory:
        """Return the directory that an entry of `main` points to, and take that entry out; empty if it is damaged."""
        entry = main.pop(tag, None)
        if entry is None or entry.size != 4:
            return {}
        try:
            return self._directory(struct.unpack(self._order + "I", entry.value)[0])[0]
        except struct.error:
            return {}

    def bytes_of(self, entry: _Entry | None) -> bytes:
        """Return an entry's value, empty for none."""
        if entry is None:
            return b""
        if entry.size <= 4:
            return entry.value[: entry.size]
        start, end = self._place(entry)
        return bytes(self._data[start:end])

    def drop_all_but(self, entries: Iterable[_Entry], thumbnail: Directory) -> None:
        """Cut what lies behind the last of the entries' values, and blank the thumbnail where it lies before."""
        kept = [self._place(entry) for entry in entries if entry.size > 4]
        del self._data[max([8, *(end for _, end in kept)]) :]
        for place, length in ((513, 514), (273, 279)):
            if place in thumbnail and length in thumbnail:
                start = self.number(thumbnail[place])
                end = min(start + self.number(thumbnail[length]), len(self._data))
                if start < end and not any(first < end and start < last for first, last in kept):
                    self._data[start:end] = bytes(end - start)

    def put(self, directory: Directory, tag: int, type: int, *numbers: int) -> None:
        """Set an entry to a number, or to the two of a ratio."""
        kind = "H" if type == _SHORT else "I" * len(numbers)
        self.put_bytes(directory, tag, type, struct.pack(self._order + kind, *numbers))

    def put_bytes(self, directory: Directory, tag: int, type: int, value: bytes) -> None:
        """Set an entry to a value of the block's byte order."""
        length = len(value) // SIZES[type]
        if len(value) > 4:
            value = struct.pack(self._order + "I", self._append(value))
        directory[tag] = _Entry(tag, type, length, value.ljust(4, b"\0"))

    def write(self, directory: Directory) -> int:
        """Append a directory that none follows, and return where it stands."""
        entries = (struct.pack(self._order + "HHI4s", *directory[tag]) for tag in sorted(directory))
        return self._append(struct.pack(self._order + "H", len(directory)) + b"".join(entries) + bytes(4))

    def whole(self, main: Directory) -> bytes:
        """Append the first directory and return the block."""
        struct.pack_into(self._order + "I", self._data, 4, self.write(main))
        return bytes(self._data)

    def _directory(self, at: int) -> tuple[Directory, int]:
        """Return the entries whose values lie within the block, and where it says which directory follows."""
        (count,) = struct.unpack_from(self._order + "H", self._data, at)
        directory: Directory = {}
        for number in range(count):
            entry = _Entry(*struct.unpack_from(self._order + "HHI4s", self._data, at + 2 + 12 * number))
            if entry.type in SIZES and (entry.size <= 4 or self._place(entry)[1] <= len(self._data)):
                directory.setdefault(entry.tag, entry)
        return directory, at + 2 + 12 * count

    def _place(self, entry: _Entry) -> tuple[int, int]:
        (start,) = struct.unpack(self._order + "I", entry.value)
        return start, start + entry.size

    def number(self, entry: _Entry) -> int:
        kind = "H" if entry.type == _SHORT else "I"
        number: int = struct.unpack_from(self._order + kind, entry.value)[0]
        return number

    def _long(self, at: int) -> int:
        number: int = struct.unpack_from(self._order + "I", self._data, at)[0]
        return number

    def _append(self, value: bytes) -> int:
        self._data += bytes(len(self._data) % 2)
        self._data += value
        return len(self._data) - len(value)
