from __future__ import annotations

import importlib
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from skimage.data import astronaut
from skimage.metrics import structural_similarity

from stylize.measure import _compiled
from stylize.measure.ssim import Image, ssim, ssim_uniform
from tools.bench.ssim_speed import reference_ssim

PHOTO: Image = astronaut()[:256, 100:356].copy()
RNG = np.random.default_rng(7)


def flat(*colour: int, shape: tuple[int, int] = (40, 50)) -> Image:
    return np.broadcast_to(np.array(colour, np.uint8), (*shape, 3)).copy()


def noise(height: int, width: int) -> Image:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def noisy(image: Image, sigma: float) -> Image:
    return np.clip(image + RNG.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)


def checker(block: int, one: int, other: int) -> Image:
    y, x = np.mgrid[:256, :384]
    chosen = (y // block + x // block) % 2 == 0
    return np.where(chosen[..., None], one, other).astype(np.uint8).repeat(3, axis=2)


def agree(a: Image, b: Image) -> None:
    measured = ssim(a, b)
    assert measured is not None
    assert measured == pytest.approx(reference_ssim(a, b), abs=1e-4)


@pytest.mark.parametrize(
    "changed",
    [
        noisy(PHOTO, 5),
        noisy(PHOTO, 60),
        (PHOTO * 0.4 + 90).astype(np.uint8),
        255 - PHOTO,
        np.roll(PHOTO, 2, axis=0),
        PHOTO[:, ::-1],
        PHOTO[..., ::-1],
        np.where(PHOTO > 127, 255, 0).astype(np.uint8),
        noise(256, 256),
    ],
    ids=["grain", "noise", "contrast", "negative", "shifted", "mirrored", "bgr", "posterised", "unrelated"],
)
def test_photos_agree_with_scikit_image(changed: Image) -> None:
    agree(PHOTO, changed)


@pytest.mark.parametrize(
    ("height", "width"),
    [
        (11, 11), (11, 12), (12, 11), (13, 300), (300, 13), (26, 27), (77, 301), (301, 77), (257, 511),
        (600, 267), (40, 1034), (40, 1035), (20, 2500), (2500, 20),
    ],
)  # fmt: skip
def test_any_size_agrees_with_scikit_image(height: int, width: int) -> None:
    a = noise(height, width)
    agree(a, noisy(a, 25))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (flat(255, 255, 255), flat(254, 254, 254)),
        (flat(255, 255, 255), flat(92, 92, 92)),
        (flat(255, 255, 255), flat(0, 0, 0)),
        (flat(0, 0, 0), flat(1, 1, 1)),
        (flat(255, 0, 0), flat(90, 255, 40)),
        (flat(250, 250, 250), noisy(flat(250, 250, 250), 1.0)),
        (flat(0, 0, 0), noise(40, 50)),
    ],
)
def test_flat_images_agree_with_scikit_image(a: Image, b: Image) -> None:
    agree(a, b)


@pytest.mark.parametrize("block", [1, 12, 24, 32, 64, 100])
@pytest.mark.parametrize(("one", "other"), [(255, 0), (255, 80), (255, 92)])
def test_swapped_checkers_agree_with_scikit_image(block: int, one: int, other: int) -> None:
    """The worst case for single precision: flat areas far from their neighbourhood's mean."""
    agree(checker(block, one, other), checker(block, other, one))


@pytest.mark.parametrize("image", [PHOTO, flat(255, 255, 255), flat(0, 0, 0), noise(77, 133)])
def test_identical_images_are_exactly_one(image: Image) -> None:
    assert ssim(image, image.copy()) == 1.0


def test_a_view_that_is_not_contiguous_is_measured_as_its_copy() -> None:
    a, b = PHOTO[::2, ::-1], noisy(PHOTO, 20)[::2, ::-1]
    assert ssim(a, b) == ssim(np.ascontiguousarray(a), np.ascontiguousarray(b))


def test_pixels_that_may_not_be_written_are_measured() -> None:
    a, b = PHOTO.copy(), noisy(PHOTO, 20)
    expected = ssim(a, b)
    a.flags.writeable = False
    assert ssim(a, b) == expected


@pytest.mark.parametrize("shape", [(10, 200), (200, 10), (1, 1), (1, 20000)])
def test_no_window_fits_below_eleven_pixels(shape: tuple[int, int]) -> None:
    assert ssim(flat(1, 2, 3, shape=shape), flat(1, 2, 3, shape=shape)) is None


def test_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="one size"):
        ssim(flat(0, 0, 0, shape=(20, 30)), flat(0, 0, 0, shape=(30, 20)))


@pytest.mark.parametrize(
    "wrong", [np.zeros((20, 20), np.uint8), np.zeros((20, 20, 4), np.uint8), np.zeros((20, 20, 3))]
)
def test_anything_but_rgb_bytes_is_refused(wrong: Image) -> None:
    with pytest.raises(ValueError, match="uint8"):
        ssim(wrong, wrong)


def test_threads_that_measure_at_once_agree() -> None:
    changed = noisy(PHOTO, 20)
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(lambda _: ssim(PHOTO, changed), range(9))) == {ssim(PHOTO, changed)}


@pytest.mark.parametrize(
    "error",
    [RuntimeError("cannot cache"), OSError(28, "No space left on device"), pickle.UnpicklingError("truncated")],
)
def test_where_nothing_can_be_kept_on_disk_it_is_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from numba import njit

    def compile_only(*signature: str, cache: bool = False, **how: Any) -> Any:
        if cache:
            raise error
        return njit(*signature, **how)

    monkeypatch.setattr(_compiled, "njit", compile_only)
    double = _compiled.compiled("int64(int64)")(lambda x: 2 * x)
    assert double(21) == 42


def test_the_uniform_window_is_scikit_images_default_and_another_number() -> None:
    other = noisy(PHOTO, 30)
    assert ssim_uniform(PHOTO, other) == structural_similarity(PHOTO, other, channel_axis=2)
    assert abs((ssim_uniform(PHOTO, other) or 0) - (ssim(PHOTO, other) or 0)) > 1e-3
    assert ssim_uniform(PHOTO[:6], other[:6]) is None


def test_a_number_from_another_file_is_compiled_anew_where_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loops = tmp_path / "loops_of_test.py"
    loops.write_text(
        "from numbers_of_test import FACTOR\nfrom stylize.measure._compiled import compiled\n\n\n"
        "@compiled('int64(int64)')\ndef times(x):\n    return FACTOR * x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    results = []
    for factor in (2, 3, 2):
        monkeypatch.setitem(sys.modules, "numbers_of_test", SimpleNamespace(FACTOR=factor))
        monkeypatch.delitem(sys.modules, "loops_of_test", raising=False)
        results.append(importlib.import_module("loops_of_test").times(7))
    assert results == [14, 21, 14]
    assert len(list(tmp_path.rglob("*.nbi"))) == 2
