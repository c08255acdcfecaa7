"""Every awkward file gives the right pixels or the right error, and nothing else."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from stylize import images
from stylize.errors import CorruptImageError, ImageError, UnsupportedImageError
from stylize.images import decode, encode, resize, working_size
from tests.support.samples import picture

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


@pytest.mark.parametrize("quality", [-1, 0, 101])
def test_a_quality_out_of_range_is_refused_where_it_counts(quality: int) -> None:
    for format in ("jpg", "webp"):
        with pytest.raises(ValueError, match="1 to 100"):
            encode(PHOTO, format, quality)
    assert encode(PHOTO, "png", quality) == encode(PHOTO, "png", 95)


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


WHOLE = {
    "jpeg": JPEG, "png": encode(PHOTO, "png", 95), "webp": encode(PHOTO, "webp", 95),
    **{name: saved(Image.fromarray(PHOTO), name) for name in ("GIF", "TIFF", "BMP", "PPM", "TGA")},
}  # fmt: skip


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE.keys())
def test_a_file_cut_short_is_corrupt_in_every_format(data: bytes, keep: float) -> None:
    decode(data)
    with pytest.raises(CorruptImageError):
        decode(data[: int(len(data) * keep)])


def test_a_png_with_damaged_pixels_is_corrupt() -> None:
    data = bytearray(WHOLE["png"])
    data[data.index(b"IDAT") + 500] ^= 255
    with pytest.raises(CorruptImageError):
        decode(bytes(data))


def test_a_palette_image_without_a_palette_is_corrupt() -> None:
    pixels = png_chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    with pytest.raises(CorruptImageError):
        decode(png_header(1, 1, 8, 3) + pixels + png_chunk(b"IEND", b""))


def test_postscript_is_not_run() -> None:
    with pytest.raises(CorruptImageError, match="not an image"):
        decode(saved(Image.fromarray(PHOTO), "EPS"))


def test_too_little_memory_stays_a_memory_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(image: Image.Image) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(MemoryError):
        decode(WHOLE["png"])


def test_complaints_about_metadata_are_no_errors_under_strict_warnings() -> None:
    data = bytearray(saved(Image.fromarray(PHOTO), "TIFF", software="a name that lies beyond the end"))
    entry = data.index(struct.pack("<HH", 305, 2))
    data[entry + 8 : entry + 12] = struct.pack("<I", len(data) - 3)
    noisy = "from PIL import Image; import io; Image.open(io.BytesIO(data))"
    ours = "from stylize.images import decode; assert decode(data).pixels.shape == (48, 64, 3)"
    for code, status in ((noisy, 1), (ours, 0)):
        command = [sys.executable, "-W", "error", "-c", f"data = {bytes(data)!r}\n{code}"]
        assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == status


def test_a_bomb_is_refused_by_its_header() -> None:
    for side in (12_000, 30_000):
        with pytest.raises(UnsupportedImageError):
            decode(png_header(side, side) + png_chunk(b"IDAT", b""))


def test_a_size_pillow_warns_of_is_never_called_corrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 48 - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UnsupportedImageError):
            decode(WHOLE["png"])


def test_the_limit_of_pixels_is_the_runs_own() -> None:
    data = encode(PHOTO, "png", 95)
    with pytest.raises(UnsupportedImageError, match="max_pixels"):
        decode(data, max_pixels=64 * 48 - 1)
    assert decode(data, max_pixels=64 * 48).pixels.shape == (48, 64, 3)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(format: str) -> None:
    # Pillow writes a CMYK JPEG as Adobe does: with its marker, and inverted.
    data = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), format)
    assert (b"Adobe" in data) == (format == "JPEG")
    pixel = decode(data).pixels[8, 8].astype(int)
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


@pytest.mark.parametrize("kind", ["<u2", ">u2"])
def test_sixteen_bit_tiff_and_pgm_are_scaled_too(kind: str) -> None:
    values = np.array([[0, 32_896, 65_535]], np.uint16)
    pgm = b"P5 3 1 65535\n" + values.astype(">u2").tobytes()
    for data in (saved(Image.fromarray(values.astype(kind)), "TIFF"), pgm):
        assert decode(data).pixels[0, :, 0].tolist() == [0, 128, 255]


def test_grey_of_thirty_two_bits_is_unsupported_whatever_its_values() -> None:
    for value in (0, 200, 70_000, -1):
        with pytest.raises(UnsupportedImageError, match="32-bit"):
            decode(saved(Image.fromarray(np.full((2, 2), value, np.int32)), "TIFF"))


@pytest.mark.parametrize(("depth", "values"), [(8, (16,)), (16, (65_535, 0, 0)), (16, (4096,))])
def test_one_transparent_colour_is_laid_on_white(depth: int, values: tuple[int, ...]) -> None:
    row = b"\x00" + struct.pack(f">{len(values)}{'H' if depth == 16 else 'B'}", *values)
    head = png_header(1, 1, depth, 2 if len(values) == 3 else 0)
    tail = png_chunk(b"IDAT", zlib.compress(row)) + png_chunk(b"IEND", b"")
    assert (decode(head + png_chunk(b"tRNS", struct.pack(f">{len(values)}H", *values)) + tail).pixels == 255).all()


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
    for format in ("PNG", "GIF"):
        pixels = decode(saved(image, format, transparency=0)).pixels
        assert (pixels[:, :2] == 255).all()
        assert (pixels[:, 2:] == (0, 0, 200)).all()


def test_grey_with_transparency_is_laid_on_white() -> None:
    image = Image.new("LA", (2, 1), (80, 255))
    image.putpixel((1, 0), (80, 0))
    assert decode(saved(image, "PNG")).pixels[0].tolist() == [[80] * 3, [255] * 3]


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


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_orientation_counts_once_in_every_format_that_has_it(format: str, orientation: int) -> None:
    upright = Image.fromarray(PHOTO)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    decoded = decode(saved(stored, format, exif=exif, **options))
    assert (decoded.pixels == PHOTO).all()
    assert (decoded.source_width_px, decoded.source_height_px) == (64, 48)


def test_an_orientation_that_is_none_is_ignored() -> None:
    for orientation in (0, 9, 65_535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        assert (decode(saved(Image.fromarray(PHOTO), "PNG", exif=exif)).pixels == PHOTO).all()


def test_a_corrupt_exif_block_does_not_cost_the_image() -> None:
    data = saved(Image.fromarray(PHOTO), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7fgarbage")
    assert decode(data).pixels.shape == PHOTO.shape


def test_single_pixel_and_thread_thin_images_work() -> None:
    assert decode(encode(PHOTO[:1, :1], "png", 95)).pixels.shape == (1, 1, 3)
    thin = encode(np.zeros((1, 20_000, 3), np.uint8), "png", 95)
    assert decode(thin).pixels.shape == (1, 20_000, 3)
    assert decode(thin, long_side_px=500).pixels.shape == (1, 500, 3)


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def red_and_blue_swapped() -> bytes:
    """An sRGB profile, by name too, whose red primary is blue's and the other way round."""
    profile = bytearray(SRGB)
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    profile[tags[b"rXYZ"] : tags[b"rXYZ"] + 4], profile[tags[b"bXYZ"] : tags[b"bXYZ"] + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_a_foreign_colour_profile_is_converted_whatever_its_name(mode: str) -> None:
    red = Image.new("RGB", (8, 8), "red").convert(mode)
    pixels = decode(saved(red, "PNG", icc_profile=red_and_blue_swapped())).pixels
    assert np.abs(pixels.astype(int) - (0, 0, 255)).max() <= 2


@pytest.mark.parametrize("kind", ["sRGB", "LAB", "XYZ", "broken", "empty"])
def test_an_srgb_profile_or_one_that_cannot_be_the_images_changes_nothing(kind: str) -> None:
    made = {"sRGB": SRGB, "broken": b"no profile at all", "empty": b""}
    profile = made[kind] if kind in made else ImageCms.ImageCmsProfile(ImageCms.createProfile(kind)).tobytes()  # type: ignore[arg-type]
    data = saved(Image.fromarray(PHOTO), "PNG", icc_profile=profile)
    assert (decode(data).pixels == PHOTO).all()


def test_working_size_keeps_the_ratio() -> None:
    assert working_size(1600, 1067, 768) == (768, 512)
    assert working_size(100, 50, 400) == (400, 200)
    assert working_size(20_000, 1, 100) == (100, 1)
    assert working_size(33, 44, None) == (33, 44)


def test_a_long_side_under_one_is_refused() -> None:
    with pytest.raises(ValueError, match="long_side_px"):
        decode(WHOLE["png"], long_side_px=0)


# 801 and 1601 are no multiples of what the decoder scales by: its last column is an image's in part only.
@pytest.mark.parametrize(("width", "height", "long_side_px"), [(1600, 1200, 200), (801, 601, 100), (1601, 1201, 200)])
@pytest.mark.parametrize("orientation", [1, 2, 3, 6, 8])
@pytest.mark.parametrize("format", ["JPEG", "MPO"])
def test_scaling_a_jpeg_down_early_shows_no_difference(
    format: str, orientation: int, width: int, height: int, long_side_px: int
) -> None:
    # Stripes as fine as the result can show, so that a shift of a quarter of its pixels is seen.
    wave = np.sin(np.arange(width) * (2 * np.pi * long_side_px / width / 4))
    stripes = np.repeat(np.tile((128 + 100 * wave).astype(np.uint8), (height, 1))[..., None], 3, axis=2)
    exif = Image.Exif()
    exif[0x0112] = orientation
    more = {"save_all": True, "append_images": [Image.fromarray(PHOTO)]} if format == "MPO" else {}
    data = saved(Image.fromarray(stripes), format, quality=97, subsampling=0, exif=exif, **more)
    ours = decode(data, long_side_px=long_side_px).pixels.astype(int)
    assert np.abs(ours - resize(decode(data).pixels, ours.shape[1], ours.shape[0])).max() < 12


def test_only_the_first_picture_of_a_phones_jpeg_is_read_and_it_is_scaled_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = saved(Image.fromarray(picture(4, 1600, 1200)), "MPO", save_all=True, append_images=[Image.new("L", (8, 8))])
    sizes = []

    def to_srgb(image: Image.Image) -> Image.Image:
        sizes.append(image.size)
        return image

    monkeypatch.setattr(images, "_to_srgb", to_srgb)
    assert decode(data, long_side_px=200).pixels.shape == (150, 200, 3)
    assert sizes == [(400, 300)]


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
    saved(Image.fromarray(PHOTO).convert("CMYK"), "JPEG"), saved(Image.fromarray(PHOTO), "PNG", icc_profile=SRGB),
    saved(Image.fromarray(PHOTO), "GIF", save_all=True, append_images=[Image.new("RGB", (64, 48))]),
    saved(Image.fromarray(PHOTO).convert("P"), "PNG"), saved(Image.fromarray(PHOTO), "TIFF", compression="tiff_lzw"),
]  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SEEDS), st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6), st.floats(0, 1)
)
@pytest.mark.filterwarnings("ignore::UserWarning")
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
