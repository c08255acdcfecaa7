"""The ICC profile of a GIF file, which Pillow passes over (ICC.1:2022, B.4)."""

from __future__ import annotations

_EXTENSION, _NAME = b"\x21", b"ICCRGBG1012"
_BEFORE_A_PROFILE = _EXTENSION + b"\xff\x0b" + _NAME
_HEADER_BYTES = 13


def profile(data: bytes) -> bytes | None:
    """Return the profile that stands before the first frame, None where there is none."""
    packed = data[10] if len(data) >= _HEADER_BYTES else 0
    at = _HEADER_BYTES + (3 * 2 ** ((packed & 7) + 1) if packed & 0x80 else 0)
    while data.startswith(_EXTENSION, at):
        is_profile = data.startswith(_BEFORE_A_PROFILE, at)
        at, held = _blocks(data, at + 2)
        if is_profile:
            return held[len(_NAME) :] or None
    return None


def _blocks(data: bytes, at: int) -> tuple[int, bytes]:
    """Return where the blocks end that begin at a place, and what they hold."""
    held = []
    while at < len(data) and (length := data[at]):
        held.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    return at + 1, b"".join(held)
