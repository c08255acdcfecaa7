"""8-bit convolutions on a CPU: int8 weights, uint8 activations, int32 sums, in oneDNN's own kernels.

Weights have one scale an output channel, found when they are loaded; activations one scale a tensor, found at each
call, so no calibration images are needed (dynamic quantisation). Everything between the convolutions stays in fp32:
the normalisations' statistics would not survive 8 bits.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@functools.cache
def largest_activation() -> int:
    """255, or 127 on a processor that adds pairs of 8-bit products in 16 bits (x86 without VNNI): more would overflow.

    Found by a sum that overflows there, as which kernel runs depends on more than the processor's flags.
    """
    channels, steps = 16, [1, 1]
    most = torch.full((1, channels, 8, 8), 255, dtype=torch.uint8)
    ones, zeros = torch.ones(channels), torch.zeros(channels, dtype=torch.int32)
    weight = torch.full((channels, channels, 1, 1), 127, dtype=torch.int8)
    packed = torch.ops.onednn.qconv_prepack(weight, ones, 1.0, 0, steps, [0, 0], steps, 1, None)
    sums = torch.ops.onednn.qconv2d_pointwise(
        most, 1.0, 0, packed, ones, zeros, None, steps, [0, 0], steps, 1, 1.0, 0, torch.float32, "none", [], "",
    )  # fmt: skip
    return 255 if bool((sums == 255 * 127 * channels).all()) else 127


class Int8Conv2d(nn.Module):
    """A convolution over (N, C, H, W) in fp32 that multiplies in 8 bits."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        weight = conv.weight.detach().float()
        scale = weight.abs().amax(dim=(1, 2, 3)).clamp_min(1e-12) / 127
        quantized = (weight / scale.view(-1, 1, 1, 1)).round().clamp(-127, 127).to(torch.int8)
        self.stride, self.dilation, self.groups = list(conv.stride), list(conv.dilation), conv.groups
        self.mode = conv.padding_mode
        sides = [int(side) for side in conv.padding]
        self.pad = [side for side in reversed(sides) for _ in range(2)]
        self.padding = sides if self.mode == "zeros" else [0, 0]
        self.largest = largest_activation()
        self.weight_bytes = quantized.numel()
        self.outputs, self.inputs, self.kernel = conv.out_channels, conv.in_channels, conv.kernel_size
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("zeros", torch.zeros(len(scale), dtype=torch.int32), persistent=False)
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach().float(), persistent=False)
        # The packed form knows only oneDNN's layout; not a buffer, as `.to` cannot move it.
        self.packed = torch.ops.onednn.qconv_prepack(
            quantized, scale, 1.0, 0, self.stride, self.padding, self.dilation, self.groups, None
        )

    def forward(self, x: Tensor) -> Tensor:
        low, high = (float(value) for value in torch.aminmax(x))
        low, high = min(low, 0.0), max(high, 0.0)
        if not high - low < float("inf"):
            # 8 bits have no NaN: what is not finite must stay so, or it would come out as a grey picture.
            nothing = x.new_full((self.outputs, self.inputs // self.groups, *self.kernel), float("nan"))
            return F.conv2d(F.pad(x, self.pad), nothing, None, self.stride, 0, self.dilation, self.groups)
        step = max((high - low) / self.largest, 1e-12)
        # Rounded down, so that neither end leaves the range; the conversion cuts off, hence the half.
        zero = int(-low / step)
        quantized = torch.add(x.new_tensor(zero + 0.5), x, alpha=1 / step).to(torch.uint8)
        if self.mode != "zeros" and any(self.pad):
            quantized = F.pad(quantized, self.pad, mode=self.mode)
        result: Tensor = torch.ops.onednn.qconv2d_pointwise(
            quantized, step, zero, self.packed, self.scale, self.zeros, self.bias,
            self.stride, self.padding, self.dilation, self.groups, 1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        return result


def quantize(net: nn.Module, keep: Sequence[nn.Module]) -> None:
    """Replace every convolution of a network, but those in `keep`, by its 8-bit form."""
    kept = {id(part) for module in keep for part in module.modules()}
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d) and id(child) not in kept:
                setattr(module, name, Int8Conv2d(child))
