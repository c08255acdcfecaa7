"""Shift and border consistency: a part of a photo is to be painted as that part of the whole photo is.

A network with strides paints differently when the photo moves against its lattice, and differently again along a
border. Both show when a window of a crop goes through the network by itself: its lattice lies elsewhere, and its
borders lie inside the crop. Terms of this kind train networks for video (Wang et al. 2020, "ReReVST").
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from stylize.stylizers._compact_net import STRIDE

NEAR_PX, FAR_PX = 15, 48
FAR_SHARE = 0.25
NOISE = 0.002


@dataclass(frozen=True)
class Window:
    """A square inside a square crop, in pixels."""

    top: int
    left: int
    side: int

    def of(self, images: Tensor) -> Tensor:
        """Return the window of (N, C, H, W) as (N, C, side, side)."""
        return images[..., self.top : self.top + self.side, self.left : self.left + self.side]


def draw_window(crop_px: int, seed: str) -> Window:
    """Draw a window of a crop of `crop_px`, smaller by NEAR_PX, or by FAR_PX in FAR_SHARE of the draws.

    Its offset is a multiple of the network's stride in one direction at most: else the lattices would coincide. There
    are two sizes only, because kernels are chosen anew for each.
    """
    rng = random.Random(seed)
    reach = FAR_PX if rng.random() < FAR_SHARE else NEAR_PX
    reach = min(reach, crop_px // 4)
    while True:
        top, left = rng.randint(0, reach), rng.randint(0, reach)
        if top % STRIDE or left % STRIDE:
            return Window(top, left, crop_px - reach)


def part_of(photos: Tensor, window: Window, seed: str) -> Tensor:
    """Return the window of photos (N, 3, H, W) in [0, 1] with a little noise, so that tiny differences stay tiny."""
    generator = torch.Generator(photos.device).manual_seed(random.Random(seed).getrandbits(63))
    part = window.of(photos)
    noise = torch.randn(part.shape, generator=generator, device=part.device, dtype=part.dtype)
    return part + NOISE * noise


def distance(whole: Tensor, part: Tensor, window: Window) -> Tensor:
    """Return the mean absolute difference between `part` (N, 3, side, side) and the window of `whole`, borders too."""
    return (window.of(whole) - part).abs().mean()
