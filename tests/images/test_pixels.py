"""Every depth, palette and transparency becomes 8-bit RGB on white."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from stylize.errors import UnsupportedImageError, UsageError
from stylize.images import alpha_of, decode, encode, from_image
from tests.support.image_files import PHOTO, in_linear_light, png_chunk, png_header, saved, tiff


def test_png_and_rgb_give_their_exact_pixels() -> None:
    decoded = decode(encode(PHOTO, "png", 95))
    assert (decoded.pixels == PHOTO).all()
    assert (decoded.source_width_px, decoded.source_height_px) == (64, 48)
    assert decoded.pixels.flags.c_contiguous


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65_535, 256).astype(np.uint16).reshape(16, 16)
    pixels = decode(saved(Image.fromarray(ramp), "PNG")).pixels[..., 0].ravel()
    assert (np.abs(pixels.astype(int) - np.arange(256)) <= 1).all()


def test_sixteen_bits_are_rounded_to_the_nearest_of_eight() -> None:
    values = np.array([[128, 129, 385, 386, 65_149, 65_150]], np.uint16)
    assert decode(saved(Image.fromarray(values), "PNG")).pixels[0, :, 0].tolist() == [0, 1, 1, 2, 253, 254]


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
        with pytest.raises(UnsupportedImageError, match=r"32-bit.*convert it to 8 or 16 bits"):
            decode(saved(Image.fromarray(np.full((2, 2), value, np.int32)), "TIFF"))
    whole = tiff(np.full((2, 2), 200, np.uint32))
    for data in (whole, whole[:-4]):
        with pytest.raises(UnsupportedImageError, match="32-bit"):
            decode(data, truncated="accept")


def test_transparency_is_laid_on_white() -> None:
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[:, 2:] = (10, 20, 30, 255)
    pixels = decode(saved(Image.fromarray(rgba), "PNG")).pixels
    assert (pixels[:, :2] == 255).all()
    assert (pixels[:, 2:] == (10, 20, 30)).all()


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_white_is_laid_under_colours_in_srgb_whatever_their_profile(mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (55, 55, 55, 128)).convert(mode)
    data = saved(image, "PNG", icc_profile=in_linear_light())
    # In linear light 55 is the middle of sRGB's values, of which half is shown.
    assert np.abs(decode(data).pixels.astype(int) - (128 * 128 + 255 * 127) // 255).max() <= 1
    assert np.abs(decode(data, long_side_px=2).pixels.astype(int) - (128 * 128 + 255 * 127) // 255).max() <= 1


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_alpha_that_hides_nothing_changes_no_pixel(mode: str) -> None:
    image = Image.fromarray(PHOTO).convert(mode).resize((240, 160))
    clear = image.convert(mode.replace("L", "LA").replace("RGB", "RGBA"))
    plain, beside = (saved(one, "PNG", icc_profile=in_linear_light()) for one in (image, clear))
    for side in (None, 20):
        assert (decode(plain, long_side_px=side).pixels == decode(beside, long_side_px=side).pixels).all()


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


def small_first_webp(alpha: bool) -> bytes:
    """An animation of 16 x 12 px whose first frame is 8 x 6 px and red, on a background that is said to be blue."""
    frame = saved(Image.new("RGBA" if alpha else "RGB", (8, 6), "red"), "WEBP", lossless=True)
    frame = frame[frame.index(b"VP8L") :]
    held = b"\0\0\0" + b"\0\0\0" + b"\7\0\0" + b"\5\0\0" + b"\x64\0\0" + b"\0" + frame
    chunks = [
        (b"VP8X", bytes([0x02 | 0x10 * alpha, 0, 0, 0]) + b"\x0f\0\0" + b"\x0b\0\0"),
        (b"ANIM", b"\xff\0\0\xff" + b"\0\0"),
        (b"ANMF", held),
    ]
    body = b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


@pytest.mark.parametrize("alpha", [False, True])
def test_around_a_small_first_frame_of_a_webp_nothing_is_drawn(alpha: bool) -> None:
    data = small_first_webp(alpha)
    pixels = decode(data).pixels
    assert pixels.shape == (12, 16, 3)
    assert (pixels[:6, :8] == (255, 0, 0)).all()
    assert (pixels[6:] == 255).all()
    assert (pixels[:, 8:] == 255).all()
    with Image.open(io.BytesIO(data)) as image:
        for _ in range(2):
            assert (from_image(image) == pixels).all()
            opacity = alpha_of(image)
            assert opacity is not None
            assert opacity.any(axis=1).sum() == 6


@pytest.mark.parametrize("loaded", [False, True])
def test_around_a_small_first_frame_of_a_gif_nothing_is_drawn_in_python_too(loaded: bool) -> None:
    data = bytearray(saved(Image.new("P", (8, 6), 0), "GIF"))
    data[6:10] = struct.pack("<HH", 16, 12)
    image = Image.open(io.BytesIO(data))
    if loaded:
        image.load()
    pixels, alpha = from_image(image), alpha_of(image)
    assert pixels.shape == (12, 16, 3)
    assert (pixels == decode(bytes(data)).pixels).all()
    assert (pixels[6:] == 255).all()
    assert alpha is not None
    assert (alpha[:6, :8] == 255).all()
    assert not alpha[6:].any()


@pytest.mark.parametrize("format", ["GIF", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation_counts(format: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:])
    assert np.abs(decode(data).pixels.astype(int) - (255, 0, 0)).max() < 8


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_memory_that_runs_out_as_a_picture_is_scaled_is_no_damage_to_its_file(
    format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interpolate(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("torch.nn.functional.interpolate", interpolate)
    data = saved(Image.fromarray(PHOTO), format)
    with pytest.raises(RuntimeError, match="can't allocate"):
        decode(data, long_side_px=20)
    with Image.open(io.BytesIO(data)) as image, pytest.raises(RuntimeError, match="can't allocate"):
        from_image(image, long_side_px=20)


def test_float_values_outside_the_range_are_unsupported() -> None:
    good = saved(Image.fromarray(np.full((4, 4), 0.5, np.float32)), "TIFF")
    assert (decode(good).pixels == 128).all()
    for value in (7.0, -0.5, np.nan):
        with pytest.raises(UnsupportedImageError, match="float"):
            decode(saved(Image.fromarray(np.full((4, 4), value, np.float32)), "TIFF"))


@pytest.mark.parametrize("value", [200, -1, 2**20])
def test_values_of_32_bits_are_unsupported_whoever_opened_them(value: int) -> None:
    image = Image.fromarray(np.full((4, 4), value, np.int32))
    with pytest.raises(UnsupportedImageError, match="convert it to 8 or 16 bits"):
        from_image(image)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_an_image_that_is_closed_is_not_called_damaged(format: str) -> None:
    data = saved(Image.fromarray(PHOTO), format)
    file = io.BytesIO(data)
    with Image.open(io.BytesIO(data)) as left:
        pass
    closed, loaded, file_closed = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(data)), Image.open(file)
    closed.close()
    loaded.load()
    loaded.close()
    file.close()
    for image in (left, closed, loaded, file_closed):
        with pytest.raises(UsageError, match="the PIL image is closed; use it within its `with`"):
            from_image(image)
