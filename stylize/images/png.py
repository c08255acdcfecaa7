"""PNG files as viewers take them: without chunks that do not matter, and the colour that they signal."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from stylize.images.color import Signal

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
MAX_PROFILE_BYTES = 64 * 2**20
"""Of an ICC profile, unpacked; the largest that printers' makers give away are a few megabytes."""
# Beside the critical ones, whose names begin with a capital.
_THAT_MATTER = (b"tRNS", b"eXIf")


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
            return Signal(data[chunk.start + 8], data[chunk.start + 9])
    return None


def bare(data: bytes) -> tuple[bytes, bytes | None]:
    """Return the file without its text and other side matter and with an end, and its ICC profile, if it has one.

    A side chunk with a bad checksum is left out, as viewers do; pixels and palette are never touched.
    """
    kept, profile = [SIGNATURE], None
    for chunk in _chunks(data):
        if chunk.kind == b"IEND":
            break
        if chunk.kind == b"iCCP" and _is_whole(data, chunk):
            profile = _profile(data[chunk.start + 8 : chunk.end - 4])
        critical = not chunk.kind[0] & 0x20
        if critical or (chunk.kind in _THAT_MATTER and _is_whole(data, chunk)):
            kept.append(data[chunk.start : chunk.end])
    return b"".join([*kept, _END]), profile


def _chunks(data: bytes) -> Iterator[_Chunk]:
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        yield _Chunk(kind, at, min(at + 12 + length, len(data)))
        at += 12 + length


def _is_whole(data: bytes, chunk: _Chunk) -> bool:
    body = data[chunk.start + 4 : chunk.end - 4]
    return zlib.crc32(body).to_bytes(4, "big") == data[chunk.end - 4 : chunk.end]


def _profile(body: bytes) -> bytes | None:
    _, _, packed = body.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(packed[1:], MAX_PROFILE_BYTES)
    except zlib.error:
        return None
