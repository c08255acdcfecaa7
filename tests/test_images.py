"""Every awkward file gives the right pixels or the right error, and nothing else."""

from __future__ import annotations

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from stylize import images
from stylize.errors import CorruptImageError, ImageError, UnsupportedImageError
from stylize.images import decode, encode, resize, working_size
from tests.conftest import picture

PHOTO = picture(1)


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head)


def test_png_and_rgb_give_their_exact_pixels() -> None:
    decoded = decode(encode(PHOTO, "png", 95))
    assert (decoded.pixels == PHOTO).all()
    assert (decoded.source_width_px, decoded.source_height_px) == (64, 48)
    assert decoded.pixels.flags.c_contiguous


@pytest.mark.parametrize("format", ["jpg", "webp"])
def test_lossy_formats_come_back_close(format: str) -> None:
    again = decode(encode(PHOTO, format, 95)).pixels
    assert np.abs(again.astype(int) - PHOTO).mean() < 6


def test_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="jpg, png, webp"):
        encode(PHOTO, "heic", 95)


def test_a_side_too_long_for_the_format_is_unsupported() -> None:
    with pytest.raises(UnsupportedImageError, match="png"):
        encode(np.zeros((1, 70_000, 3), np.uint8), "jpg", 95)


def test_lower_quality_makes_smaller_files() -> None:
    assert len(encode(PHOTO, "jpg", 30)) < len(encode(PHOTO, "jpg", 95))


JPEG = encode(picture(2, 200, 150), "jpg", 90)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"just text, named .jpg\n", JPEG[: len(JPEG) // 2], JPEG[:30], encode(PHOTO, "png", 95)[:-300],
        b"\xff\xd8\xff", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7\n", bytes(4096), b"GIF89a",
    ],
    ids=["empty", "text", "half a jpeg", "jpeg head", "cut png", "marker", "svg", "pdf", "zeros", "gif head"],
)  # fmt: skip
def test_what_is_no_whole_image_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptImageError) as raised:
        decode(data)
    assert "\n" not in str(raised.value)


def test_a_bomb_is_refused_by_its_header() -> None:
    for side in (12_000, 30_000):
        with pytest.raises(UnsupportedImageError):
            decode(png_header(side, side) + png_chunk(b"IDAT", b""))


def test_the_limit_of_pixels_is_the_runs_own() -> None:
    data = encode(PHOTO, "png", 95)
    with pytest.raises(UnsupportedImageError, match="max_pixels"):
        decode(data, max_pixels=64 * 48 - 1)
    assert decode(data, max_pixels=64 * 48).pixels.shape == (48, 64, 3)


def test_cmyk_becomes_rgb() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixel = decode(saved(red, "JPEG", quality=95)).pixels[8, 8].astype(int)
    assert pixel[0] > 200
    assert pixel[1:].max() < 60


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65_535, 256).astype(np.uint16).reshape(16, 16)
    pixels = decode(saved(Image.fromarray(ramp), "PNG")).pixels[..., 0].ravel()
    assert (np.abs(pixels.astype(int) - np.arange(256)) <= 1).all()


def test_sixteen_bit_rgb_png_keeps_its_colours() -> None:
    row = b"\x00" + struct.pack(">6H", 65_535, 32_896, 0, 0, 32_896, 65_535)
    data = png_header(2, 1, depth=16) + png_chunk(b"IDAT", zlib.compress(row)) + png_chunk(b"IEND", b"")
    pixels = decode(data).pixels
    assert np.abs(pixels.astype(int) - [[[255, 128, 0], [0, 128, 255]]]).max() <= 1


def test_transparency_is_laid_on_white() -> None:
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[:, 2:] = (10, 20, 30, 255)
    pixels = decode(saved(Image.fromarray(rgba), "PNG")).pixels
    assert (pixels[:, :2] == 255).all()
    assert (pixels[:, 2:] == (10, 20, 30)).all()


def test_palette_with_transparency_is_laid_on_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.paste(1, (2, 0, 4, 4))
    pixels = decode(saved(image, "PNG", transparency=0)).pixels
    assert (pixels[:, :2] == 255).all()
    assert (pixels[:, 2:] == (0, 0, 200)).all()


@pytest.mark.parametrize(("mode", "value"), [("L", 77), ("1", 1), ("LA", (77, 255))])
def test_grey_becomes_rgb(mode: str, value: int | tuple[int, int]) -> None:
    pixels = decode(saved(Image.new(mode, (5, 4), value), "PNG")).pixels
    assert pixels.shape == (4, 5, 3)
    assert (pixels == (255 if mode == "1" else 77)).all()


@pytest.mark.parametrize("format", ["GIF", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation_counts(format: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:])
    assert np.abs(decode(data).pixels.astype(int) - (255, 0, 0)).max() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("long_side_px", [None, 60])
def test_every_exif_orientation_comes_out_upright(orientation: int, long_side_px: int | None) -> None:
    upright = Image.fromarray(picture(3, 120, 90))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(saved(stored, "JPEG", quality=97, subsampling=0, exif=exif), long_side_px=long_side_px)
    assert (decoded.source_width_px, decoded.source_height_px) == (120, 90)
    expected = np.asarray(upright) if long_side_px is None else resize(np.asarray(upright), 60, 45)
    assert np.abs(decoded.pixels.astype(int) - expected).mean() < 5


def test_a_corrupt_exif_block_does_not_cost_the_image() -> None:
    data = saved(Image.fromarray(PHOTO), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7fgarbage")
    assert decode(data).pixels.shape == PHOTO.shape


def test_single_pixel_and_thread_thin_images_work() -> None:
    assert decode(encode(PHOTO[:1, :1], "png", 95)).pixels.shape == (1, 1, 3)
    thin = encode(np.zeros((1, 20_000, 3), np.uint8), "png", 95)
    assert decode(thin).pixels.shape == (1, 20_000, 3)
    assert decode(thin, long_side_px=500).pixels.shape == (1, 500, 3)


def test_a_foreign_colour_profile_is_converted_and_a_broken_one_ignored() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = decode(encode(PHOTO, "png", 95)).pixels
    for profile in (lab, srgb, b"no profile at all"):
        data = saved(Image.fromarray(PHOTO), "PNG", icc_profile=profile)
        assert np.abs(decode(data).pixels.astype(int) - plain).max() <= (255 if profile is lab else 0)


def test_working_size_keeps_the_ratio() -> None:
    assert working_size(1600, 1067, 768) == (768, 512)
    assert working_size(100, 50, 400) == (400, 200)
    assert working_size(20_000, 1, 100) == (100, 1)
    assert working_size(33, 44, None) == (33, 44)


def test_scaling_a_jpeg_down_early_shows_no_difference() -> None:
    big = picture(4, 1600, 1200)
    data = encode(big, "jpg", 97)
    ours = decode(data, long_side_px=200).pixels.astype(int)
    assert np.abs(ours - resize(decode(data).pixels, 200, 150)).mean() < 2


def test_float_values_outside_the_range_are_unsupported() -> None:
    good = saved(Image.fromarray(np.full((4, 4), 0.5, np.float32)), "TIFF")
    assert (decode(good).pixels == 128).all()
    with pytest.raises(UnsupportedImageError, match="float"):
        decode(saved(Image.fromarray(np.full((4, 4), 7.0, np.float32)), "TIFF"))


def test_threads_decode_alike() -> None:
    data = [encode(picture(seed, 300, 200), "jpg", 90) for seed in range(8)]
    alone = [decode(one, long_side_px=100).pixels for one in data]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: decode(one, long_side_px=100).pixels, data))
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))


SEEDS = [
    encode(PHOTO, "jpg", 80), encode(PHOTO, "png", 80), encode(PHOTO, "webp", 80),
    *(saved(Image.fromarray(PHOTO), name) for name in ("GIF", "TIFF", "BMP", "PPM", "TGA")),
    saved(Image.fromarray(PHOTO).convert("P"), "PNG"), saved(Image.fromarray(PHOTO), "TIFF", compression="tiff_lzw"),
]  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SEEDS), st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6), st.floats(0, 1)
)
@pytest.mark.filterwarnings("default")
def test_damage_gives_an_image_or_an_image_error(data: bytes, damage: list[tuple[float, int]], keep: float) -> None:
    broken = bytearray(data[: max(1, int(len(data) * (1 if keep > 0.5 else 2 * keep)))])
    for where, value in damage:
        broken[int(where * len(broken))] = value
    try:
        decoded = decode(bytes(broken), max_pixels=1_000_000)
    except ImageError:
        return
    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels.shape[2] == 3


def test_suffixes_are_lower_case_with_a_dot() -> None:
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in images.SUFFIXES)
