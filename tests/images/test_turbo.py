"""JPEG files come out as Pillow gives them, and scaled early as if they were decoded whole."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
import torch
from PIL import Image
from torch.torch_version import TorchVersion

from stylize.images import Pixels, decode, from_image
from stylize.images.pixels import resize
from stylize.measure.ssim import ssim
from tests.support.image_files import saved

LEAST_SSIM = 0.995


def picture(width: int, height: int) -> Image.Image:
    """Coarse noise, smoothly enlarged: colours that change within a few pixels."""
    values = np.random.default_rng(1).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)


def by_pillow(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("size", [(1, 1), (7, 90), (101, 77), (640, 481)])
def test_a_jpeg_has_the_pixels_that_pillow_gives_it(
    size: tuple[int, int], subsampling: int, progressive: bool, mode: str
) -> None:
    data = saved(picture(*size).convert(mode), "JPEG", quality=85, subsampling=subsampling, progressive=progressive)
    assert np.array_equal(decode(data).pixels, by_pillow(data))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_damage_is_looked_for_in_the_smallest_size_that_a_decoder_makes(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, decode_jpeg = [], simplejpeg.decode_jpeg
    monkeypatch.setattr(simplejpeg, "decode_jpeg", lambda *a, **k: made.append(decode_jpeg(*a, **k)))
    assert decode(saved(picture(640, 480).convert(mode), "JPEG")).pixels.shape == (480, 640, 3)
    assert [one.shape[:2] for one in made] == [(60, 80)]


@pytest.mark.parametrize("side", [30, 64, 127, 200])
@pytest.mark.parametrize("size", [(640, 481), (479, 641), (1001, 333)])
def test_scaled_as_it_is_decoded_a_jpeg_is_where_it_is_decoded_whole(size: tuple[int, int], side: int) -> None:
    data = saved(picture(*size), "JPEG", quality=90, subsampling=0)
    early, whole = decode(data, long_side_px=side), decode(data, long_side_px=side, whole=True)
    assert early.pixels.shape == whole.pixels.shape
    with Image.open(io.BytesIO(data)) as image:
        assert (whole.pixels == from_image(image, long_side_px=side)).all()
    # Half a pixel beside its place, it would differ by a third of its range.
    assert np.abs(early.pixels.astype(int) - whole.pixels).mean() < 4


def test_over_photos_decoding_scaled_shows_what_whole_decoding_does(real_data: Path) -> None:
    photos = [path.read_bytes() for path in sorted((real_data / "images" / "content").rglob("*.jpg"))[::4]]
    assert len(photos) >= 6
    likeness = [likeness_of_early_scaling(data, side) for data in photos for side in (64, 100, 128, 200, 256, 330, 512)]
    assert LEAST_SSIM <= min(likeness) < 1


def likeness_of_early_scaling(data: bytes, side: int) -> float:
    early, whole = decode(data, long_side_px=side), decode(data, long_side_px=side, whole=True)
    likeness = ssim(early.pixels, whole.pixels)
    assert likeness is not None
    return likeness


@pytest.mark.parametrize("size", [(3, 5), (50, 33), (199, 201), (640, 481), (900, 700)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("version", [None, "2.11.1+cpu"])
def test_resizing_is_pillows_lanczos(
    size: tuple[int, int], channels: int, version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version:
        monkeypatch.setattr(torch, "__version__", TorchVersion(version))
    image = picture(400, 301) if channels == 3 else picture(400, 301).convert("L")
    ours = resize(np.asarray(image), *size)
    theirs = np.asarray(image.resize(size, Image.Resampling.LANCZOS))
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).max() <= 3


def test_resizing_a_part_is_pillows_of_that_part() -> None:
    image = picture(401, 301)
    ours = resize(np.asarray(image), 90, 67, (0, 0, 400.25, 300.5))
    theirs = np.asarray(image.resize((90, 67), Image.Resampling.LANCZOS, (0, 0, 400.25, 300.5)))
    assert np.abs(ours.astype(int) - theirs).max() <= 3
