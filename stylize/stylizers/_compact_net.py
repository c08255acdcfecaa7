"""The network behind the bundled `compact` stylizer.

A content path at one half, one quarter and one eighth of the image's size, whose normalisation layers take
their scale and shift from a style code (conditional instance normalisation: Dumoulin et al. 2017, section 2.2; a code
predicted from the style image: Ghiasi et al. 2017, section 2). The code is made once per style image.

Where it departs from those papers, and why:

- Space-to-depth in front, depth-to-space behind: no convolution ever runs at full size, where a CPU spends
  its time moving memory.
- The blocks at one eighth are depthwise 5x5 then pointwise (ConvNeXt, Liu et al. 2022): a wide view at few operations.
- The style path pools means and standard deviations at every level (the statistics of AdaIN, Huang and Belongie 2017,
  section 3) instead of running a large classifier.
- The image is mirrored outwards once; the last convolutions, at a quarter and a half, then pad with zeros, whose reach
  stays within that margin. The view of the blocks is wide, so these and all before them repeat the edge: zeros drew a
  frame around the picture, and bands of 70 px in the artwork's strongest colour along it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylize.stylizers._layers import mean_std, normalize

if TYPE_CHECKING:
    from stylize.stylizers._runtimes.onnx_graph import Graph

WIDTHS, STYLE_WIDTHS = (32, 64, 128), (32, 64, 128, 160)
"""Channels at a half, a quarter and an eighth of the size, and of the style encoder's layers."""
BLOCKS, EXPAND = 8, 2
CODE_SIZE = 128
STRIDE = 8
MARGIN = 16
LEAST_STYLE_PX = 32
"""The shortest side of an artwork that the encoder looks at."""


def conditional_norm(x: Tensor, affine: Tensor) -> Tensor:
    """Normalise (N, C, H, W) per instance, with a scale and shift (N, 2 C) taken from the style code."""
    scale, shift = affine.float()[:, :, None, None].chunk(2, dim=1)
    return normalize(x, 1 + scale, shift)


class Block(nn.Module):
    """Depthwise 5x5, conditional norm, pointwise up, ReLU, pointwise down, added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 5, padding=2, groups=channels, padding_mode="replicate")
        self.up = nn.Conv2d(channels, channels * EXPAND, 1)
        self.down = nn.Conv2d(channels * EXPAND, channels, 1)

    def forward(self, x: Tensor, affine: Tensor) -> Tensor:
        y: Tensor = conditional_norm(self.depthwise(x), affine)
        y = self.down(torch.relu_(self.up(y)))
        return y.add_(x)

    def graph(self, graph: Graph, x: str, affine: str) -> str:
        """Add the same to a graph."""
        y = norm_graph(graph, graph.conv(x, self.depthwise), affine)
        return graph.add(x, graph.conv(graph.relu(graph.conv(y, self.up)), self.down))


class StyleEncoder(nn.Module):
    """A style image (N, 3, H, W) in [0, 1] to a code (N, CODE_SIZE)."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (12, *STYLE_WIDTHS[:-1])
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=1 if i == 0 else 2, padding=1)
            for i, (a, b) in enumerate(zip(inputs, STYLE_WIDTHS, strict=True))
        )
        pooled = 2 * (3 + sum(STYLE_WIDTHS))
        self.norm = nn.LayerNorm(pooled)
        self.head = nn.Sequential(nn.Linear(pooled, 2 * CODE_SIZE), nn.ReLU(), nn.Linear(2 * CODE_SIZE, CODE_SIZE))

    def forward(self, style: Tensor) -> Tensor:
        stats = _pooled(2 * style - 1)
        x = F.pixel_unshuffle(2 * style - 1, 2)
        for conv in self.convs:
            x = torch.relu_(conv(x))
            stats += _pooled(x)
        code: Tensor = self.head(self.norm(torch.cat(stats, dim=1)))
        return code

    def graph(self, graph: Graph, style: str) -> str:
        """Add the same to a graph, of an artwork that is enlarged to `LEAST_STYLE_PX` and even sides first."""
        size = graph.size(style)
        even = graph.add(size, graph.op("Mod", size, graph.const([2, 2])))
        x = graph.at_least(style, LEAST_STYLE_PX, even)
        x = graph.add(graph.mul(x, graph.const(2.0)), graph.const(-1.0))
        stats = [*graph.mean_std(x, correction=0)]
        for i, conv in enumerate(self.convs):
            assert isinstance(conv, nn.Conv2d)
            x = graph.relu(graph.conv(x, conv) if i else graph.unshuffled_conv(x, conv))
            stats += graph.mean_std(x, correction=0)
        row = graph.op("Flatten", graph.op("Concat", *stats, axis=1))
        normed = graph.op("LayerNormalization", row, graph.const(self.norm.weight), graph.const(self.norm.bias))
        return graph.module(normed, self.head)


class CompactNet(nn.Module):
    """(N, 3, H, W) content in [0, 1] and a style code to (N, 3, H, W), about [0, 1] but not clamped."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c = WIDTHS
        self.down_half = nn.Conv2d(12, a, 3, padding=1, padding_mode="replicate")
        self.down_quarter = nn.Conv2d(a, b, 3, stride=2, padding=1, padding_mode="replicate")
        self.down_eighth = nn.Conv2d(b, c, 3, stride=2, padding=1, padding_mode="replicate")
        self.blocks = nn.ModuleList(Block(c) for _ in range(BLOCKS))
        self.narrow_quarter = nn.Conv2d(c, b, 1)
        self.up_quarter = nn.Conv2d(b, b, 3, padding=1)
        self.refine_quarter = nn.Conv2d(b, b, 3, padding=1)
        self.narrow_half = nn.Conv2d(b, a, 1)
        self.up_half = nn.Conv2d(a, a, 3, padding=1)
        self.out = nn.Conv2d(a, 12, 5, padding=2)
        self.style = StyleEncoder()
        self.sizes = [2 * c] * (1 + BLOCKS) + [2 * b, 2 * b, 2 * b, 2 * a]
        self.to_affine = nn.Linear(CODE_SIZE, sum(self.sizes))
        _icnr(self.out)

    def encode_style(self, style: Tensor) -> Tensor:
        """Turn (N, 3, H, W) in [0, 1], each side at least 16, into a code (N, CODE_SIZE)."""
        code: Tensor = self.style(style)
        return code

    def forward(self, content: Tensor, code: Tensor) -> Tensor:
        height, width = content.shape[-2:]
        x = _extend(2 * content - 1)
        enter, *inner, affine_skip, affine_quarter, affine_refine, affine_half = self.to_affine(code).split(
            self.sizes, dim=1
        )
        x = torch.relu_(self.down_half(F.pixel_unshuffle(x, 2)))
        skip = torch.relu_(self.down_quarter(x))
        x = torch.relu_(conditional_norm(self.down_eighth(skip), enter))
        for block, affine in zip(self.blocks, inner, strict=True):
            x = block(x, affine)
        x = F.interpolate(self.narrow_quarter(x), scale_factor=2, mode="nearest")
        x = x + conditional_norm(skip, affine_skip)
        x = torch.relu_(conditional_norm(self.up_quarter(x), affine_quarter))
        x = x + torch.relu_(conditional_norm(self.refine_quarter(x), affine_refine))
        x = F.interpolate(self.narrow_half(x), scale_factor=2, mode="nearest")
        x = torch.relu_(conditional_norm(self.up_half(x), affine_half))
        image = F.pixel_shuffle(self.out(x), 2)
        image = image[..., MARGIN : MARGIN + height, MARGIN : MARGIN + width]
        return image * 0.5 + 0.5

    def graph(self, graph: Graph, content: str, code: str) -> str:
        """Add the same to a graph."""
        affines = graph.split(graph.linear(code, self.to_affine), self.sizes)
        enter, *inner, affine_skip, affine_quarter, affine_refine, affine_half = affines
        x = graph.add(graph.mul(content, graph.const(2.0)), graph.const(-1.0))
        x = graph.relu(graph.unshuffled_conv(_extend_graph(graph, x), self.down_half))
        skip = graph.relu(graph.conv(x, self.down_quarter))
        x = graph.relu(norm_graph(graph, graph.conv(skip, self.down_eighth), enter))
        for block, affine in zip(self.blocks, inner, strict=True):
            assert isinstance(block, Block)
            x = block.graph(graph, x, affine)
        x = graph.enlarge(graph.conv(x, self.narrow_quarter), "nearest")
        x = graph.add(x, norm_graph(graph, skip, affine_skip))
        x = graph.relu(norm_graph(graph, graph.conv(x, self.up_quarter), affine_quarter))
        refined = graph.relu(norm_graph(graph, graph.conv(x, self.refine_quarter), affine_refine))
        x = graph.enlarge(graph.conv(graph.add(x, refined), self.narrow_half), "nearest")
        x = graph.relu(norm_graph(graph, graph.conv(x, self.up_half), affine_half))
        image = graph.to_space(graph.conv(x, self.out))
        image = graph.crop(image, graph.const([MARGIN, MARGIN]), graph.size(content))
        return graph.add(graph.mul(image, graph.const(0.5)), graph.const(0.5))


def norm_graph(graph: Graph, x: str, affine: str) -> str:
    """Add `conditional_norm` to a graph, for the one code of a batch."""
    scale, shift = graph.ops("Split", graph.flat(affine), num_outputs=2, outputs=2, axis=0)
    return graph.normalize(x, graph.add(scale, graph.const(1.0)), shift)


def _extend_graph(graph: Graph, x: str) -> str:
    """Add `_extend` to a graph: both its ways, of which the one that a size does not take adds nothing."""
    size = graph.size(x)
    margins = graph.add(size, graph.const([2 * MARGIN, 2 * MARGIN]))
    rest = graph.op("Mod", graph.op("Neg", margins), graph.const([STRIDE, STRIDE]))
    end = graph.add(rest, graph.const([MARGIN, MARGIN]))
    begin = graph.const([0, 0, MARGIN, MARGIN, 0, 0])
    pads = graph.op("Concat", begin, end, axis=0)
    edge = graph.mul(pads, graph.at_most(graph.op("ReduceMin", size, keepdims=1), MARGIN + STRIDE))
    return graph.op("Pad", graph.op("Pad", x, edge, mode="edge"), graph.op("Sub", pads, edge), mode="reflect")


def _extend(x: Tensor) -> Tensor:
    """Mirror (N, C, H, W) outwards by MARGIN, and right and down to a multiple of STRIDE."""
    height, width = x.shape[-2:]
    right = MARGIN + -(width + 2 * MARGIN) % STRIDE
    down = MARGIN + -(height + 2 * MARGIN) % STRIDE
    # A mirror cannot reach further than the image; tiny images repeat their edge.
    mode = "reflect" if min(height, width) > MARGIN + STRIDE else "replicate"
    return F.pad(x, (MARGIN, right, MARGIN, down), mode=mode)


def _pooled(x: Tensor) -> list[Tensor]:
    return [value.flatten(1) for value in mean_std(x, correction=0)]


def _icnr(conv: nn.Conv2d) -> None:
    """Start the four sub-pixels of depth-to-space equal, so that training begins without a checkerboard."""
    with torch.no_grad():
        weight = conv.weight[::4].repeat_interleave(4, dim=0) * 0.5
        conv.weight.copy_(weight)
        if conv.bias is not None:
            conv.bias.zero_()
