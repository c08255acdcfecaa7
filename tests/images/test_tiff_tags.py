"""What a TIFF's tags say of its photo, in any byte order and layout, whatever they claim."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from PIL import Image

from stylize.images.exif import MAX_BYTES
from stylize.images.tiff_tags import exif_block

TEXT = b"A. Person\0"


def tiff(order: str, big: bool, claimed: int | None = None, length: int = len(TEXT)) -> bytes:
    """A TIFF of tags alone: an artist of so many letters, a camera's directory with a date. claimed: entries."""
    offset, count, entry, head = ("Q", "Q", 20, 16) if big else ("I", "H", 12, 8)
    magic = struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, 16) if big else (42, 8)))

    def directory(at: int, *entries: tuple[int, int, int, int]) -> bytes:
        packed = (struct.pack(f"{order}HH{offset}{offset}", *one) for one in entries)
        number = len(entries) if claimed is None else claimed
        return struct.pack(order + count, number) + b"".join(packed) + struct.pack(order + offset, 0)

    size = struct.calcsize(order + count) + struct.calcsize(order + offset)
    below, texts = head + size + 2 * entry, head + 2 * size + 3 * entry
    first = directory(head, (315, 2, length, texts), (0x8769, 18 if big else 4, 1, below))
    inner = directory(below, (0x9003, 2, 20, texts + len(TEXT)))
    return (b"II" if order == "<" else b"MM") + magic + first + inner + TEXT + b"2024:05:06 07:08:09\0"


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("big", [False, True])
def test_every_layout_gives_a_block(order: str, big: bool) -> None:
    exif = Image.Exif()
    exif.load(exif_block(tiff(order, big)) or b"")
    assert dict(exif)[315] == "A. Person"
    assert exif.get_ifd(0x8769) == {0x9003: "2024:05:06 07:08:09"}


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("claims", [{"claimed": 0xFFFF}, {"length": 10**6}, {"length": 2**32 - 1}])
def test_what_is_claimed_beyond_the_file_costs_itself_alone(big: bool, claims: dict[str, Any]) -> None:
    exif = Image.Exif()
    exif.load(exif_block(tiff("<", big, **claims)) or b"")
    assert exif.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"


def test_many_values_that_share_their_bytes_make_no_large_block() -> None:
    shared = b"".join(struct.pack("<HHII", tag, 2, 60_000, 8) for tag in range(600, 2600))
    data = b"II*\0" + struct.pack("<I", 70_000) + bytes(69_992) + struct.pack("<H", 2000) + shared + bytes(4)
    assert len(exif_block(data) or b"") <= MAX_BYTES + 100


FAR = b"II+\0\x08\0\0\0" + b"\xff" * 8


@pytest.mark.parametrize(
    "data", [b"", b"II", b"II*\0", b"II*\0\x08\0\0\0", b"MM\0+\0\x08\0\0", b"XX*\0\x08\0\0\0\0\0", FAR, FAR + bytes(99)]
)
def test_no_tiff_gives_none(data: bytes) -> None:
    assert exif_block(data) is None
