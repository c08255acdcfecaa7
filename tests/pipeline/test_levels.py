from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stylize.errors import NotFiniteError
from stylize.pipeline.levels import finite_pixels
from stylize.stylizers.base import to_pixels

# Halves between levels and their neighbours, where rounding differs first, and what is clamped.
HALVES = torch.arange(-2, 514, dtype=torch.float32) / 510
BESIDE = [HALVES.nextafter(HALVES + 1), HALVES.nextafter(HALVES - 1)]
IMAGE = torch.cat([HALVES, *BESIDE, torch.tensor([-1e9, 1e9, 3.4e38])]).reshape(3, 11, 47)


@pytest.mark.parametrize(
    "image",
    [
        IMAGE,
        IMAGE.permute(1, 2, 0).contiguous().permute(2, 0, 1),
        IMAGE[:, :, ::7],
        IMAGE[:1].expand(3, -1, -1),
        IMAGE[:, :1, :1],
    ],
    ids=["planes", "pixels", "strided", "repeated", "one"],
)
def test_they_are_those_of_torch(image: torch.Tensor) -> None:
    pixels = finite_pixels(image)
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, to_pixels(image))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    image = torch.zeros(3, 20, 30)
    image[1, 19, 7] = value
    with pytest.raises(NotFiniteError):
        finite_pixels(image)
