"""Perceptual losses over VGG19: content at relu4_1, style at relu1_1 to relu4_1."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from stylize.measure.perceptual import CONTENT_LAYER, STYLE_LAYERS, StyleFeatures

Features = dict[str, Tensor]


def terms(
    output: Features, content: Tensor, style: StyleFeatures, image: Tensor, pooled_share: float = 0.0
) -> dict[str, Tensor]:
    """Return each term of the loss, unweighted: content, moments, gram, variation, range.

    output: scaled features of `image` (N, 3, H, W) in about [0, 1]; content: the photo's at CONTENT_LAYER.
    Content: Johnson et al. 2016, section 3.2. Moments and Gram: see `style_distance`.
    pooled_share: how much of those two goes by the statistics of all N images together; `style` is then one style.
    """
    ours = StyleFeatures.of(output)
    moments, grams = style_distance(ours, style)
    if pooled_share:
        together = style_distance(pooled(ours), style)
        moments, grams = moments.lerp(together[0], pooled_share), grams.lerp(together[1], pooled_share)
    return {
        "content": F.mse_loss(output[CONTENT_LAYER], content.float()),
        "moments": moments,
        "gram": grams,
        "variation": (image[..., 1:, :] - image[..., :-1, :]).square().mean()
        + (image[..., 1:] - image[..., :-1]).square().mean(),
        "range": (image - image.clamp(0, 1)).square().mean(),
    }


def style_distance(ours: StyleFeatures, style: StyleFeatures) -> tuple[Tensor, Tensor]:
    """Return the distances of moments and of Gram matrices, summed over layers, means over images.

    Moments: Huang and Belongie 2017, equations 12 and 13. Gram: Gatys et al. 2016, each layer relative to the style's
    own Gram matrix, so that a flat style counts as much as a loud one.
    """
    moments, grams = [], []
    for name in STYLE_LAYERS:
        for mine, theirs in zip(ours.moments[name], style.moments[name], strict=True):
            moments.append(F.mse_loss(mine, theirs.float().expand_as(mine)))
        target = style.grams[name].float()
        distance = (ours.grams[name] - target).square().sum((1, 2))
        grams.append((distance / target.square().sum((1, 2)).clamp_min(1e-6)).mean())
    return torch.stack(moments).sum(), torch.stack(grams).sum()


def pooled(features: StyleFeatures) -> StyleFeatures:
    """Return the statistics of N images of one size, (N, C) and (N, C, C), as those of one image, (1, C) and (1, C, C).

    What a single crop of plain sky lacks of a palette, the others of its step may bring.
    """
    moments = {}
    for name, (mean, std) in features.moments.items():
        common = mean.mean(0, keepdim=True)
        # The deviations hold the EPS of mean_std already, so this is its root as well.
        variance = (std.square() + mean.square()).mean(0, keepdim=True) - common.square()
        moments[name] = common, variance.clamp_min(1e-5).sqrt()
    return StyleFeatures(moments, {name: one.mean(0, keepdim=True) for name, one in features.grams.items()})


def total(parts: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """Return the terms' weighted sum."""
    return torch.stack([weights[name] * value for name, value in parts.items()]).sum()
