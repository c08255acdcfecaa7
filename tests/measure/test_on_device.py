"""SSIM and statistics by torch, against those of the CPU's own code."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from stylize.measure import on_device
from stylize.measure.ssim import ssim
from stylize.measure.statistics import statistics

SIZES = [(48, 64), (160, 768), (301, 517), (1024, 100), (256, 256), (11, 300), (700, 57), (332, 394)]
Picture = npt.NDArray[np.uint8]


def pictures(height: int, width: int) -> list[Picture]:
    """Waves, noise, a flat light grey, near white with a little noise."""
    rng = np.random.default_rng(height * width)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([127 + 120 * np.sin(x / 9 + y / (5 + 3 * k)) for k in range(3)], -1)
    noise = rng.integers(0, 256, (height, width, 3))
    flat = np.full((height, width, 3), 201)
    bright = 252 + rng.integers(0, 4, (height, width, 3))
    return [made.astype(np.uint8) for made in (waves, noise, flat, bright)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_scores_are_those_of_the_cpus_code(height: int, width: int) -> None:
    photos = pictures(height, width)
    results = [photos[0][::-1].copy(), photos[2], photos[3], 255 - photos[3]]
    found = on_device.scores(*(torch.from_numpy(np.stack(batch)) for batch in (photos, results)))
    assert found.shape == (4, len(on_device.NAMES))
    for row, photo, result in zip(found.tolist(), photos, results, strict=True):
        assert row[0] == pytest.approx(ssim(photo, result), abs=1e-4)
        for values, picture in ((row[1:4], photo), (row[4:], result)):
            edges, colours, entropy = statistics(picture)
            assert values[0] == pytest.approx(edges, abs=1e-4)
            assert values[1] == pytest.approx(colours, abs=1e-4, rel=1e-4)
            assert values[2] == pytest.approx(entropy, abs=1e-4)


def test_there_is_no_ssim_of_other_sizes_or_less_than_a_window() -> None:
    for photo, result in (((20, 30), (10, 15)), ((10, 40), (10, 40))):
        found = on_device.scores(*(torch.zeros(1, *size, 3, dtype=torch.uint8) for size in (photo, result)))[0].tolist()
        assert math.isnan(found[0])
        assert found[1:] == [0] * 6


def test_no_convolution_is_one_that_a_card_does_in_10_bits() -> None:
    groups: list[tuple[int, int, bool]] = []

    class Convolutions(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.ops.aten.convolution.default:
                groups.append((args[8], args[0].shape[1], args[0].is_contiguous()))
            return func(*args, **kwargs or {})

    batch = torch.zeros(2, 32, 48, 3, dtype=torch.uint8)
    with Convolutions():  # type: ignore[no-untyped-call]
        on_device.scores(batch, batch)
    # cuDNN, which rounds to TF32 by default, is not asked where each channel is a plane and has a group of its own.
    assert groups == [(24, 24, True)] * 2


def test_nothing_of_it_is_on_the_cpu() -> None:
    on_device._window.cache_clear()
    on_device._taps.cache_clear()
    # As on a card: operations that mix devices, or ask for a value, raise.
    with FakeTensorMode():
        batch = torch.zeros(2, 600, 800, 3, dtype=torch.uint8, device="cuda")
        found = on_device.scores(batch, batch)
    assert (found.shape, found.device.type) == ((2, 7), "cuda")
    on_device._window.cache_clear()
    on_device._taps.cache_clear()
