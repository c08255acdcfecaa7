"""The size that a JPEG XL file states, as its decoder gives it only with all pixels (ISO/IEC 18181-1, 9.2)."""

from __future__ import annotations

import struct
from typing import IO

from stylize.errors import CorruptImageError

_BARE = b"\xff\x0a"
"""How a codestream begins, and a file that has no boxes around it (ISO/IEC 18181-2)."""
_HEADER_BYTES = 32
"""Two sizes, each of two sides of at most 32 bits, and what stands around them."""
_FAR = 2**60
"""Behind the end of any file."""
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def header(file: IO[bytes]) -> bytes:
    """Return how the codestream of a file begins, wherever in it that stands. Raises CorruptImageError."""
    begun = file.read(len(_BARE) + _HEADER_BYTES)
    if begun.startswith(_BARE):
        return begun
    found, at = b"", 0
    while len(found) < _HEADER_BYTES:
        file.seek(at)
        length, kind, long = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
        start = at + (16 if length == 1 else 8)
        end = at + (long if length == 1 else length) if length else _FAR
        if kind in (b"jxlc", b"jxlp"):
            start += 4 if kind == b"jxlp" else 0
            file.seek(start)
            found += file.read(min(_HEADER_BYTES, max(0, end - start)))
        if not start <= end < _FAR:
            break
        at = end
    if not found:
        raise CorruptImageError("damaged or cut short: no JPEG XL picture in it")
    return found


def stated_size(header: bytes) -> tuple[int, int]:
    """Return (width, height) in pixels."""
    return _take_size(_Bits(header))


def _take_size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)
    height = (bits.take(5) + 1) * 8 if small else _side(bits)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return ((bits.take(5) + 1) * 8 if small else _side(bits)), height


def is_animated(header: bytes) -> bool:
    """Return whether a file has more than one frame: its decoder gives the last."""
    bits = _Bits(header)
    _take_size(bits)
    if bits.take(1) or not bits.take(1):  # all as by default; no more than colours is said
        return False
    bits.take(3)  # how it is turned
    if bits.take(1):
        _take_size(bits)
    # What may follow, a preview's size, no encoder that is known writes.
    return not bits.take(1) and bool(bits.take(1))


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[len(_BARE) :], "little")

    def take(self, count: int) -> int:
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        return taken


def _side(bits: _Bits) -> int:
    return 1 + bits.take((9, 13, 18, 30)[bits.take(2)])
