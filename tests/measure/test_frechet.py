"""The Fréchet distance against an independent computation, by scipy's matrix root as art-fid computes it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from stylize.measure.frechet import Features, art_fid, frechet_distance

RNG = np.random.default_rng(5)


def by_matrix_root(a: Features, b: Features) -> float:
    means, covariances = zip(*((x.mean(0), np.cov(x, rowvar=False)) for x in (a, b)), strict=True)
    root = np.real(linalg.sqrtm(covariances[0] @ covariances[1]))
    traces = sum(np.trace(one) for one in covariances)
    return float(np.square(means[0] - means[1]).sum() + traces - 2 * np.trace(root))


@pytest.mark.parametrize(("n", "m", "channels"), [(300, 300, 16), (500, 80, 64), (70, 400, 32)])
def test_agrees_with_the_matrix_root_to_six_digits(n: int, m: int, channels: int) -> None:
    mix = RNG.normal(size=(channels, channels))
    a, b = RNG.normal(size=(n, channels)), RNG.normal(size=(m, channels)) @ mix + 0.3
    assert frechet_distance(a, b) == pytest.approx(by_matrix_root(a, b), rel=1e-6)


def test_fewer_pictures_than_features_need_no_root_of_a_singular_matrix() -> None:
    # Both in the same 5 of 40 dimensions, so that the distance is that in these alone.
    turn = linalg.qr(RNG.normal(size=(40, 40)))[0][:5]
    a, b = RNG.normal(size=(12, 5)), RNG.normal(size=(9, 5)) + 1
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(by_matrix_root(a, b), rel=1e-6)


def test_a_set_is_at_no_distance_from_itself_and_a_moved_one_at_its_move() -> None:
    a = RNG.normal(size=(30, 100))
    assert frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + 0.5) == pytest.approx(100 * 0.25, rel=1e-9)


def test_one_picture_is_no_set() -> None:
    with pytest.raises(ValueError, match="two pictures"):
        frechet_distance(RNG.normal(size=(1, 4)), RNG.normal(size=(9, 4)))


def test_art_fid_is_the_product_of_both_and_one() -> None:
    assert art_fid(0.5, 19.0) == 30.0
