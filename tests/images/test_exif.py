"""Blocks of EXIF that no camera's software of today writes, rewritten."""

from __future__ import annotations

import struct

from PIL import Image

from stylize.images.exif import rewritten

CAMERA, PRINT = 0x8769, b"how the photo looked before it was styled"
Entry = tuple[int, int, int, int]


def block_with(thumbnail: list[Entry], artist_at: int, tail: bytes) -> bytes:
    """Return a block of an artist of twenty letters, `thumbnail` as second directory at 26, and `tail` behind it."""
    first = struct.pack("<HHHIII", 1, 315, 2, 20, artist_at, 26)
    second = b"".join(struct.pack("<HHII", *entry) for entry in thumbnail)
    return b"II*\0" + struct.pack("<I", 8) + first + struct.pack("<H", len(thumbnail)) + second + bytes(4) + tail


def artist(block: bytes | None) -> str:
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + (block or b""))
    return str(exif[315])


def test_a_thumbnail_without_a_jpegs_packing_is_blanked_too() -> None:
    start = 26 + 2 + 24 + 4
    places = [(273, 4, 1, start), (279, 4, 1, len(PRINT))]
    block = block_with(places, start + len(PRINT), PRINT + b"A" * 19 + b"\0")
    found = rewritten(block, (4, 4), None, None)
    assert artist(found) == "A" * 19
    assert PRINT not in (found or b"")


def test_a_thumbnail_said_to_lie_over_a_value_takes_nothing_of_it() -> None:
    start = 26 + 2 + 24 + 4
    block = block_with([(513, 4, 1, start + 4), (514, 4, 1, 8)], start, b"A" * 19 + b"\0")
    assert artist(rewritten(block, (4, 4), None, None)) == "A" * 19


def test_a_thumbnail_said_to_reach_beyond_the_block_costs_nothing_of_it() -> None:
    start = 26 + 2 + 24 + 4
    block = block_with([(513, 4, 1, start + 20), (514, 4, 1, 2**20)], start, b"A" * 19 + b"\0" + PRINT)
    assert artist(rewritten(block, (4, 4), None, None)) == "A" * 19


def test_a_gamma_of_other_colours_is_left_out() -> None:
    exif = Image.Exif()
    exif[CAMERA] = {0xA500: 2.2, 0x9003: "2024:05:06 07:08:09"}
    after = Image.Exif()
    after.load(b"Exif\0\0" + (rewritten(exif.tobytes(), (4, 4), None, None) or b""))
    assert {0x9003: "2024:05:06 07:08:09", 0xA001: 1}.items() <= after.get_ifd(CAMERA).items()
    assert 0xA500 not in after.get_ifd(CAMERA)
