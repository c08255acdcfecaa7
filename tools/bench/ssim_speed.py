"""How fast and how right our SSIM is beside scikit-image's, for the benchmark command."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from stylize.measure.ssim import Image, ssim

HEIGHT_PX, WIDTH_PX = 512, 768
_OURS_TIMES, _THEIRS_TIMES = 20, 5


def ssim_speed() -> tuple[float, float, float]:
    """Return (our median ms, scikit-image's median ms, largest absolute difference), 768x512 in colour on one core.

    The difference is taken over noisy, low-contrast, shifted, inverted, extreme and flat pairs. Sets torch to
    one thread while it runs and puts the number back: call it from a benchmark, not beside other work.
    """
    # The one place in the library that may touch this: the number asked for is one core's.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        pairs = _pairs()
        photo, restyled = pairs[0]
        ours_ms = _median_ms(lambda: ssim(photo, restyled), _OURS_TIMES)
        theirs_ms = _median_ms(lambda: reference_ssim(photo, restyled), _THEIRS_TIMES)
        difference = max(abs((ssim(a, b) or 0.0) - reference_ssim(a, b)) for a, b in pairs)
    finally:
        torch.set_num_threads(threads)
    return ours_ms, theirs_ms, difference


def reference_ssim(a: Image, b: Image) -> float:
    """Return scikit-image's SSIM of two (H, W, 3) uint8 images, in [-1, 1], with the original paper's window."""
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            a,
            b,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
    )


def _median_ms(call: Callable[[], object], times: int) -> float:
    call()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) * 1e3


def _pairs() -> list[tuple[Image, Image]]:
    """Return pairs of (512, 768, 3) uint8 images; the first is a photo and a restyled-looking version of it."""
    from skimage.data import astronaut

    photo = np.tile(astronaut(), (1, 2, 1))[:HEIGHT_PX, :WIDTH_PX]
    noise = np.random.default_rng(0).normal(0, 30, photo.shape)
    noisy = np.clip(photo * 0.8 + noise + 20, 0, 255).astype(np.uint8)
    extreme = np.where(photo > 127, 255, 0).astype(np.uint8)
    pale, grey = np.full_like(photo, 255), np.full_like(photo, 92)
    low_contrast = (photo // 2 + 60).astype(np.uint8)
    versions = [noisy, low_contrast, np.roll(photo, 3, axis=1), 255 - photo, extreme, photo]
    return [*((photo, version) for version in versions), (pale, grey), (pale, pale)]
