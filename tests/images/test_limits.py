"""How large an image may be, and how it is scaled."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageFile

from stylize.errors import UnsupportedImageError
from stylize.images import decode, encode, resize, working_size
from tests.support.image_files import PHOTO, png_chunk, png_header, saved
from tests.support.samples import picture


def test_a_bomb_is_refused_by_its_header() -> None:
    for side in (12_000, 30_000):
        with pytest.raises(UnsupportedImageError):
            decode(png_header(side, side) + png_chunk(b"IDAT", b""))


def test_the_limit_of_pillow_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 48 // 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(encode(PHOTO, "png", 95)).pixels.shape == (48, 64, 3)


def test_the_limit_of_pixels_is_the_runs_own() -> None:
    data = encode(PHOTO, "png", 95)
    with pytest.raises(UnsupportedImageError, match="max_pixels"):
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


def test_a_long_side_under_one_is_refused() -> None:
    with pytest.raises(ValueError, match="long_side_px"):
        decode(encode(PHOTO, "png", 95), long_side_px=0)


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
    load = ImageFile.ImageFile.load

    def recorded(image: ImageFile.ImageFile) -> object:
        sizes.append(image.size)
        return load(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load", recorded)
    assert decode(data, long_side_px=200).pixels.shape == (150, 200, 3)
    assert set(sizes) == {(400, 300)}


def test_threads_decode_alike() -> None:
    data = [encode(picture(seed, 300, 200), "jpg", 90) for seed in range(8)]
    alone = [decode(one, long_side_px=100).pixels for one in data]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: decode(one, long_side_px=100).pixels, data))
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))
