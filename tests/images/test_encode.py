"""Images written as files."""

from __future__ import annotations

import numpy as np
import pytest

from stylize.errors import UnsupportedImageError
from stylize.images import decode, encode
from tests.support.image_files import PHOTO


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


@pytest.mark.parametrize(("format", "most_px"), [("jpg", 65_500), ("webp", 16_383)])
def test_a_side_too_long_for_the_format_is_unsupported(format: str, most_px: int) -> None:
    assert encode(np.zeros((1, most_px, 3), np.uint8), format, 95)
    with pytest.raises(UnsupportedImageError, match="png"):
        encode(np.zeros((1, most_px + 1, 3), np.uint8), format, 95)


def test_a_jpeg_of_high_quality_keeps_the_colour_of_every_pixel() -> None:
    stripes = np.tile(np.array([[[200, 60, 60], [60, 60, 200]]], np.uint8), (16, 8, 1))
    off = [np.abs(decode(encode(stripes, "jpg", q)).pixels.astype(int) - stripes).mean() for q in (95, 89)]
    assert off[0] < 5 < 20 < off[1]


def test_lower_quality_makes_smaller_files() -> None:
    assert len(encode(PHOTO, "jpg", 30)) < len(encode(PHOTO, "jpg", 95))
