"""Perceptual losses over VGG19: content at relu4_1, style at relu1_1 to relu4_1."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from stylize.backbones import Features

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu4_1"


def mean_std(features: Tensor) -> tuple[Tensor, Tensor]:
    """(N, C, H, W) to two (N, C): the mean and standard deviation of each channel, in fp32."""
    var, mean = torch.var_mean(features.float(), dim=(2, 3), correction=0)
    return mean, (var + 1e-5).sqrt()


def gram(features: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, C): channel inner products over H x W, in fp32 (Gatys et al. 2016, section 2.2)."""
    flat = features.float().flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def layer_scales(vgg: Features, batches: list[Tensor]) -> dict[str, float]:
    """The mean activation of each layer over (N, 3, H, W) images: what one unit of a layer's distance is."""
    sums = dict.fromkeys(vgg.layers, 0.0)
    with torch.no_grad():
        for batch in batches:
            for name, value in vgg(batch).items():
                sums[name] += float(value.float().mean())
    return {name: total / len(batches) for name, total in sums.items()}


def terms(
    output: dict[str, Tensor],
    content: dict[str, Tensor],
    style: dict[str, Tensor],
    scales: dict[str, float],
    image: Tensor,
) -> dict[str, Tensor]:
    """Each term of the loss, unweighted: content, moments, gram, variation, range.

    Content: Johnson et al. 2016, section 3.2. Moments: Huang and Belongie 2017, equations 12 and 13. Gram: Gatys
    et al. 2016, each layer relative to the style's own Gram matrix, so that a flat style counts as much as a loud one.
    """
    moments = image.new_zeros(())
    grams = image.new_zeros(())
    for name in STYLE_LAYERS:
        ours, theirs = output[name].float() / scales[name], style[name].float() / scales[name]
        for a, b in zip(mean_std(ours), mean_std(theirs), strict=True):
            moments = moments + F.mse_loss(a, b)
        g, target = gram(ours), gram(theirs)
        grams = grams + ((g - target).square().sum((1, 2)) / target.square().sum((1, 2)).clamp_min(1e-6)).mean()
    scale = scales[CONTENT_LAYER]
    return {
        "content": F.mse_loss(output[CONTENT_LAYER].float() / scale, content[CONTENT_LAYER].float() / scale),
        "moments": moments,
        "gram": grams,
        "variation": (image[..., 1:, :] - image[..., :-1, :]).square().mean()
        + (image[..., 1:] - image[..., :-1]).square().mean(),
        "range": (image - image.clamp(0, 1)).square().mean(),
    }


def total(parts: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """The terms' weighted sum."""
    return torch.stack([weights[name] * value for name, value in parts.items()]).sum()
