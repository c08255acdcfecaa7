"""The same convolutions with fewer passes over large images: an upsampling folded into the convolution behind it.

A full-size image of C channels is held as its four phases, (N, 4 C, H/2, W/2), in `pixel_unshuffle`'s order: channel
4 c + 2 p + q is channel c at rows 2 i + p, columns 2 j + q. Upsampling by two and convolving is linear, so one kernel
at the small size gives all four phases; a convolution over phases needs 5x5 taps where the full size needs 9x9, and its
3 output channels become 12, which fill a CPU's vector lanes. Results differ from the plain layers' by rounding only.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function

from stylize.weights import unfilled

Mode = Literal["nearest", "bilinear"]

_SPREAD = {
    # A full-size row 2 j + s is this mix of the small rows j - 1, j, j + 1.
    "nearest": ((0.0, 1.0, 0.0), (0.0, 1.0, 0.0)),
    "bilinear": ((0.25, 0.75, 0.0), (0.0, 0.75, 0.25)),
}


class UpConv(nn.Module):
    """Upsampling by 2, then a 3x3 convolution mirrored at the border: (N, C, H, W) to phases of (N, O, 2 H, 2 W)."""

    def __init__(self, conv: nn.Module, mode: Mode) -> None:
        super().__init__()
        assert isinstance(conv, nn.Conv2d)
        self.mode = mode
        self.plain = conv
        taps = torch.zeros(2, 3, 3)  # phase, tap of the full-size kernel, row of the small image
        for phase in range(2):
            for tap in range(3):
                row, odd = divmod(phase + tap - 1, 2)
                for offset, share in enumerate(_SPREAD[mode][odd]):
                    if share:
                        taps[phase, tap, row + offset] += share
        weight = conv.weight.detach().float()
        folded = torch.einsum("oiab,pay,qbx->opqiyx", weight, taps, taps)
        self.folded = _conv(folded.flatten(0, 2), conv.bias, conv.groups, repeat=1)

    def forward(self, x: Tensor) -> Tensor:
        return up_conv(x, self)

    def on(self, x: Tensor) -> Tensor:
        """Do it."""
        phases: Tensor = self.folded(x)
        # Repeating the small image's edge is what mirroring the large one means for `nearest`, not for `bilinear`.
        return self._mend_border(x, phases) if self.mode == "bilinear" else phases

    def _mend_border(self, x: Tensor, phases: Tensor) -> Tensor:
        count, channels, height, width = phases.shape
        parts = phases.view(count, channels // 4, 2, 2, height, width)
        for end in (0, -1):
            phase = -end  # the first row is of phase 0, the last one of phase 1
            rows = self._plainly(x[:, :, :2] if end == 0 else x[:, :, -2:])[:, :, end]
            parts[:, :, phase, :, end] = rows.reshape(*rows.shape[:2], width, 2).transpose(2, 3)
            columns = self._plainly(x[..., :2] if end == 0 else x[..., -2:])[..., end]
            parts[:, :, :, phase, :, end] = columns.reshape(*columns.shape[:2], height, 2).transpose(2, 3)
        return phases

    def _plainly(self, x: Tensor) -> Tensor:
        result: Tensor = self.plain(F.interpolate(x, scale_factor=2, mode=self.mode))
        return result


class Pointwise(nn.Module):
    """A 1x1 convolution on phases."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        assert isinstance(conv, nn.Conv2d)
        weight = torch.kron(conv.weight.detach().float()[:, :, 0, 0], torch.eye(4))
        self.folded = _conv(weight[:, :, None, None], conv.bias)

    def forward(self, phases: Tensor) -> Tensor:
        result: Tensor = self.folded(phases)
        return result


class Conv9(nn.Module):
    """A 9x9 convolution mirrored at the border: the phases of (N, C, 2 H, 2 W) to those of (N, O, 2 H, 2 W)."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        assert isinstance(conv, nn.Conv2d)
        weight = conv.weight.detach().float()
        outputs, inputs = weight.shape[:2]
        folded = weight.new_zeros(outputs, 2, 2, inputs, 2, 2, 5, 5)
        for p in range(2):
            for q in range(2):
                for a in range(9):
                    for b in range(9):
                        (y, py), (x, px) = divmod(p + a, 2), divmod(q + b, 2)
                        folded[:, p, q, :, py, px, y, x] = weight[:, :, a, b]
        self.folded = _conv(folded.reshape(4 * outputs, 4 * inputs, 5, 5), conv.bias)

    def forward(self, phases: Tensor) -> Tensor:
        result: Tensor = self.folded(mirror(phases))
        return result


def up_conv(x: Tensor, module: UpConv) -> Tensor:
    """Call the module; a function, so that whoever traces a network sees it as one step."""
    if has_torch_function((x,)):
        result: Tensor = handle_torch_function(up_conv, (x,), x, module)
        return result
    return module.on(x)


def mirror(phases: Tensor) -> Tensor:
    """Turn (N, 4 C, H, W) into (N, 4 C, H + 4, W + 4): the full-size image mirrored outwards by 4."""
    if has_torch_function((phases,)):
        result: Tensor = handle_torch_function(mirror, (phases,), phases)
        return result
    count, channels, height, width = phases.shape
    padded = F.pad(phases, (2, 2, 2, 2), mode="reflect")
    parts = padded.view(count, channels // 4, 2, 2, height + 4, width + 4)
    # That mirrors around a small pixel. One phase of each border lies half a small pixel off, so repeats it instead.
    for depth in (0, 1):
        near, far = 1 - depth, depth - 2
        parts[:, :, 1, :, near] = parts[:, :, 1, :, 2 + depth]
        parts[:, :, 0, :, far] = parts[:, :, 0, :, -3 - depth]
    for depth in (0, 1):
        near, far = 1 - depth, depth - 2
        parts[:, :, :, 1, :, near] = parts[:, :, :, 1, :, 2 + depth]
        parts[:, :, :, 0, :, far] = parts[:, :, :, 0, :, -3 - depth]
    return padded


def _conv(weight: Tensor, bias: Tensor | None, groups: int = 1, *, repeat: int = 0) -> nn.Conv2d:
    outputs, inputs, size = weight.shape[:3]
    mode: Literal["replicate", "zeros"] = "replicate" if repeat else "zeros"
    with unfilled():
        conv = nn.Conv2d(inputs * groups, outputs, size, padding=repeat, padding_mode=mode, groups=groups)
    with torch.no_grad():
        conv.weight.copy_(weight)
        assert bias is not None
        assert conv.bias is not None
        conv.bias.copy_(bias.repeat_interleave(4))
    return conv
