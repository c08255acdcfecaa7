"""What every viewer shows is read; what lacks pixels is not, or says so where that is accepted."""

from __future__ import annotations

import io
import random
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylize.errors import CorruptImageError
from stylize.images import decode, header_size
from tests.support.image_files import PHOTO, SRGB, png_chunk, red_and_blue_swapped, saved, tiff
from tests.support.samples import picture

LARGE = picture(1, 200, 150)
IMAGE = Image.fromarray(LARGE)
END = b"\xff\xd9"

JPEGS = {
    "baseline": saved(IMAGE, "JPEG", quality=90),
    "progressive": saved(IMAGE, "JPEG", quality=90, progressive=True),
    "full colour": saved(IMAGE, "JPEG", quality=90, subsampling=0),
    "restart markers": saved(IMAGE, "JPEG", quality=90, restart_marker_blocks=5),
    "grey": saved(IMAGE.convert("L"), "JPEG", quality=90),
    "CMYK": saved(IMAGE.convert("CMYK"), "JPEG", quality=90),
}


@pytest.mark.parametrize("long_side_px", [None, 40])
@pytest.mark.parametrize("data", JPEGS.values(), ids=JPEGS.keys())
def test_a_jpeg_without_its_end_marker_has_all_its_pixels(data: bytes, long_side_px: int | None) -> None:
    whole = decode(data, long_side_px=long_side_px).pixels
    for kept in (data[:-1], data[:-2], data[:-2] + bytes(40)):
        again = decode(kept, long_side_px=long_side_px)
        assert (again.pixels == whole).all()
        assert not again.truncated


@pytest.mark.parametrize("missing", [60, 500, 4000])
@pytest.mark.parametrize("data", JPEGS.values(), ids=JPEGS.keys())
def test_a_jpeg_cut_within_its_pixels_is_corrupt(data: bytes, missing: int) -> None:
    with pytest.raises(CorruptImageError, match="ends within its pixels"):
        decode(data[:-missing])


@pytest.mark.parametrize("name", sorted(JPEGS.keys() - {"progressive"}))
def test_a_jpeg_cut_and_closed_again_is_corrupt_too(name: str) -> None:
    # Its decoder fills with grey and says nothing; of a progressive one it cannot be told.
    with pytest.raises(CorruptImageError, match="ends within its pixels"):
        decode(JPEGS[name][:-2000] + END)


def test_a_jpeg_that_ends_in_grey_is_whole() -> None:
    pixels = LARGE.copy()
    pixels[-40:, -40:] = 128
    assert decode(saved(Image.fromarray(pixels), "JPEG")).pixels.shape == (150, 200, 3)


def test_a_progressive_jpeg_cut_between_two_scans_is_corrupt() -> None:
    data = JPEGS["progressive"]
    with pytest.raises(CorruptImageError):
        decode(data[: data.rindex(b"\xff\xda")])


@pytest.mark.parametrize("long_side_px", [None, 40])
@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_with_noise_in_its_middle_is_corrupt_or_accepted_and_marked(name: str, long_side_px: int | None) -> None:
    data, middle = JPEGS[name], len(JPEGS[name]) // 2
    # As a broken card leaves it; no marker is in it.
    noise = bytes(random.Random(1).choices(range(255), k=300))
    broken = data[:middle] + noise + data[middle + 300 :]
    for damaged in (broken, broken[:-2]):
        with pytest.raises(CorruptImageError):
            decode(damaged, long_side_px=long_side_px)
        assert decode(damaged, long_side_px=long_side_px, truncated="accept").truncated


@pytest.mark.parametrize("name", JPEGS)
def test_what_cameras_leave_behind_the_pixels_or_in_the_header_is_no_damage(name: str) -> None:
    data = JPEGS[name]
    tables = data.index(b"\xff\xdb")
    for padded in (data[:-2] + b"abc" + END, data[:-2] + bytes(40) + END, data[:tables] + b"odd bytes" + data[tables:]):
        again = decode(padded)
        assert not again.truncated
        assert (again.pixels == decode(data).pixels).all()


@pytest.mark.parametrize("keep", [0.3, 0.9])
@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_whose_rest_is_zeros_is_corrupt(name: str, keep: float) -> None:
    data = JPEGS[name]
    kept = data[: int(len(data) * keep)]
    # As a download leaves it that was given up; where more room was set aside than the picture takes.
    for room in (len(data), 4 * len(data)):
        hole = kept.ljust(room, b"\0")
        with pytest.raises(CorruptImageError):
            decode(hole)
        assert decode(hole, truncated="accept").truncated


def test_later_pictures_of_a_phones_jpeg_do_not_count() -> None:
    data = saved(IMAGE, "MPO", save_all=True, append_images=[IMAGE])
    assert (decode(data[:-500]).pixels == decode(data).pixels).all()


PNG = saved(Image.fromarray(PHOTO), "PNG")
PIXELS_AT, END_AT = PNG.index(b"IDAT") - 4, len(PNG) - 12
TWO_MEGABYTES = b"Comment\0" + b"x" * 2_000_000
SIDE_MATTER = {
    "text": (b"tEXt", TWO_MEGABYTES),
    "packed text": (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(5_000_000))),
    "international text": (b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(bytes(5_000_000))),
    "profile": (b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB)),
    "profile that is none": (b"iCCP", b"sRGB\0\0garbage"),
    "EXIF": (b"eXIf", b"garbage"),
    "gamma": (b"gAMA", b"x"),
    "chromaticities": (b"cHRM", b"x" * 31),
    "sRGB's intent": (b"sRGB", b""),
    "pixel size": (b"pHYs", b"x"),
    "time": (b"tIME", b""),
    "transparency": (b"tRNS", b""),
    "private": (b"abCd", b"x" * 100),
}


@pytest.mark.parametrize("at", [PIXELS_AT, END_AT], ids=["before the pixels", "behind them"])
@pytest.mark.parametrize("checksum", [True, False], ids=["good checksum", "bad checksum"])
@pytest.mark.parametrize("kind", SIDE_MATTER)
def test_side_matter_of_a_png_never_costs_its_pixels(kind: str, checksum: bool, at: int) -> None:
    chunk = png_chunk(*SIDE_MATTER[kind])
    chunk = chunk if checksum else chunk[:-4] + bytes(byte ^ 255 for byte in chunk[-4:])
    data = PNG[:at] + chunk + PNG[at:]
    assert (decode(data).pixels == PHOTO).all()
    # What the viewer, training and forecasts ask first.
    assert header_size(data) == PHOTO.shape[1::-1]


def test_a_png_that_is_read_without_its_side_matter_is_turned_all_the_same() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.fromarray(PHOTO).transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)
    at = data.index(b"IDAT") - 4
    assert (decode(data[:at] + png_chunk(b"iCCP", b"sRGB\0\0garbage")[:-1] + b"x" + data[at:]).pixels == PHOTO).all()


def test_a_png_without_its_end_is_whole() -> None:
    for missing in (1, 4, 12):
        assert (decode(PNG[:-missing]).pixels == PHOTO).all()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
def test_a_profile_over_a_megabyte_counts(format: str) -> None:
    data = saved(Image.new("RGB", (16, 16), "red"), format, icc_profile=red_and_blue_swapped(1_500_000), quality=100)
    assert np.abs(decode(data).pixels[8, 8].astype(int) - (0, 0, 255)).max() <= 12


def test_a_webp_cut_within_its_metadata_is_whole() -> None:
    exif = Image.Exif()
    exif[0x010E] = "words " * 50
    data = saved(IMAGE, "WEBP", lossless=True, exif=exif)
    for missing in (1, 100):
        assert (decode(data[:-missing]).pixels == LARGE).all()


@pytest.mark.parametrize("options", [{}, {"no_jp2": True}, {"tile_size": (64, 64)}, {"irreversible": True}], ids=str)
def test_a_jpeg_2000_without_its_end_marker_is_whole_and_one_without_pixels_is_not(options: dict[str, Any]) -> None:
    data = saved(IMAGE, "JPEG2000", **options)
    for kept in (data[:-1], data[:-2]):
        assert (decode(kept).pixels == decode(data).pixels).all()
    length = data.rindex(b"\xff\x90\0\x0a") + 6
    to_the_end = data[:length] + bytes(4) + data[length + 4 :]
    for cut in (data[:-3], data[:-400], data[:-400] + END, to_the_end[:-2]):
        with pytest.raises(CorruptImageError):
            decode(cut)


def test_a_gif_without_its_trailer_is_whole() -> None:
    data = saved(IMAGE, "GIF")
    assert (decode(data[:-1]).pixels == decode(data).pixels).all()


CUT_SHORT = {
    "scan": lambda data, at: data[:at] + b"\0\2" + data[at + 2 :],
    "scan of two": lambda data, at: data[:at] + b"\0\3\2\1",
    "scan of no component": lambda data, at: data[: at + 3] + b"\x09" + data[at + 4 :],
}


@pytest.mark.parametrize("name", CUT_SHORT)
def test_a_progressive_jpeg_whose_scan_has_a_damaged_header_is_corrupt_in_its_decoders_words(name: str) -> None:
    data = JPEGS["progressive"]
    damaged = CUT_SHORT[name](data, data.index(b"\xff\xda") + 2)
    for truncated in ("refuse", "accept"):
        with pytest.raises(CorruptImageError, match="broken data stream"):
            decode(damaged, truncated=truncated)


def packed_tiff(pixels: Any = LARGE, **options: Any) -> bytes:
    return tiff(pixels, photometric="rgb", compression="zlib", **options)


CUT = {
    **{name: data[: len(data) * 2 // 3] for name, data in JPEGS.items()},
    **{name: saved(IMAGE, name)[:-30_000] for name in ("PNG", "BMP", "PPM", "TGA", "TIFF")},
    "GIF": saved(IMAGE, "GIF")[:-4_000],
    "TIFF in packed strips": packed_tiff(rowsperstrip=8)[:-30_000],
    "TIFF in packed tiles": packed_tiff(tile=(16, 32))[:-30_000],
}


@pytest.mark.parametrize("long_side_px", [None, 50])
@pytest.mark.parametrize("name", CUT)
def test_a_cut_file_that_is_accepted_shows_what_it_has_and_says_so(name: str, long_side_px: int | None) -> None:
    with pytest.raises(CorruptImageError):
        decode(CUT[name], long_side_px=long_side_px)
    decoded = decode(CUT[name], long_side_px=long_side_px, truncated="accept")
    assert decoded.truncated
    full = Image.open(io.BytesIO(JPEGS["grey"])) if name == "grey" else IMAGE
    whole = decode(saved(full, "PNG"), long_side_px=long_side_px).pixels
    # These are stored from the bottom up.
    part = slice(-8, None) if name in ("BMP", "TGA") else slice(None, 8)
    assert np.abs(decoded.pixels[part].astype(int) - whole[part]).mean() < 14


def test_accepting_cut_files_changes_nothing_for_whole_and_for_broken_ones() -> None:
    whole = decode(PNG, truncated="accept")
    assert not whole.truncated
    assert (whole.pixels == PHOTO).all()
    broken = bytearray(PNG)
    broken[PNG.index(b"IDAT") + 500] ^= 255
    # Of the last two nothing is there, or not all colours.
    one_strip = packed_tiff(rowsperstrip=150)[:-9]
    few_colours = packed_tiff(np.moveaxis(LARGE, -1, 0), planarconfig="separate", rowsperstrip=8)[:-30_000]
    for data in (b"no image", bytes(broken), PNG[:20], one_strip, few_colours):
        with pytest.raises(CorruptImageError):
            decode(data, truncated="accept")
