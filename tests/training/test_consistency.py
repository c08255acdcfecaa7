"""Shift and border consistency: which windows are drawn, and what the term is 0 for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from stylize.stylizers._compact_net import STRIDE
from stylize.training import consistency
from stylize.training.consistency import FAR_PX, NEAR_PX, Window

WINDOWS = [consistency.draw_window(192, str(seed)) for seed in range(400)]


def test_windows_lie_inside_the_crop_and_off_its_lattice() -> None:
    assert {window.side for window in WINDOWS} == {192 - NEAR_PX, 192 - FAR_PX}
    assert all(min(w.top, w.left) >= 0 and max(w.top, w.left) + w.side <= 192 for w in WINDOWS)
    assert all(w.top % STRIDE or w.left % STRIDE for w in WINDOWS)
    assert len({(w.top, w.left) for w in WINDOWS}) > 150


def test_a_quarter_of_the_windows_lies_far_inside() -> None:
    far = sum(window.side == 192 - FAR_PX for window in WINDOWS)
    assert 0.15 < far / len(WINDOWS) < 0.35


def test_small_crops_have_windows_too() -> None:
    assert {consistency.draw_window(64, str(seed)).side for seed in range(20)} == {48, 49}


def distance_of(paint: object, photos: Tensor, window: Window) -> float:
    assert callable(paint)
    part = consistency.part_of(photos, window, "0")
    return float(consistency.distance(paint(photos), paint(part), window))


def test_a_network_that_moves_along_differs_by_the_noise_alone() -> None:
    photos, window = torch.rand(2, 3, 64, 64), Window(3, 5, 48)
    far = distance_of(lambda x: 0.5 * x, photos, window)
    assert 0.2 * consistency.NOISE < far < 0.6 * consistency.NOISE


def test_a_lattice_and_a_painted_border_count() -> None:
    photos = torch.full((1, 3, 64, 64), 0.5)

    def latticed(x: Tensor) -> Tensor:
        return x + (torch.arange(x.shape[-1]) % STRIDE == 0).to(x.dtype)

    def framed(x: Tensor) -> Tensor:
        return F.pad(x[..., 1:-1, 1:-1], (1, 1, 1, 1), value=1.5)

    # Shifted by 3, two of eight columns differ by 1; the window's frame is 4 * 47 of 48 * 48 pixels.
    assert abs(distance_of(latticed, photos, Window(0, 3, 48)) - 2 / 8) < 0.01
    assert abs(distance_of(framed, photos, Window(3, 5, 48)) - 4 * 47 / 48**2) < 0.01


def test_noise_depends_on_the_seed_alone() -> None:
    photos, window = torch.rand(1, 3, 64, 64), Window(3, 5, 48)
    one, same, other = (consistency.part_of(photos, window, seed) for seed in ("0", "0", "1"))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
