"""Flicker on pictures whose answer is known."""

from __future__ import annotations

import torch

from stylize.measure.flicker import BORDER_PX, flicker


def test_what_differs_only_at_the_borders_does_not_flicker() -> None:
    photo = torch.rand(3, 80, 90, generator=torch.Generator().manual_seed(0))
    result = photo.clone()
    result[:, :BORDER_PX] = result[:, -BORDER_PX:] = 0
    result[:, :, : BORDER_PX + 1] = result[:, :, -BORDER_PX:] = 0
    assert flicker(lambda moved: moved, photo, result) == 0
    result[:, 40, 45] = 0
    assert flicker(lambda moved: moved, photo, result) != 0


def test_of_a_photo_that_is_all_border_once_moved_nothing_is_told() -> None:
    for width, told in ((2 * BORDER_PX + 1, False), (2 * BORDER_PX + 2, True)):
        photo = torch.zeros(3, 80, width)
        assert (flicker(lambda moved: moved, photo, photo) is not None) == told
