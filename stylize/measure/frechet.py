"""The Fréchet distance between two sets of features (Heusel et al. 2017, equation 6), and ArtFID, made of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg

Features = npt.NDArray[np.floating[Any]]


def frechet_distance(a: Features, b: Features) -> float:
    """Return the distance between Gaussians fitted to two sets (N, C) and (M, C), of at least two pictures each: FID.

    Squared distance of means plus the trace of Sa + Sb - 2 sqrt(Sa Sb), S being covariances. The root's trace is the
    sum of the singular values of A B^T, where Sa = A^T A and Sb = B^T B: it needs no root of a singular matrix, which
    covariances of fewer pictures than features are. 0 for identical sets; below it by rounding alone. Raises
    ValueError for a set of less than two.
    """
    if len(a) < 2 or len(b) < 2:
        raise ValueError(f"a covariance needs two pictures, got {len(a)} and {len(b)}")
    a, b = (np.asarray(one, np.float64) for one in (a, b))
    means = np.square(a.mean(0) - b.mean(0)).sum()
    root_a, root_b = (_root(one) for one in (a, b))
    traces = np.square(root_a).sum() + np.square(root_b).sum()
    return float(means + traces - 2 * np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum())


def _root(features: Features) -> Features:
    """Return A with A^T A as the covariance of features (N, C), of min(N, C) rows."""
    centred: Features = (features - features.mean(0)) / np.sqrt(len(features) - 1)
    if len(features) <= features.shape[1]:
        return centred
    root: Features = linalg.qr(centred, mode="r")[0][: features.shape[1]]
    return root


def art_fid(lpips: float, fid: float) -> float:
    """Return ArtFID (Wright and Ommer 2022) of the mean LPIPS from the photos and the FID from artworks."""
    return (1 + lpips) * (1 + fid)
