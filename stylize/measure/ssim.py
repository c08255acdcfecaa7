"""Structural similarity (Wang et al. 2004, eq. 13), twenty times as fast as scikit-image's on one core."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

SIGMA = 1.5
"""Of the Gaussian window, in px."""
WINDOW_PX = 11
"""Its width: cut at 3.5 sigma, as scikit-image cuts it."""
UNIFORM_WINDOW_PX = 7
TWO_C1, TWO_C2 = 2 * (0.01 * 255) ** 2, 2 * (0.03 * 255) ** 2
"""Twice the constants of equation 13: `_ssim_kernel` shows where they come in."""


def ssim(a: Image, b: Image) -> float | None:
    """Return the mean SSIM of two (H, W, 3) uint8 images, in [-1, 1], 1 if identical (Wang et al. 2004, section III).

    Agrees to 1e-4 with scikit-image's `structural_similarity(a, b, channel_axis=2, gaussian_weights=True,
    sigma=1.5, use_sample_covariance=False, data_range=255)`. None where a side is under 11 px: no window
    fits, so there is nothing to measure. Works on the calling thread alone, without the GIL. Raises ValueError for
    images of different shapes or that are not (H, W, 3) uint8.
    """
    if a.shape != b.shape:
        raise ValueError(f"SSIM needs two images of one size, got {a.shape} and {b.shape}")
    if a.ndim != 3 or a.shape[2] != 3 or a.dtype != np.uint8 or b.dtype != np.uint8:
        raise ValueError(f"SSIM needs (H, W, 3) uint8 images, got {a.shape} of {a.dtype} and {b.dtype}")
    if min(a.shape[:2]) < WINDOW_PX:
        return None
    return float(kernel()(*(np.ascontiguousarray(image).reshape(len(image), -1) for image in (a, b))))


def kernel() -> Callable[[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], float]:
    """Return the compiled part; the first call on a machine compiles it in 2.5 s, others load it in half a second."""
    from stylize.measure import _ssim_kernel

    return cast("Callable[..., float]", _ssim_kernel.mean_ssim)


def ssim_uniform(a: Image, b: Image) -> float | None:
    """Return the mean SSIM of two (H, W, 3) uint8 images as scikit-image's defaults give it, which most papers publish.

    A uniform 7x7 window and sample covariances. None where a side is under 7 px.
    """
    from skimage.metrics import structural_similarity

    if min(a.shape[:2]) < UNIFORM_WINDOW_PX:
        return None
    return float(structural_similarity(a, b, channel_axis=2, data_range=255))
