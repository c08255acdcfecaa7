"""How large an image may be, and how it is scaled."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from stylize.errors import CorruptImageError, UnsupportedImageError
from stylize.images import decode, decoding_bytes, encode, header_size, resize, working_size
from stylize.images.boxes import boxes
from stylize.images.opening import open_image, refuse_too_large
from stylize.measure.memory import PeakMemory, exact_peaks
from tests.support.image_files import PHOTO, box, png_chunk, png_header, saved, tiff
from tests.support.samples import picture


def test_a_bomb_is_refused_by_its_header() -> None:
    for side in (16_000, 30_000):
        with pytest.raises(UnsupportedImageError):
            decode(png_header(side, side) + png_chunk(b"IDAT", b""))


def test_the_limit_of_pillow_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 48 // 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(encode(PHOTO, "png", 95)).pixels.shape == (48, 64, 3)


def test_the_limit_of_pixels_is_the_runs_own() -> None:
    data = encode(PHOTO, "png", 95)
    with pytest.raises(UnsupportedImageError, match="--max-pixels"):
        decode(data, max_pixels=64 * 48 - 1)
    assert decode(data, max_pixels=64 * 48).pixels.shape == (48, 64, 3)


def test_single_pixel_and_thread_thin_images_work() -> None:
    assert decode(encode(PHOTO[:1, :1], "png", 95)).pixels.shape == (1, 1, 3)
    thin = encode(np.zeros((1, 20_000, 3), np.uint8), "png", 95)
    assert decode(thin).pixels.shape == (1, 20_000, 3)
    assert decode(thin, long_side_px=500).pixels.shape == (1, 500, 3)


def test_working_size_keeps_the_ratio() -> None:
    assert working_size(1600, 1067, 768) == (768, 512)
    assert working_size(100, 50, 400) == (400, 200)
    assert working_size(20_000, 1, 100) == (100, 1)
    assert working_size(33, 44, None) == (33, 44)
    assert working_size(100, 67, 10) == (10, 7)
    assert working_size(64, 100, 10) == (6, 10)


@pytest.mark.parametrize("band_pixels", [4_000_000, 10_000])
@pytest.mark.parametrize(("width", "height"), [(1601, 401), (401, 1601)])
def test_averaging_blocks_first_shows_no_difference(
    width: int, height: int, band_pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylize.images.pixels.BAND_PIXELS", band_pixels)
    y, x = np.mgrid[:height, :width] * (2 * np.pi / 64)
    photo = np.repeat((128 + 60 * np.sin(x) + 60 * np.sin(y)).astype(np.uint8)[..., None], 3, axis=2)
    ours = decode(encode(photo, "png", 95), long_side_px=100).pixels.astype(int)
    assert np.abs(ours - resize(photo, ours.shape[1], ours.shape[0])).mean() < 1


def test_a_long_side_under_one_is_refused() -> None:
    with pytest.raises(ValueError, match="long_side_px"):
        decode(encode(PHOTO, "png", 95), long_side_px=0)


# 801 is no multiple of what the decoder scales by: its last column is an image's in part only.
@pytest.mark.parametrize(("width", "height"), [(800, 600), (801, 601)])
@pytest.mark.parametrize("orientation", [1, 2, 3, 6, 8])
@pytest.mark.parametrize("format", ["JPEG", "MPO"])
def test_scaling_a_jpeg_down_early_shows_no_difference(format: str, orientation: int, width: int, height: int) -> None:
    # Stripes as fine as the result can show, so that a shift of a quarter of its pixels is seen.
    wave = np.sin(np.arange(width) * (2 * np.pi * 100 / width / 4))
    stripes = np.repeat(np.tile((128 + 100 * wave).astype(np.uint8), (height, 1))[..., None], 3, axis=2)
    exif = Image.Exif()
    exif[0x0112] = orientation
    more = {"save_all": True, "append_images": [Image.fromarray(PHOTO)]} if format == "MPO" else {}
    data = saved(Image.fromarray(stripes), format, quality=97, subsampling=0, exif=exif, **more)
    ours = decode(data, long_side_px=100).pixels.astype(int)
    assert np.abs(ours - resize(decode(data).pixels, ours.shape[1], ours.shape[0])).max() < 12


# 512 / 561 is rounded down, so that 561 times it is less than 512.
@pytest.mark.parametrize(("width", "wanted"), [(561, 512), (569, 512), (1070, 768), (1122, 1024), (49, 1), (1504, 512)])
def test_a_size_is_given_whatever_its_factor_is_rounded_to(width: int, wanted: int) -> None:
    photo = picture(3, width, 9)
    for pixels, size, part in (
        (photo, (wanted, 5), (0, 0, width, 8.5)),
        (photo.swapaxes(0, 1).copy(), (5, wanted), (0, 0, 8.5, width)),
    ):
        pillows = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, part)
        assert np.abs(resize(pixels, *size, part).astype(int) - np.asarray(pillows)).max() <= 2


def test_only_the_first_picture_of_a_phones_jpeg_is_read_and_it_is_scaled_early() -> None:
    data = saved(Image.fromarray(picture(4, 400, 300)), "MPO", save_all=True, append_images=[Image.new("L", (8, 8))])
    # Whole, it would be over the limit.
    assert decode(data, long_side_px=40, max_pixels=400 * 300 // 8).pixels.shape == (30, 40, 3)


def test_threads_decode_alike() -> None:
    data = [encode(picture(seed, 300, 200), "jpg", 90) for seed in range(8)]
    alone = [decode(one, long_side_px=100).pixels for one in data]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: decode(one, long_side_px=100).pixels, data))
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))


def jpeg(**options: object) -> bytes:
    return saved(Image.fromarray(picture(4, 320, 240)), "JPEG", **options)


def test_a_jpeg_is_counted_as_its_decoder_scales_it() -> None:
    data = jpeg()
    scaled = decode(data, long_side_px=80, max_pixels=160 * 120).pixels
    assert scaled.shape == (60, 80, 3)
    for side, limit in ((None, 320 * 240 - 1), (80, 160 * 120 - 1), (200, 320 * 240 - 1)):
        with pytest.raises(UnsupportedImageError, match="320 x 240"):
            decode(data, long_side_px=side, max_pixels=limit)
    # Scaled as it is decoded though it is wanted whole, where it would be over the limit.
    assert (decode(data, long_side_px=80, max_pixels=160 * 120, whole=True).pixels == scaled).all()


def test_a_jpeg_is_limited_before_it_is_scaled_too() -> None:
    for options, times in (({}, 8), ({"progressive": True}, 2)):
        data = jpeg(**options)
        assert decode(data, long_side_px=8, max_pixels=320 * 240 // times).pixels.shape == (6, 8, 3)
        with pytest.raises(UnsupportedImageError, match="320 x 240"):
            decode(data, long_side_px=8, max_pixels=320 * 240 // times - 1)


@pytest.mark.parametrize("ratio", [(120, 90), (96, 96), (100, 75), (128, 72), (31, 77), (3, 1000), (2000, 8), (8, 9)])
def test_the_size_of_a_jpeg_xl_is_told_without_decoding_it(ratio: tuple[int, int]) -> None:
    pytest.importorskip("pillow_jxl")
    for options in ({}, {"use_container": True}):
        data = saved(Image.new("RGB", ratio), "JXL", **options)
        assert header_size(data[:200]) == ratio
        with pytest.raises(UnsupportedImageError, match="--max-pixels"):
            decode(data[:60], max_pixels=ratio[0] * ratio[1] - 1)


def test_the_size_of_a_jpeg_xl_is_told_wherever_its_picture_begins() -> None:
    pytest.importorskip("pillow_jxl")
    (_, mark), (_, brands), (_, picture) = boxes(saved(Image.new("RGB", (31, 77)), "JXL", use_container=True))
    start = box(b"JXL ", mark) + box(b"ftyp", brands)
    parts = b"".join(box(b"jxlp", struct.pack(">I", n) + one) for n, one in enumerate((picture[:3], picture[3:])))
    for long in (box(b"Exif", bytes(600)), struct.pack(">I4sQ", 1, b"xml ", 616) + bytes(600)):
        assert header_size(start + long + parts) == (31, 77)
    for end in (b"", struct.pack(">I4sQ", 1, b"xml ", 2**64 - 1), b"\0\0\0\2jxlc", b"\0\0\0\x0cjxlp\0\0\0\0"):
        with pytest.raises(CorruptImageError, match="no JPEG XL picture"):
            header_size(start + end)


class Watched(io.BytesIO):
    """A file that counts what is read of it."""

    read_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.read_bytes += len(data)
        return data


def sparse_tiff(width: int, height: int) -> bytes:
    """Return the head of an uncompressed RGB TIFF of such a size, without its pixels."""
    file = io.BytesIO()
    tags = (
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 200),
        (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, (width * height * 3) % 2**32),
    )  # fmt: skip
    file.write(struct.pack("<2sHIH", b"II", 42, 8, len(tags)))
    for tag in tags:
        file.write(struct.pack("<HHII", *tag))
    return file.getvalue() + bytes(64)


def test_a_large_file_is_refused_by_its_header_before_it_is_read() -> None:
    file = Watched(sparse_tiff(40_000, 25_000))
    with pytest.raises(UnsupportedImageError, match="40000 x 25000"):
        refuse_too_large(file, 700_000_000, long_side_px=768, max_pixels=100_000_000)
    assert file.read_bytes < 2000


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_a_large_file_is_not_refused_for_what_stands_beside_its_pixels(format: str) -> None:
    data = saved(Image.fromarray(PHOTO), format, exif=b"Exif\0\0" + bytes(300))
    at = data.find(b"IDAT") - 4
    damaged = data[:-100] if format == "WEBP" else data[:at] + png_chunk(b"gAMA", b"x") + data[at:]
    with pytest.raises(CorruptImageError):
        open_image(io.BytesIO(damaged))
    refuse_too_large(io.BytesIO(damaged), 60_000_000, long_side_px=768, max_pixels=1_000_000)
    with pytest.raises(CorruptImageError, match="not an image"):
        refuse_too_large(io.BytesIO(b"text"), 60_000_000, long_side_px=768, max_pixels=1_000_000)


def test_a_file_larger_than_its_pixels_may_be_is_refused_by_its_size() -> None:
    with pytest.raises(UnsupportedImageError, match="3000 MB"):
        refuse_too_large(io.BytesIO(sparse_tiff(100, 100)), 3_000_000_000, long_side_px=768, max_pixels=100_000_000)
    refuse_too_large(io.BytesIO(sparse_tiff(100, 100)), 60_000_000, long_side_px=768, max_pixels=1_000_000)


def transparent(side: int) -> bytes:
    rows = zlib.compress(bytes((4 * side + 1) * side), 1)
    return png_header(side, side, 8, 6) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


def of_floats(side: int) -> bytes:
    return tiff(np.ones((side, side, 3), np.float32), photometric="rgb")


@pytest.mark.parametrize(("made", "side", "pixel_bytes"), [(transparent, 3000, 4 + 3), (of_floats, 1500, 12 + 3)])
def test_a_large_picture_takes_little_more_memory_than_its_values_and_its_pixels(
    made: Callable[[int], bytes], side: int, pixel_bytes: int
) -> None:
    def taken(data: bytes) -> int | None:
        with exact_peaks():
            peak = PeakMemory()
            peak.start()
            assert decode(data, long_side_px=768).pixels.min() == 255
            return peak.stop().image_host_bytes

    small, large = (made(one) for one in (800, side))
    with ThreadPoolExecutor(1) as own:  # no holes of other work in its heap
        own.submit(taken, small).result()  # what is loaded first
        measured = own.submit(taken, large).result()
    if not measured:
        pytest.skip("this kernel does not let a process reset its peak")
    assert 0.9 < measured / (pixel_bytes * side * side) < 1.3
    assert decoding_bytes(large, long_side_px=768) > 0.75 * measured
