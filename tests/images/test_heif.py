"""The part of a HEIF or AVIF picture that its file says is to be shown."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from stylize.images import alpha_of, decode, from_image, header_size, heif
from stylize.images.boxes import boxes
from tests.support.image_files import PHOTO, box, saved

HEIGHT, WIDTH = PHOTO.shape[:2]


def clap(width: int, height: int, across: tuple[int, int] = (0, 1), down: tuple[int, int] = (0, 1)) -> bytes:
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, *across, *down))


def with_properties(data: bytes, *properties: bytes) -> bytes:
    """An AVIF of Pillow's whose first item has these properties as well."""
    meta = next(body for kind, body in boxes(data) if kind == b"meta")
    parts = dict(boxes(meta[4:]))
    held = dict(boxes(parts[b"iprp"]))
    first = 1 + len(list(boxes(held[b"ipco"])))
    ipma = bytearray(held[b"ipma"])
    count = ipma[10]
    ipma[10] += len(properties)
    ipma[11 + count : 11 + count] = bytes(0x80 | (first + number) for number in range(len(properties)))
    iprp = box(b"iprp", box(b"ipco", held[b"ipco"] + b"".join(properties)) + box(b"ipma", bytes(ipma)))
    grown = len(iprp) - 8 - len(parts[b"iprp"])
    changed = b"".join(iprp if kind == b"iprp" else box(kind, body) for kind, body in boxes(meta[4:]))
    # What an item's bytes are counted from is the file's beginning.
    iloc = bytearray(parts[b"iloc"])
    items, at = int.from_bytes(iloc[6:8], "big"), 8
    for _ in range(items):
        offset = int.from_bytes(iloc[at + 6 : at + 10], "big")
        iloc[at + 6 : at + 10] = (offset + grown).to_bytes(4, "big")
        at += 14
    changed = changed.replace(parts[b"iloc"], bytes(iloc))
    return b"".join(box(kind, meta[:4] + changed if kind == b"meta" else body) for kind, body in boxes(data))


def avif(image: Image.Image) -> bytes:
    return saved(image, "AVIF", quality=95, subsampling="4:4:4")


@pytest.mark.parametrize("turns", [0, 1])
def test_only_the_part_of_an_avif_that_is_to_be_shown_is(turns: int) -> None:
    data = avif(Image.fromarray(PHOTO))
    whole = decode(data).pixels
    left, top = (WIDTH - 40) // 2 - 5, (HEIGHT - 30) // 2 + 3
    cut = with_properties(data, clap(40, 30, (-10, 2), (6, 2)), box(b"irot", bytes([turns])))
    decoded = decode(cut)
    assert (decoded.pixels == np.rot90(whole[top : top + 30, left : left + 40], turns)).all()
    assert (decoded.source_width_px, decoded.source_height_px) == ((40, 30) if turns == 0 else (30, 40))
    with Image.open(io.BytesIO(cut)) as image:
        for _ in range(2):
            assert (from_image(image) == decoded.pixels).all()
    assert header_size(cut) == (40, 30)
    assert max(decode(cut, long_side_px=20).pixels.shape) == 20


def test_alpha_is_cut_as_the_pixels_are() -> None:
    clear = np.dstack([PHOTO, np.tile(np.arange(WIDTH) * 3, (HEIGHT, 1)).astype(np.uint8)])
    data = avif(Image.fromarray(clear))
    carried = decode(data, alpha=True).carried
    cut = with_properties(data, clap(20, 10))
    part = decode(cut, alpha=True)
    assert carried is not None
    assert part.carried is not None
    assert carried.alpha is not None
    left, top = (WIDTH - 20) // 2, (HEIGHT - 10) // 2
    wanted = carried.alpha[top : top + 10, left : left + 20]
    assert part.carried.alpha is not None
    assert (part.carried.alpha == wanted).all()
    with Image.open(io.BytesIO(cut)) as image:
        from_image(image)
        opacity = alpha_of(image)
    assert opacity is not None
    assert (opacity == wanted).all()


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (clap(41, 31), (11, 9, 52, 40)),
        (clap(WIDTH + 1, HEIGHT), None), (clap(10, 10, (-1000, 1)), None), (clap(0, 10), None),
        (clap(10, 10, (0, 0)), None), (clap(WIDTH, HEIGHT), None), (box(b"clap", b"short"), None),
    ],
)  # fmt: skip
def test_a_part_without_sense_is_the_whole(part: bytes, shown: tuple[int, ...] | None) -> None:
    held = box(b"ipco", part) + box(b"ipma", struct.pack(">IIHBB", 0, 1, 1, 1, 1))
    meta = bytes(4) + box(b"pitm", struct.pack(">IH", 0, 1)) + box(b"iprp", held)
    assert heif.aperture(box(b"ftyp", b"avif") + box(b"meta", meta), WIDTH, HEIGHT) == shown


def test_a_picture_made_of_others_may_be_so_for_ever() -> None:
    chain = b"".join(box(b"dimg", struct.pack(">3H", item, 1, item + 1)) for item in range(2000))
    assert list(heif.with_tiles(0, bytes(4) + chain)) == list(range(2001))
    circle = box(b"dimg", struct.pack(">4H", 1, 2, 2, 1))
    assert list(heif.with_tiles(1, bytes(4) + circle)) == [1, 2]
