"""SSIM and statistics of a batch where it is, on an accelerator: the numbers of `ssim` and `statistics`, within 1e-4.

Nothing here waits for the device, and nothing is made on the CPU but windows and weights of a few numbers. Operations
are few: on a card it is their launches that take time, from Python threads that share one lock.
"""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from stylize.measure.ssim import SIGMA, TWO_C1, TWO_C2, WINDOW_PX
from stylize.measure.statistics import DIGITS, LONG_SIDE_PX, LUMA, STEEP, Statistics, box_spans

NAMES = ("ssim", *(f"{side}_{name}" for side in ("content", "output") for name in Statistics._fields))
"""What `scores` returns, in order; NaN for an SSIM that does not exist."""


def scores(photos: Tensor, results: Tensor) -> Tensor:
    """Turn photos and results, each (N, H, W, 3) uint8 on one device, into (N, 7) in fp32: the columns of NAMES.

    Sizes of photos and results may differ; there is no SSIM then.
    """
    same = photos.shape == results.shape and min(photos.shape[1:3]) >= WINDOW_PX
    if not same:
        none = results.new_full((len(results), 1), math.nan, dtype=torch.float32)
        return torch.cat([none, statistics(photos), statistics(results)], 1)
    both = statistics(torch.cat([photos, results])).view(2, len(results), -1)
    return torch.cat([ssim(photos, results)[:, None], both[0], both[1]], 1)


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Turn two batches (N, H, W, 3) uint8, of 11 px a side or more, into (N,): as `stylize.measure.ssim.ssim`."""
    x, y = (images.permute(0, 3, 1, 2).to(torch.float32) for images in (a, b))
    both = torch.stack([x + y, x - y])
    # E[x^2] - E[x]^2 in single precision is only good near zero, so each colour is moved to about its mean.
    shift = both.mean((3, 4), keepdim=True)
    both -= shift
    filtered = _filtered(torch.cat([both, both.square()]))
    mean, var = filtered[:2], filtered[2:]
    var = var - mean.square()
    square = (mean + shift).square()
    above = (square[0] - square[1] + TWO_C1) * (var[0] - var[1] + TWO_C2)
    below = (square[0] + square[1] + TWO_C1) * (var[0] + var[1] + TWO_C2)
    return (above / below).mean((1, 2, 3))


def _filtered(maps: Tensor) -> Tensor:
    """Turn (M, N, 3, H, W) into (M, N, 3, H - 10, W - 10): the window's weighted means.

    Each map is a channel with a filter of its own: cuDNN takes such a convolution in fp32 never, and so never in TF32.
    """
    flat = maps.flatten(0, 2)[None]
    across = _window(maps.device).expand(flat.shape[1], 1, 1, WINDOW_PX).contiguous()
    flat = F.conv2d(F.conv2d(flat, across, groups=flat.shape[1]), across.mT.contiguous(), groups=flat.shape[1])
    return flat.view(*maps.shape[:3], *flat.shape[-2:])


@functools.lru_cache(4)
def _window(device: torch.device) -> Tensor:
    offsets = range(-(WINDOW_PX // 2), WINDOW_PX // 2 + 1)
    weights = [math.exp(-(offset**2) / (2 * SIGMA**2)) for offset in offsets]
    return torch.tensor([weight / sum(weights) for weight in weights], dtype=torch.float32, device=device)


def statistics(pixels: Tensor) -> Tensor:
    """Turn (N, H, W, 3) uint8 into (N, 3): edge density, colourfulness and entropy of each picture."""
    small = _small(pixels)
    red, green, blue = small.to(torch.int32).unbind(-1)
    thousandths = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    edges = _edge_density(thousandths)
    colours = _colourfulness(*(colour.to(torch.float32) for colour in (red, green, blue)))
    return torch.stack([edges, colours, _entropy_bits(thousandths)], 1)


def _edge_density(luma: Tensor) -> Tensor:
    rows = torch.cat([luma[:, :1], luma, luma[:, -1:]], 1)
    padded = torch.cat([rows[:, :, :1], rows, rows[:, :, -1:]], 2)
    smooth_down = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    smooth_across = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    across = (smooth_down[:, :, 2:] - smooth_down[:, :, :-2]).to(torch.int64)
    down = (smooth_across[:, 2:] - smooth_across[:, :-2]).to(torch.int64)
    return (across.square() + down.square() > STEEP).to(torch.float32).mean((1, 2))


def _colourfulness(red: Tensor, green: Tensor, blue: Tensor) -> Tensor:
    opponents = torch.stack([red - green, (red + green) / 2 - blue])
    mean = opponents.mean((2, 3), keepdim=True)
    deviation = (opponents - mean).square().mean((2, 3)).sum(0).sqrt()
    return deviation + 0.3 * torch.hypot(*mean.flatten(1))


def _entropy_bits(thousandths: Tensor) -> Tensor:
    levels = (thousandths + 500).div(1000, rounding_mode="floor").to(torch.int64).flatten(1)
    counts = torch.zeros(len(levels), 256, device=thousandths.device)
    counts.scatter_add_(1, levels, torch.ones_like(levels, dtype=torch.float32))
    share = counts / levels.shape[1]
    # Not torch.special.entr: CUDA compiles that as it is first called, in a second, and wants a folder to keep it in.
    return -torch.xlogy(share, share).sum(1) / math.log(2)


def _small(pixels: Tensor) -> Tensor:
    """Scale (N, H, W, 3) uint8 down to a long side of LONG_SIDE_PX by Pillow's box filter, across before down."""
    height, width = pixels.shape[1:3]
    if max(height, width) <= LONG_SIDE_PX:
        return pixels
    scale = LONG_SIDE_PX / max(height, width)
    narrow = _scaled(pixels, 2, max(1, round(width * scale)))
    return _scaled(narrow, 1, max(1, round(height * scale)))


def _scaled(pixels: Tensor, dim: int, size: int) -> Tensor:
    if pixels.shape[dim] == size:
        return pixels
    index, weights = _taps(pixels.shape[dim], size, pixels.device)
    shape = [1, 1, 1, 1]
    shape[dim] = size
    total: Tensor | None = None
    for which, weight in zip(index, weights, strict=True):
        part = pixels.index_select(dim, which).to(torch.int32).mul_(weight.view(shape))
        total = part if total is None else total.add_(part)
    assert total is not None
    return total.add_(1 << (DIGITS - 1)).bitwise_right_shift_(DIGITS).to(torch.uint8)


@functools.lru_cache(64)
def _taps(length: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return, (taps, size) each, which pixels Pillow's box filter puts together for one of `size`, and weights."""
    first, last, weight = box_spans(length, size).tolist()
    spans = [range(*span) for span in zip(first, last, strict=True)]
    taps = max(map(len, spans))
    index = [[span[k] if k < len(span) else span[-1] for span in spans] for k in range(taps)]
    weights = [[w if k < len(span) else 0 for span, w in zip(spans, weight, strict=True)] for k in range(taps)]
    return torch.tensor(index, device=device), torch.tensor(weights, dtype=torch.int32, device=device)
