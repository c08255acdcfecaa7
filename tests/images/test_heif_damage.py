"""Damage within a HEIF's tiles, of which its decoder says nothing; files that are whole and not read."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from stylize.errors import CorruptImageError, UnsupportedImageError
from stylize.images import decode, from_image
from stylize.images.boxes import boxes
from tests.support.image_files import box, saved
from tests.support.samples import picture

pillow_heif = pytest.importorskip("pillow_heif")

SIDE = 64
TILES = [picture(number, SIDE, SIDE) for number in (1, 2)]


def full(kind: bytes, body: bytes, version: int = 0) -> bytes:
    return box(kind, bytes([version, 0, 0, 0]) + body)


def packed(pixels: np.ndarray) -> tuple[bytes, bytes]:
    """Return how a picture is configured in HEVC, and its bytes."""
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(file, quality=95, chroma=444)
    found = dict(boxes(file.getvalue()))
    described = dict(boxes(found[b"meta"][4:]))
    return dict(boxes(dict(boxes(described[b"iprp"]))[b"ipco"]))[b"hvcC"], found[b"mdat"]


def heif(items: list[tuple[bytes, bytes, bytes]], references: bytes = b"", base: int = 0) -> bytes:
    """A file of items by kind, properties and bytes, the first of them its picture; bytes begin at `base`."""
    owned, held, places, named = b"", b"", b"", b""
    start = base
    for number, (kind, properties, content) in enumerate(items, start=1):
        count = len(list(boxes(properties)))
        first = 1 + len(list(boxes(held)))
        owned += struct.pack(">HB", number, count) + bytes(range(first, first + count))
        places += struct.pack(">HHHII", number, 0, 1, start, len(content))
        named += full(b"infe", struct.pack(">HH", number, 0) + kind + b"\0", 2)
        held, start = held + properties, start + len(content)
    number_of_items = struct.pack(">H", len(items))
    meta = full(b"hdlr", bytes(4) + b"pict" + bytes(13)) + full(b"pitm", b"\0\1")
    meta += full(b"iloc", b"\x44\0" + number_of_items + places) + full(b"iinf", number_of_items + named) + references
    meta += box(b"iprp", box(b"ipco", held) + full(b"ipma", struct.pack(">I", len(items)) + owned))
    head = box(b"ftyp", b"mif1\0\0\0\0mif1heic") + full(b"meta", meta)
    content = b"".join(content for _, _, content in items)
    return head + box(b"mdat", content) if base else heif(items, references, len(head) + 8)


def grid() -> bytes:
    """Two tiles side by side, the second at the file's end, as phones write their photos."""
    sides = struct.pack(">4BHH", 0, 0, 0, 1, 2 * SIDE, SIDE)
    items = [(b"grid", full(b"ispe", struct.pack(">II", 2 * SIDE, SIDE)), sides)]
    for pixels in TILES:
        configuration, content = packed(pixels)
        size = full(b"ispe", struct.pack(">II", SIDE, SIDE))
        items.append((b"hvc1", box(b"hvcC", configuration) + size, content))
    return heif(items, full(b"iref", box(b"dimg", struct.pack(">4H", 1, 2, 2, 3))))


WHOLE = grid()
DAMAGED = {
    "cut": WHOLE[:-1],
    "cut short": WHOLE[:-500],
    "a hole": WHOLE[:-500] + bytes(60) + WHOLE[-440:],
    "a length": WHOLE.replace(packed(TILES[1])[1][:4], b"\0\1\0\0"),
    "nothing": WHOLE.replace(packed(TILES[1])[1], bytes(len(packed(TILES[1])[1]))),
}


def test_tiles_that_are_whole_are_read() -> None:
    assert np.abs(decode(WHOLE).pixels - np.hstack(TILES).astype(float)).mean() < 3


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_tile_that_is_not_whole_is_corrupt(data: bytes) -> None:
    assert data != WHOLE
    for truncated in ("refuse", "accept"):
        with pytest.raises(CorruptImageError):
            decode(data, truncated=truncated)
    with pytest.raises(CorruptImageError):
        from_image(pillow_heif.HeifImageFile(io.BytesIO(data)))


def test_bytes_behind_the_pixels_cost_nothing() -> None:
    assert (decode(WHOLE + bytes(100)).pixels == decode(WHOLE).pixels).all()
    configuration, content = packed(TILES[0])
    size = full(b"ispe", struct.pack(">II", SIDE, SIDE))
    padded = heif([(b"hvc1", box(b"hvcC", configuration) + size, content + bytes(8))])
    assert (decode(padded).pixels == decode(WHOLE).pixels[:, :SIDE]).all()


def test_metadata_that_are_cut_off_cost_nothing() -> None:
    configuration, content = packed(TILES[0])
    properties = box(b"hvcC", configuration) + full(b"ispe", struct.pack(">II", SIDE, SIDE))
    described = full(b"iref", box(b"cdsc", struct.pack(">3H", 2, 1, 1)))
    data = heif([(b"hvc1", properties, content), (b"Exif", b"", bytes(4) + b"II*\0" + bytes(40))], described)
    for cut in (data, data[:-9]):
        assert (decode(cut).pixels == decode(WHOLE).pixels[:, :SIDE]).all()


def test_what_is_whole_and_not_read_is_unsupported() -> None:
    content = saved(Image.fromarray(TILES[0]), "JPEG")
    size = full(b"ispe", struct.pack(">II", SIDE, SIDE))
    jpeg, plain = (heif([(kind, size, content)]) for kind in (b"jpeg", b"unci"))
    tiles = WHOLE.replace(b"infe\2\0\0\0\0\3\0\0hvc1", b"infe\2\0\0\0\0\3\0\0vvc1")
    moving = box(b"ftyp", b"msf1\0\0\0\0msf1hevc") + box(b"moov", bytes(100)) + box(b"mdat", bytes(100))
    for data, words in (
        (jpeg, "coded as 'jpeg', which is not read"), (moving, "a HEIF sequence without a still picture"),
        (plain, "coded as 'unci'"), (tiles, "coded as 'vvc1'"),
    ):  # fmt: skip
        with pytest.raises(UnsupportedImageError, match=words):
            decode(data)
