"""Damage within packed strips and tiles of a TIFF, of which its decoder says nothing."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from stylize.errors import CorruptImageError
from stylize.images import decode
from tests.support.image_files import saved, tiff
from tests.support.samples import picture

PHOTO = picture(3, 300, 200)
RGB = Image.fromarray(PHOTO)


FILES = {
    "jpeg": saved(RGB, "TIFF", compression="jpeg"),
    "grey jpeg": saved(RGB.convert("L"), "TIFF", compression="jpeg"),
    "cmyk jpeg": saved(RGB.convert("CMYK"), "TIFF", compression="jpeg"),
    "deflate": saved(RGB, "TIFF", compression="tiff_adobe_deflate"),
    "old deflate": saved(RGB, "TIFF", compression="tiff_deflate"),
    "tiled deflate": tiff(PHOTO, compression="zlib", tile=(64, 64)),
    "deflate with a predictor": tiff(PHOTO, compression="zlib", predictor=True, rowsperstrip=20),
    "large first": tiff(PHOTO, compression="zlib", bigtiff=True, byteorder=">"),
}


def parts(data: bytes | bytearray) -> list[tuple[int, int]]:
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        page: Any = opened.pages[0]
        return list(zip(page.dataoffsets, page.databytecounts, strict=True))


@pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())
@pytest.mark.parametrize("which", [0, -1])
def test_damage_within_a_part_is_corrupt(data: bytes, which: int, capfd: pytest.CaptureFixture[str]) -> None:
    decode(data)
    start, count = parts(data)[which]
    noise = np.random.default_rng(1).integers(0, 255, count // 3, np.uint8).tobytes()
    damaged = data[: start + count // 3] + noise + data[start + count // 3 + len(noise) :]
    for truncated in ("refuse", "accept"):
        with pytest.raises(CorruptImageError):
            decode(damaged, truncated=truncated)
    assert capfd.readouterr() == ("", "")


def test_what_pillow_logs_of_damage_is_said_in_the_error_alone(logged: list[str]) -> None:
    data = FILES["deflate"].replace(struct.pack("<HHIH", 277, 3, 1, 3), struct.pack("<HHIH", 277, 3, 1, 30_000))
    with pytest.raises(CorruptImageError):
        decode(data)
    assert logged == []


@pytest.mark.parametrize("name", ["jpeg", "grey jpeg", "cmyk jpeg"])
def test_erased_memory_within_a_jpeg_part_is_corrupt(name: str) -> None:
    data = FILES[name]
    start, count = parts(data)[0]
    middle = start + count // 2
    # Read as the markers that it makes with what follows.
    for length in (100, 101, 102, count // 3):
        with pytest.raises(CorruptImageError):
            decode(data[:middle] + b"\xff" * length + data[middle + length :])


@pytest.mark.parametrize("name", [name for name in FILES if "deflate" in name or name == "large first"])
def test_one_changed_byte_is_seen_by_deflates_checksum(name: str) -> None:
    data = FILES[name]
    start, count = parts(data)[-1]
    for at in np.linspace(start + 2, start + count - 5, 20).astype(int):
        with pytest.raises(CorruptImageError):
            decode(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


@pytest.mark.parametrize("missing", [1, 4])
def test_a_checksum_that_is_cut_off_costs_nothing(missing: int) -> None:
    data = bytearray(tiff(PHOTO, compression="zlib", rowsperstrip=200))
    [(_, count)] = parts(data)
    at = data.index(struct.pack("<HHII", 279, 4, 1, count))
    struct.pack_into("<I", data, at + 8, count - missing)
    assert (decode(bytes(data)).pixels == PHOTO).all()


def test_strips_of_several_pieces_are_whole() -> None:
    flat = np.zeros((1200, 1000, 3), np.uint8)
    assert (decode(tiff(flat, compression="zlib", rowsperstrip=1200)).pixels == flat).all()
    noise = np.random.default_rng(1).integers(0, 256, (1200, 1000, 3), np.uint8)
    assert (decode(tiff(noise, compression="zlib", rowsperstrip=1200)).pixels == noise).all()


def test_bytes_behind_the_pixels_of_a_part_cost_nothing() -> None:
    values = np.zeros((16, 16, 3), np.uint8)
    packed = zlib.compress(bytes(2**24))
    data = bytearray(tiff(values, compression="zlib", rowsperstrip=16))
    [(_, count)] = parts(data)
    at = data.index(struct.pack("<HHII", 279, 4, 1, count))
    struct.pack_into("<I", data, at + 8, len(packed))
    offset = data.index(struct.pack("<HHI", 273, 4, 1))
    struct.pack_into("<I", data, offset + 8, len(data))
    assert (decode(bytes(data + packed)).pixels == values).all()


def test_strips_whose_bits_are_in_the_other_order_are_read() -> None:
    values = tiff(PHOTO, compression="zlib", rowsperstrip=200)
    [(start, count)] = parts(values)
    turned = np.packbits(np.unpackbits(np.frombuffer(values[start : start + count], np.uint8)).reshape(-1, 8)[:, ::-1])
    data = bytearray(values[:start] + turned.tobytes() + values[start + count :])
    # Where the planes were named, which for one picture of colours is what is assumed, too.
    at = data.index(struct.pack("<HHI", 284, 3, 1))
    struct.pack_into("<H", data, at, 266)
    struct.pack_into("<H", data, at + 8, 2)
    assert (decode(bytes(data)).pixels == PHOTO).all()


@pytest.mark.parametrize("packed", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_one_that_ends_within_its_tags_is_corrupt_and_no_other_kind(packed: str) -> None:
    # Behind the pixels, with what does not fit into the tags behind them.
    data = saved(Image.fromarray(picture(1, 40, 30)), "TIFF", compression=packed)
    for missing in (1, 4, 9, 20, 40, 70):
        with pytest.raises(CorruptImageError):
            decode(data[:-missing])
