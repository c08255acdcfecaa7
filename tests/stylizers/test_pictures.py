from __future__ import annotations

import numpy as np
import torch
from torch import nn

import stylize
from stylize.stylizers.base import to_pixels, to_tensor
from tests.support.samples import picture


def test_a_restyled_tensor_can_be_trained_on_and_changed_in_place() -> None:
    photo, style = torch.rand(2, 3, 32, 40)
    restyle = stylize.load(device="cpu")
    for result in (restyle(photo, style), *restyle.batch([photo, photo], style)):
        nn.Conv2d(3, 2, 3)(result[None]).sum().backward()
        result.mul_(2)


def test_the_photo_is_not_changed_with_a_result_that_is_its_equal() -> None:
    photo = torch.rand(3, 8, 8)
    before = photo.clone()
    stylize.load("identity", device="cpu")(photo, photo).zero_()
    assert torch.equal(photo, before)


def test_an_array_one_pixel_wide_may_be_mirrored() -> None:
    photo = picture(1, 1, 9)
    restyle = stylize.load("identity", device="cpu")
    assert (restyle(photo[:, ::-1], photo[:, ::-1]) == photo).all()


def test_pixels_survive_the_way_to_a_tensor_and_back() -> None:
    pixels = picture(3)
    assert (to_pixels(to_tensor(pixels, torch.device("cpu"))) == pixels).all()


def test_results_are_rounded_and_clamped() -> None:
    values = np.random.default_rng(0).uniform(-0.2, 1.2, (3, 40, 50)).astype(np.float32)
    expected = np.clip(np.floor(values * np.float32(255) + np.float32(0.5)), 0, 255).transpose(1, 2, 0)
    assert (to_pixels(torch.from_numpy(values)) == expected).all()
