"""PNG files as viewers take them: without chunks that do not matter, and the colours that they state."""

from __future__ import annotations

import contextlib
import itertools
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from PIL import Image

from stylize.errors import CorruptImageError
from stylize.images.color import SRGB_CORNERS, Signal, Space, stated_space

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BITS_AT = 24
"""Where the header says how many bits a value has."""
_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
MAX_PROFILE_BYTES = 64 * 2**20
"""Of an ICC profile, unpacked; the largest that printers' makers give away are a few megabytes."""
_TRANSPARENCY_BYTES = {0: range(2, 3), 2: range(6, 7), 3: range(1, 257)}
"""Of the chunk that makes colours transparent, by the kind of colour."""
_COLOUR_BYTES = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1}
_EXIF_BEGINS = (b"Exif\0\0", b"II*\0", b"MM\0*")


class _Chunk(NamedTuple):
    kind: bytes
    start: int
    end: int


def signal(data: bytes) -> Signal | None:
    """Return what cICP says of the colours, None where there is none."""
    for chunk in _chunks(data):
        if chunk.kind == b"IDAT":
            break
        if chunk.kind == b"cICP" and chunk.end - chunk.start >= 16 and _is_whole(data, chunk):
            primaries, transfer, _, whole_range = data[chunk.start + 8 : chunk.start + 12]
            return Signal(primaries, transfer, narrow=not whole_range)
    return None


def profile(data: bytes) -> bytes | None:
    """Return the ICC profile, None where there is none that is whole."""
    for chunk in _chunks(data):
        if chunk.kind == b"IDAT":
            break
        if chunk.kind == b"iCCP" and _is_whole(data, chunk):
            _, _, packed = data[chunk.start + 8 : chunk.end - 4].partition(b"\0")
            with contextlib.suppress(zlib.error):
                return zlib.decompressobj().decompress(packed[1:], MAX_PROFILE_BYTES) or None
    return None


def raw_exif(info: dict[Any, Any]) -> bytes | None:
    """Return the EXIF that stands in a text, as Pillow gives it; None where there is none.

    ImageMagick and ExifTool wrote it so before there was a chunk for it: hexadecimal, below a line for each of its name
    and length. What they call APP1 can be XMP, too.
    """
    for name in ("exif", "APP1"):
        if isinstance(text := info.get(f"Raw profile type {name}"), str):
            with contextlib.suppress(ValueError):
                block = bytes.fromhex("".join(text.split("\n")[3:]))
                if block.startswith(_EXIF_BEGINS):
                    return block
    return None


def space(info: dict[Any, Any]) -> Space | None:
    """Return what gAMA and cHRM say, as Pillow gives it; None where that is sRGB, nothing or without sense."""
    if "srgb" in info or info.keys().isdisjoint(("gamma", "chromaticity")):
        return None
    corners, gamma, numbers = SRGB_CORNERS, info.get("gamma", 0), info.get("chromaticity", ())
    if len(numbers) == 8:
        white, *lights = zip(numbers[::2], numbers[1::2], strict=True)
        corners = (*lights, white)
    return stated_space(corners, gamma)


def clear_colour(image: Image.Image, data: bytes) -> int | tuple[int, ...] | None:
    """Return the one colour that is transparent in an image's 8 bits, None where it is as Pillow tells it.

    Pillow scales the pixels and not that colour.
    """
    colour, bits = image.info.get("transparency"), data[_BITS_AT]
    if image.mode == "L" and isinstance(colour, int) and bits < 8:
        return colour * 255 // ((1 << bits) - 1)
    if image.mode == "RGB" and isinstance(colour, tuple) and bits == 16:
        return tuple(value >> 8 for value in colour)
    return None


def refuse_damaged(data: bytes) -> None:
    """Raise CorruptImageError for pixels that do not fit their checksum, which Pillow passes over.

    What the file's end cuts off is left to its decoder.
    """
    for chunk in itertools.takewhile(lambda chunk: chunk.kind != b"IEND", _chunks(data)):
        stated = int.from_bytes(data[chunk.start : chunk.start + 4], "big")
        whole = chunk.end == chunk.start + 12 + stated
        if chunk.kind == b"IDAT" and whole and not _is_whole(data, chunk):
            raise CorruptImageError("damaged: pixels that do not fit their checksum")


def bare(data: bytes) -> bytes:
    """Return the file without its text and other side matter and with an end.

    A side chunk with a bad checksum is left out, as viewers do; pixels and palette are never touched.
    """
    chunks = itertools.takewhile(lambda chunk: chunk.kind != b"IEND", _chunks(data))
    kept = (data[chunk.start : chunk.end] for chunk in chunks if _matters(data, chunk))
    return b"".join([SIGNATURE, *kept, _END])


def _chunks(data: bytes) -> Iterator[_Chunk]:
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        yield _Chunk(kind, at, min(at + 12 + length, len(data)))
        at += 12 + length


def _matters(data: bytes, chunk: _Chunk) -> bool:
    if not chunk.kind[0] & 0x20:  # a capital: no picture without it
        return True
    if chunk.kind == b"tRNS":
        sizes = _TRANSPARENCY_BYTES.get(data[25], range(0))
        return chunk.end - chunk.start - 12 in sizes and _is_whole(data, chunk)
    fits = _COLOUR_BYTES.get(chunk.kind) == chunk.end - chunk.start - 12
    return (chunk.kind == b"eXIf" or fits) and _is_whole(data, chunk)


def _is_whole(data: bytes, chunk: _Chunk) -> bool:
    body = memoryview(data)[chunk.start + 4 : chunk.end - 4]  # no copy: it can be most of the file
    return zlib.crc32(body).to_bytes(4, "big") == data[chunk.end - 4 : chunk.end]
