"""A GIF's ICC profile counts."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from stylize.images import decode, from_image
from tests.support.image_files import red_and_blue_swapped, saved

RED = saved(Image.new("RGB", (8, 8), "red").quantize(2), "GIF", comment=b"red")


def with_profile(profile: bytes) -> bytes:
    parts = [profile[at : at + 255] for at in range(0, len(profile), 255)]
    extension = b"\x21\xff\x0bICCRGBG1012" + b"".join(bytes([len(part)]) + part for part in parts) + b"\0"
    frame = RED.index(b"\x2c")
    return RED[:frame] + extension + RED[frame:]


def test_a_profile_in_a_gif_is_converted() -> None:
    data = with_profile(red_and_blue_swapped())
    pixels = decode(data).pixels
    assert np.abs(pixels.astype(int) - (0, 0, 255)).max() <= 2
    with Image.open(io.BytesIO(data)) as image:
        assert (from_image(image) == pixels).all()


def test_one_that_is_empty_or_none_changes_nothing() -> None:
    for data in (RED, with_profile(b""), with_profile(b"none")):
        assert (decode(data).pixels == (255, 0, 0)).all()
