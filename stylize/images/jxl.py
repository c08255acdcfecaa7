"""The size that a JPEG XL file states, as its decoder gives it only with all pixels (ISO/IEC 18181-1, 9.2)."""

from __future__ import annotations

from stylize.errors import CorruptImageError
from stylize.images.boxes import boxes

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def stated_size(data: bytes) -> tuple[int, int]:
    """Return (width, height) in pixels. Raises CorruptImageError."""
    return _take_size(_Bits(_codestream(data)[2:]))


def _take_size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)
    height = (bits.take(5) + 1) * 8 if small else _side(bits)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return ((bits.take(5) + 1) * 8 if small else _side(bits)), height


def is_animated(data: bytes) -> bool:
    """Return whether a file has more than one frame: its decoder gives the last."""
    bits = _Bits(_codestream(data)[2:])
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
        # Two sizes, each of two sides of at most 32 bits, and what stands around them.
        self._value = int.from_bytes(data[:32], "little")

    def take(self, count: int) -> int:
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        return taken


def _side(bits: _Bits) -> int:
    return 1 + bits.take((9, 13, 18, 30)[bits.take(2)])


def _codestream(data: bytes) -> bytes:
    if data[:2] == b"\xff\x0a":
        return data
    for kind, body in boxes(data):
        if kind in (b"jxlc", b"jxlp"):
            return body[4 if kind == b"jxlp" else 0 :]
    raise CorruptImageError("damaged or cut short: no JPEG XL picture in it")
