"""Damage within the packed strips and tiles of a TIFF, which its decoder passes over."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from PIL.TiffImagePlugin import TiffImageFile

from stylize.images import jpeg, turbo
from stylize.images.tiff import numbers

_COMPRESSION, _OFFSETS, _COUNTS, _ROWS, _FILL_ORDER = 259, 273, 279, 278, 266
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS, _JPEG_TABLES = 322, 323, 324, 325, 347
_JPEG, _DEFLATE = 7, (8, 32946)
_MOST_BYTES_A_PIXEL = 16
"""Four channels of 32 bits."""
_HEADER_BYTES, _CHECKSUM_BYTES = 2, 4
_PIECE_BYTES = 2**16


def damage(image: TiffImageFile, data: bytes) -> str | None:
    """Return what is wrong with a strip or tile packed as JPEG or by deflate, None where nothing is seen to be.

    libtiff stops before deflate's checksum, and says nothing where a JPEG's decoder loses its way.
    """
    compression = image.tag_v2.get(_COMPRESSION)
    if compression == _JPEG:
        stated = image.tag_v2.get(_JPEG_TABLES)
        tables = jpeg.without_end(stated) if isinstance(stated, bytes) else b""
        packed = (tables + bytes(part[2:] if tables else part) for part in _parts(image, data))
        return next(filter(None, (turbo.damage_of_part(one, image.mode == "CMYK") for one in packed)), None)
    # Bits in the other order are no deflate before they are turned.
    if compression in _DEFLATE and image.tag_v2.get(_FILL_ORDER, 1) == 1:
        most = _most_bytes(image)
        return next(filter(None, (_said_of_deflated(part, most) for part in _parts(image, data))), None)
    return None


def _parts(image: TiffImageFile, data: bytes) -> Iterator[memoryview]:
    tags = image.tag_v2
    offsets, counts = (_TILE_OFFSETS, _TILE_COUNTS) if _TILE_OFFSETS in tags else (_OFFSETS, _COUNTS)
    pairs = zip(numbers(tags.get(offsets)), numbers(tags.get(counts)), strict=False)
    return (memoryview(data)[at : at + count] for at, count in pairs if count)


def _most_bytes(image: TiffImageFile) -> int:
    """Return what no strip or tile has more of once it is unpacked, but for one that only takes time."""
    tags = image.tag_v2
    width, height = image.size
    sides = tags.get(_TILE_WIDTH, width), tags.get(_TILE_HEIGHT, min(tags.get(_ROWS, height), height))
    return _MOST_BYTES_A_PIXEL * int(sides[0]) * int(sides[1])


def _said_of_deflated(part: memoryview, most: int) -> str | None:
    # Past zlib's header, as a checksum that is cut off costs no pixels.
    unpacking, at, size, checksum = zlib.decompressobj(-zlib.MAX_WBITS), _HEADER_BYTES, 0, 1
    try:
        while at < len(part) and size < most and not unpacking.eof:
            piece = unpacking.decompress(part[at : at + _PIECE_BYTES])
            at, size, checksum = at + _PIECE_BYTES, size + len(piece), zlib.adler32(piece, checksum)
    except zlib.error as error:
        return str(error)
    if not unpacking.eof:
        return "deflated pixels end before they are complete" if size < most else None
    end = min(at, len(part)) - len(unpacking.unused_data)
    stated = part[end : end + _CHECKSUM_BYTES]
    wrong = len(stated) == _CHECKSUM_BYTES and int.from_bytes(stated, "big") != checksum
    return "deflated pixels do not fit their checksum" if wrong else None
