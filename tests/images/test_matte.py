"""Half clear pixels: the white that a network saw behind them is not in their colours."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from stylize.images import decode, encode, without_matte
from tests.support.image_files import saved
from tests.support.samples import picture


def test_half_clear_colours_look_on_white_as_what_was_made() -> None:
    alpha = np.arange(256, dtype=np.uint8)[None].repeat(64, 0)
    photo = decode(saved(Image.fromarray(np.dstack([picture(3, 256, 64), alpha])), "PNG"), alpha=True)
    again = decode(encode(photo.pixels, "png", 100, carried=photo.carried), alpha=True)
    assert np.abs(again.pixels.astype(int) - photo.pixels).max() <= 1
    assert np.array_equal(again.carried.alpha, alpha)  # type: ignore[union-attr,arg-type]


def test_a_colour_darker_than_its_alpha_lets_through_is_the_nearest() -> None:
    pixels, alpha = np.array([[[0, 100, 255]]], np.uint8), np.array([[102]], np.uint8)
    assert without_matte(pixels, alpha).tolist() == [[[0, 0, 255]]]


def test_white_is_taken_out_of_colours_in_bands_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, alpha = picture(3, 60, 50), picture(4, 60, 50)[..., 0]
    whole = without_matte(pixels, alpha)
    assert (whole != pixels).any()
    assert np.array_equal(without_matte(pixels, np.full_like(alpha, 255)), pixels)
    monkeypatch.setattr("stylize.images.pixels.BAND_PIXELS", 240)
    assert np.array_equal(without_matte(pixels, alpha), whole)
