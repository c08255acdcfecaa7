"""Keeping a photo's own colours (Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer")."""

from __future__ import annotations

import torch
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)


def match_colors(source: Tensor, target: Tensor) -> Tensor:
    """(3, H, W) and (3, H', W') in [0, 1]: the source with the target's colour distribution, (3, H, W), not clamped.

    Correlation alignment, as the PyTorch port of AdaIN does it (the paper's section 3, a linear transfer): colours are
    standardised, whitened by the source's correlation and coloured by the target's. The port's sums over pixels are
    means here, without which pictures of different sizes would change the contrast.
    """
    flat, _, _ = _standardised(source)
    goal, goal_mean, goal_std = _standardised(target)
    moved = _root(_correlation(goal), 0.5) @ (_root(_correlation(flat), -0.5) @ flat)
    return (moved * goal_std + goal_mean).to(source.dtype).view_as(source)


def luminance_only(result: Tensor, content: Tensor) -> Tensor:
    """(3, H, W) twice, in [0, 1]: the content with the result's luminance (section 4 of the paper), clamped."""
    weights = result.new_tensor(_LUMA).view(3, 1, 1)
    change = ((result - content) * weights).sum(0, keepdim=True)
    return (content + change).clamp(0, 1)


def _standardised(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    flat = image.flatten(1).double()
    mean, std = flat.mean(1, keepdim=True), flat.std(1, keepdim=True).clamp_min(1e-8)
    return (flat - mean) / std, mean, std


def _correlation(flat: Tensor) -> Tensor:
    # The identity keeps an image of one colour invertible.
    return (flat @ flat.T + torch.eye(3, dtype=flat.dtype, device=flat.device)) / flat.shape[1]


def _root(correlation: Tensor, power: float) -> Tensor:
    values, vectors = torch.linalg.eigh(correlation)
    root: Tensor = vectors @ torch.diag(values**power) @ vectors.T
    return root
