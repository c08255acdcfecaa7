"""Perceptual losses over VGG19: content at relu4_1, style at relu1_1 to relu4_1."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from stylize.measure.perceptual import CONTENT_LAYER, STYLE_LAYERS, StyleFeatures, gram, mean_std

Features = dict[str, Tensor]


def terms(output: Features, content: Tensor, style: StyleFeatures, image: Tensor) -> dict[str, Tensor]:
    """Each term of the loss, unweighted: content, moments, gram, variation, range.

    output: scaled features of `image` (N, 3, H, W) in about [0, 1]; content: the photo's at CONTENT_LAYER.
    Content: Johnson et al. 2016, section 3.2. Moments: Huang and Belongie 2017, equations 12 and 13. Gram: Gatys
    et al. 2016, each layer relative to the style's own Gram matrix, so that a flat style counts as much as a loud one.
    """
    moments = image.new_zeros(())
    grams = image.new_zeros(())
    for name in STYLE_LAYERS:
        for ours, theirs in zip(mean_std(output[name]), style.moments[name], strict=True):
            moments = moments + F.mse_loss(ours, theirs.float().expand_as(ours))
        target = style.grams[name].float()
        distance = (gram(output[name]) - target).square().sum((1, 2))
        grams = grams + (distance / target.square().sum((1, 2)).clamp_min(1e-6)).mean()
    return {
        "content": F.mse_loss(output[CONTENT_LAYER], content.float()),
        "moments": moments,
        "gram": grams,
        "variation": (image[..., 1:, :] - image[..., :-1, :]).square().mean()
        + (image[..., 1:] - image[..., :-1]).square().mean(),
        "range": (image - image.clamp(0, 1)).square().mean(),
    }


def total(parts: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """The terms' weighted sum."""
    return torch.stack([weights[name] * value for name, value in parts.items()]).sum()
