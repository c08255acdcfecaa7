"""Colours come out in sRGB."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

from stylize.images import decode
from tests.support.image_files import PHOTO, SRGB, saved


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(format: str) -> None:
    # Pillow writes a CMYK JPEG as Adobe does: with its marker, and inverted.
    data = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), format)
    assert (b"Adobe" in data) == (format == "JPEG")
    pixel = decode(data).pixels[8, 8].astype(int)
    assert pixel[0] > 200
    assert pixel[1:].max() < 60


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
