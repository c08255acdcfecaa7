"""Flicker: what changes in a result although the photo only moves. In a film it is what the eye minds first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

BORDER_PX = 32
"""Left out at each side: what a network makes there depends on how it pads."""


def flicker(restyle: Callable[[Tensor], Tensor], photo: Tensor, result: Tensor, shift_px: int = 1) -> float | None:
    """Return the mean difference of `result` from the picture of the photo (3, H, W) moved left by `shift_px`.

    In levels, 0 to 255; 0 for a network that moves its strokes along with the photo. Borders are left out; None where
    nothing is left without them.
    """
    if min(photo.shape[1], photo.shape[2] - shift_px) <= 2 * BORDER_PX:
        return None
    moved = restyle(photo[:, :, shift_px:])
    inner = slice(BORDER_PX, -BORDER_PX)
    return float((moved - result[:, :, shift_px:])[:, inner, inner].abs().mean() * 255)
