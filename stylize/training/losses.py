"""Perceptual losses over VGG19: content at relu4_1, style at relu1_1 to relu4_1."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from stylize.measure.perceptual import CONTENT_LAYER, STYLE_LAYERS, StyleFeatures
from stylize.stylizers._losses import total_variation

Features = dict[str, Tensor]


def terms(
    output: Features, content: Tensor, style: StyleFeatures, image: Tensor, pooled_share: float = 0.0
) -> dict[str, Tensor]:
    """Return each term of the loss, unweighted: content, moments, gram, variation, range.

    output: scaled features of `image` (N, 3, H, W) in about [0, 1]; content: the photo's at CONTENT_LAYER.
    style: of as many artworks as N is a multiple of, each for as many images one after another.
    Content: Johnson et al. 2016, section 3.2. Moments and Gram: see `style_distance`.
    pooled_share: how much of those two goes by the statistics of all images of an artwork together.
    """
    ours = StyleFeatures.of(output)
    moments, grams = style_distance(ours, style)
    if pooled_share:
        together = style_distance(pooled(ours, _count(ours) // _count(style)), style)
        moments, grams = moments.lerp(together[0], pooled_share), grams.lerp(together[1], pooled_share)
    return {
        "content": F.mse_loss(output[CONTENT_LAYER], content.float()),
        "moments": moments,
        "gram": grams,
        "variation": total_variation(image),
        "range": (image - image.clamp(0, 1)).square().mean(),
    }


def style_distance(ours: StyleFeatures, style: StyleFeatures) -> tuple[Tensor, Tensor]:
    """Return the distances of moments and of Gram matrices, summed over layers, means over images.

    Moments: Huang and Belongie 2017, equation 13, in squares. Gram: Gatys et al. 2016, equation 4, each layer relative
    to the style's own Gram matrix, so that a flat style counts as much as a loud one.
    """
    moments, grams = [], []
    for name in STYLE_LAYERS:
        for mine, theirs in zip(ours.moments[name], style.moments[name], strict=True):
            moments.append(F.mse_loss(mine, _spread(theirs, len(mine))))
        target = _spread(style.grams[name], len(ours.grams[name]))
        distance = (ours.grams[name] - target).square().sum((1, 2))
        grams.append((distance / target.square().sum((1, 2)).clamp_min(1e-6)).mean())
    return torch.stack(moments).sum(), torch.stack(grams).sum()


def pooled(features: StyleFeatures, count: int) -> StyleFeatures:
    """Return the statistics of N images of one size as those of N / count: each `count` of them taken together.

    What a single crop of plain sky lacks of a palette, others with the same style may bring.
    """
    moments = {}
    for name, (mean, std) in features.moments.items():
        common = _pooled(mean, count)
        # The deviations hold the EPS of mean_std already, so this is its root as well.
        variance = _pooled(std.square() + mean.square(), count) - common.square()
        moments[name] = common, variance.clamp_min(1e-5).sqrt()
    return StyleFeatures(moments, {name: _pooled(one, count) for name, one in features.grams.items()})


def _pooled(values: Tensor, count: int) -> Tensor:
    return values.view(-1, count, *values.shape[1:]).mean(1)


def _spread(values: Tensor, images: int) -> Tensor:
    """Return the values of each artwork for each of its images."""
    return values.float().repeat_interleave(images // len(values), dim=0)


def _count(features: StyleFeatures) -> int:
    return len(next(iter(features.grams.values())))


def total(parts: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """Return the terms' weighted sum."""
    return torch.stack([weights[name] * value for name, value in parts.items()]).sum()
