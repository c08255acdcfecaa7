"""Edges of a result that the photo has not: texture and blotches painted into what is flat.

The statistics of a style are global: on a crop of plain sky they are met by covering it with texture and with patches
of the artwork's colours. Weighting the result's gradients by how flat the photo is at the same scale says where not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA_PX, CHROMA_PX = (2, 4), (8, 16)
"""Sides of the squares that are averaged before gradients are taken: fine texture, and large patches of colour."""
CHROMA = 3.0
"""How much more a gradient of chroma counts: by the same measure as luma, blotches fell by half as much as weave."""
FLAT = 0.02
"""Gradient of a photo in [0, 1] at which the weight has fallen to 0.6."""

_YUV = ((0.299, 0.587, 0.114), (-0.14713, -0.28886, 0.436), (0.615, -0.51499, -0.10001))


def distance(photos: Tensor, result: Tensor) -> Tensor:
    """Return the mean gradient of `result` where `photos` is flat, summed over scales, luma and chroma.

    Both (N, 3, H, W) in about [0, 1], sides of 32 pixels or more.
    """
    yuv = torch.einsum("kc,nchw->nkhw", result.new_tensor(_YUV), result)
    luma = [_beyond(photos, yuv[:, :1], px) for px in LUMA_PX]
    chroma = [CHROMA * _beyond(photos, yuv[:, 1:], px) for px in CHROMA_PX]
    return torch.stack([*luma, *chroma]).sum()


def _beyond(photos: Tensor, planes: Tensor, px: int) -> Tensor:
    flatness = torch.exp(_squared_gradient(F.avg_pool2d(photos, px)) / (-2 * FLAT**2))
    # The root has no slope at 0: a level's thousandth stands in for none at all.
    return (flatness * (_squared_gradient(F.avg_pool2d(planes, px)) + 1e-9).sqrt()).mean()


def _squared_gradient(planes: Tensor) -> Tensor:
    """Return (N, 1, H - 1, W - 1): differences to the right and down, squared and summed over channels."""
    inner = planes[..., :-1, :-1]
    right, down = planes[..., :-1, 1:] - inner, planes[..., 1:, :-1] - inner
    return (right.square() + down.square()).sum(1, keepdim=True)
