"""Files that a packer made: nothing in them is read before their owner has unpacked them."""

from __future__ import annotations

_BEGINNINGS = {
    b"\x1f\x8b\x08": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar", b"PK\x03\x04": "zip",
}  # fmt: skip
HEAD_BYTES = max(map(len, _BEGINNINGS))


def packed(head: bytes) -> str | None:
    """Return what is wrong with a file that begins so and what to do, None where no packer made it."""
    by = next((name for begins, name in _BEGINNINGS.items() if head.startswith(begins)), None)
    return by and f"packed by {by}; unpack it first"
