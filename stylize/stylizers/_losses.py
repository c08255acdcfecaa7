"""The terms of Gatys, Ecker and Bethge 2016 with their gradients, in fp32 whatever the features are in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_ROWS = 32768
"""Positions turned to fp32 at a time: a Gram matrix of half-precision features needs no fp32 copy of them."""


def gram(features: Tensor) -> Tensor:
    """Turn (1, C, H, W) into (C, C) in fp32: mean products of channels over positions (section 2.2, over H x W)."""
    rows = features[0].permute(1, 2, 0).flatten(0, 1)
    total = rows.new_zeros((rows.shape[1],) * 2, dtype=torch.float32)
    for part in torch.split(rows, _ROWS):
        part = part.float()
        total.addmm_(part.T, part)
    return total / len(rows)


class StyleTerm(torch.autograd.Function):
    """The squared distance of the Gram matrix of features (1, C, H, W) from a target (C, C), over the target's square.

    Relative, unlike the paper's equation 4: a layer's or a backbone's scale then does not decide its weight.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor) -> Tensor:
        difference = gram(features) - target
        scale = target.square().sum().clamp_min(1e-12)
        ctx.save_for_backward(features, difference / scale)
        return difference.square().sum() / scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        features, difference = ctx.saved_tensors
        rows = features[0].permute(1, 2, 0).flatten(0, 1)
        # Scaled before it is rounded to the features' precision, so that no sum over channels leaves fp16.
        size = difference.abs().sum(0).max().clamp_min(1e-30)
        result = rows @ (difference / size).to(rows.dtype)
        result *= grad * (4 * size / len(rows))
        return result.unflatten(0, features.shape[2:]).permute(2, 0, 1)[None], None


class ContentTerm(torch.autograd.Function):
    """The mean squared distance of features (1, C, H, W) from the content's, relative to the content's mean square."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor) -> Tensor:
        difference = features.float() - target.float()
        scale = target.float().square().mean().clamp_min(1e-12)
        ctx.save_for_backward(features, target, scale)
        return difference.square().mean() / scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        features, target, scale = ctx.saved_tensors
        # In fp32: the factor alone, 7e-9 for VGG19's features, is 0 in fp16, and the photo would be ignored.
        difference = features.float() - target.float()
        return (difference * (grad * 2 / (features.numel() * scale))).to(features.dtype), None


def total_variation(image: Tensor) -> Tensor:
    """Return, of (N, 3, H, W), the mean squared step to the next pixel right and down."""
    down = image[..., 1:, :] - image[..., :-1, :]
    right = image[..., 1:] - image[..., :-1]
    return down.square().mean() + right.square().mean()
