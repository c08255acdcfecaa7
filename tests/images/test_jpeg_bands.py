"""A JPEG that is encoded in bands is, byte for byte, the file that Pillow writes of the whole picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylize.images import Carried, MadeBy, Pixels, decode, encode, jpeg_bands, scratch

SIZES = [(1, 1), (17, 5), (16, 16), (33, 40), (95, 31), (130, 333), (48, 700)]

EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\0"


def by_pillow(pixels: Pixels, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def pictures(height: int, width: int) -> list[Pixels]:
    rng = np.random.default_rng(height * width)
    noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    steps = np.zeros((height, width, 3), np.uint8)
    steps[height // 2 :] = 255
    plain = np.full((height, width, 3), 97, np.uint8)
    return [noise, np.asarray(Image.fromarray(coarse).resize((width, height))), steps, plain]


@pytest.mark.parametrize("quality", [1, 60, 95, 100])
@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_bands_give_the_bytes_of_the_whole(size: tuple[int, int], subsampling: int, quality: int) -> None:
    options = {"quality": quality, "subsampling": subsampling, "dpi": (300, 300), "exif": EXIF}
    for pixels in pictures(*size):
        whole = by_pillow(pixels, options)
        assert jpeg_bands.encode(pixels, options, 16) == whole
        assert jpeg_bands.encode(pixels, options, 48) == whole


@pytest.mark.parametrize("quality", [80, 95])
def test_a_large_picture_is_encoded_in_bands_with_all_it_carries(quality: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = pictures(200, 120)[1]
    wish: dict[str, Any] = {"carried": Carried(dpi=(72.0, 72.0)), "made_by": MadeBy("stylize", "{}")}
    whole = encode(pixels, "jpg", quality, **wish)
    monkeypatch.setattr(jpeg_bands, "LEAST_PIXELS", 200 * 120)
    monkeypatch.setattr(jpeg_bands, "BAND_PIXELS", 1)
    bands = []
    monkeypatch.setattr(scratch, "let_go", lambda band: bands.append(len(band)))
    assert encode(pixels, "jpg", quality, **wish) == whole
    assert bands == [16] * 12 + [8]
    assert decode(whole, metadata=True).carried is not None
