"""JPEG 2000 files that Pillow misreads, and the profile that it passes over (ISO/IEC 15444-1, annexes A and I)."""

from __future__ import annotations

from PIL import Image

from stylize.errors import UnsupportedImageError
from stylize.images.boxes import boxes

_CODESTREAM = b"\xff\x4f\xff\x51"
_COMPONENTS_AT = 40
"""Where the number of components stands, from the codestream's first byte; three bytes for each follow."""
END = b"\xff\xd9"
_TILE_PART = b"\xff\x90\0\x0a"
_PROFILES = (2, 3)
"""Methods of a colour box that hold a profile: restricted and any."""


def refuse_deep(image: Image.Image, data: bytes) -> None:
    """Raise UnsupportedImageError for colours of more than 8 bits: Pillow's rounding turns the brightest into black."""
    start = data.find(_CODESTREAM)
    number = int.from_bytes(data[start + _COMPONENTS_AT : start + _COMPONENTS_AT + 2], "big")
    depths = data[start + _COMPONENTS_AT + 2 : start + _COMPONENTS_AT + 2 + 3 * number : 3]
    deepest = max(((depth & 0x7F) + 1 for depth in depths), default=8)
    if start >= 0 and deepest > 8 and not image.mode.startswith("I"):
        raise UnsupportedImageError(f"JPEG 2000 colours of {deepest} bits are not read; save it as PNG or TIFF first")


def lacks_end_alone(data: bytes) -> bool:
    """Return whether a file ends where its last tile-part does, before its end marker or within."""
    at = data.find(_TILE_PART, max(0, data.find(_CODESTREAM)))
    while at >= 0 and data.startswith(_TILE_PART, at):
        length = int.from_bytes(data[at + 6 : at + 10], "big")
        if not length:  # as far as the end, wherever that is
            return False
        at += length
    return at in (len(data), len(data) - 1) and data[at:] in (b"", END[:1])


def profile(data: bytes) -> bytes | None:
    """Return the ICC profile, None where there is none."""
    for kind, body in boxes(data):
        if kind == b"jp2h":
            for inner, colour in boxes(body):
                if inner == b"colr" and colour[:1] and colour[0] in _PROFILES:
                    return colour[3:]
            return None
    return None
