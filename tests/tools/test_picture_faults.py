"""The measures of a picture's faults, on pictures whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stylize.images import Pixels
from stylize.measure.flicker import flicker
from tools.bench.models import picture_faults
from tools.bench.models.picture_faults import Planes

SIDE = 256
Y, X = np.mgrid[0:SIDE, 0:SIDE]


def grey(values: Any) -> Pixels:
    """(SIDE, SIDE, 3): `values` around a middle grey, rounded."""
    plane = np.broadcast_to(np.asarray(128 + values, dtype=float), (SIDE, SIDE))
    return np.repeat(plane[..., None], 3, axis=2).round().clip(0, 255).astype(np.uint8)


def noise(deviation: float) -> Any:
    return np.random.default_rng(0).normal(0, deviation, (SIDE, SIDE))


def measured(picture: Pixels, photo: Pixels | None = None) -> dict[str, float]:
    return picture_faults.measure(Planes.of(grey(0) if photo is None else photo), Planes.of(picture))


SINE = 20 * np.sin(2 * np.pi * X / 8)


def test_a_plain_picture_of_a_plain_photo_has_no_fault() -> None:
    faults = measured(grey(0))
    assert np.isnan(faults.pop("dark_texture"))
    assert max(abs(value) for value in faults.values()) < 1e-6


def test_a_sine_of_8_px_is_all_weave_and_all_lattice() -> None:
    faults = measured(grey(SINE))
    # The Gaussian of 6 px leaves nothing of it behind, so its deviation is that of the sine.
    assert faults["texture"] == pytest.approx(20 / 2**0.5, rel=0.05)
    assert faults["weave"] == pytest.approx(faults["texture"], rel=0.05)
    assert faults["lattice"] > 0.95
    assert faults["blotch"] < 0.5


def test_a_sine_of_another_period_is_weave_but_no_lattice() -> None:
    faults = measured(grey(20 * np.sin(2 * np.pi * X / 11)))
    assert faults["weave"] > 12
    assert faults["lattice"] < 0.05


def test_noise_is_texture_but_hardly_weave() -> None:
    faults = measured(grey(noise(14)))
    assert faults["texture"] == pytest.approx(14, rel=0.1)
    assert faults["weave"] < 0.35 * measured(grey(SINE))["weave"]
    assert faults["lattice"] == pytest.approx(1 / 64, rel=0.5)


def test_stripes_wider_than_the_lags_are_no_weave() -> None:
    assert measured(grey(20 * np.sin(2 * np.pi * X / 120)))["weave"] < 1


def test_a_field_of_another_colour_is_a_blotch_and_no_weave() -> None:
    field = (np.hypot(X - 128, Y - 128) < 24)[..., None] * np.array([60, -30, -30])
    faults = measured((grey(0) + field).astype(np.uint8))
    plain = measured(grey(SINE))
    assert faults["blotch"] > 2
    assert faults["blotch"] > 5 * plain["blotch"]
    assert faults["weave"] < 0.3 * plain["weave"]


def test_a_frame_is_a_strip_and_an_even_gradient_is_none() -> None:
    framed = grey(0)
    framed[:12] = framed[-12:] = framed[:, :12] = framed[:, -12:] = 148
    # 20 levels in each colour; at the corners the inner band holds some of the frame, too.
    assert measured(framed)["strip"] == pytest.approx(20 * 3**0.5, rel=0.15)
    assert abs(measured(grey((X - SIDE / 2) * 0.3))["strip"]) < 0.5
    assert abs(measured(grey(noise(14)))["strip"]) < 1


def test_only_what_is_flat_in_the_photo_counts() -> None:
    half = np.where(X < SIDE / 2, 0, noise(30))
    picture = np.where(X < SIDE / 2, 0, SINE)
    assert measured(grey(picture), grey(half))["weave"] < 1
    nothing = measured(grey(SINE), grey(noise(30)))
    assert all(np.isnan(value) for value in nothing.values())


def test_dark_areas_are_told_from_the_others() -> None:
    photo = grey(np.where(X < SIDE / 2, -118, 0))
    picture = grey(np.where(X < SIDE / 2, noise(16), noise(4)))
    faults = measured(picture, photo)
    assert faults["dark_texture"] == pytest.approx(16, rel=0.15)
    assert 4 < faults["texture"] < faults["dark_texture"]


def test_an_artworks_own_weave_is_that_of_all_of_it() -> None:
    assert picture_faults.own_weave(Planes.of(grey(SINE))) == pytest.approx(20 / 2**0.5, rel=0.05)
    assert picture_faults.own_weave(Planes.of(grey(0))) == 0


def test_a_picture_under_a_patch_has_no_areas_to_measure() -> None:
    small = Planes.of(grey(0)[:40, :40])
    assert all(np.isnan(value) for value in picture_faults.measure(small, small).values())


def test_flicker_is_nothing_for_a_network_that_moves_along_and_something_for_a_grid() -> None:
    photo = torch.rand(3, 96, 128)
    assert flicker(lambda x: x * 0.5, photo, photo * 0.5) == 0

    def striped(x: Tensor) -> Tensor:
        return x * 0 + torch.arange(x.shape[2]) % 2

    assert flicker(striped, photo, striped(photo)) == pytest.approx(255, abs=1e-3)
    # Black and white change places at the four odd ones of the seven shifts.
    assert abs(picture_faults.mean_flicker(striped, photo, striped(photo)) - 255 * 4 / 7) < 1e-3
