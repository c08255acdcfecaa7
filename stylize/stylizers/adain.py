"""`adain`: adaptive instance normalisation (Huang and Belongie 2017, sections 5 and 6.1).

Encoder and decoder in the layout of the PyTorch port pytorch-AdaIN: `vgg_normalised.pth` (its 1x1 convolution takes RGB
in [0, 1]) up to relu4_1, and `decoder.pth`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from stylize import weights as files
from stylize.stylizers import _arbitrary, base
from stylize.stylizers._layers import adain, at_least, conv, mean_std

if TYPE_CHECKING:
    from stylize.stylizers._runtimes.onnx_graph import Graph

ENCODER, DECODER = "vgg_normalised.pth", "decoder.pth"
DEPTH = 512
_WIDTHS = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, 256, "pool", DEPTH)
_DECODER = (
    (512, 256),
    "up",
    (256, 256),
    (256, 256),
    (256, 256),
    (256, 128),
    "up",
    (128, 128),
    (128, 64),
    "up",
    (64, 64),
)


def encoder() -> nn.Sequential:
    """Turn (N, 3, H, W) in [0, 1] into relu4_1, (N, 512, H/8, W/8) rounded up, numbered as the published state dict."""
    layers: list[nn.Module] = [conv(3, 3, 1)]
    channels = 3
    for width in _WIDTHS:
        if isinstance(width, str):
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        else:
            # The published padding layer has a number of its own; here the convolution pads.
            layers += [nn.Identity(), conv(channels, width, 3), nn.ReLU(inplace=True)]
            channels = width
    return nn.Sequential(*layers)


def decoder() -> nn.Sequential:
    """Return the network from relu4_1 (N, 512, H, W) to (N, 3, 8 H, 8 W), numbered as the published state dict."""
    layers: list[nn.Module] = []
    for step in _DECODER:
        if isinstance(step, str):
            layers.append(nn.UpsamplingNearest2d(scale_factor=2))
        else:
            layers += [nn.Identity(), conv(*step, 3), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Identity(), conv(64, 3, 3))


class Restyler(nn.Module):
    """The part that runs once per image: content encoder, AdaIN and decoder."""

    def __init__(self, encoder: nn.Sequential, decoder: nn.Sequential) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, content: Tensor, mean: Tensor, std: Tensor, alpha: float | Tensor) -> Tensor:
        image: Tensor = self.decoder(adain(self.encoder(content), mean, std, alpha))
        return image

    def graph(self, graph: Graph, content: str, code: str) -> str:
        """Add the same to a graph; code: (1, 1025), mean, deviation and alpha."""
        x = graph.module(content, self.encoder)
        mean, std, alpha = graph.split(graph.flat(code), [DEPTH, DEPTH, 1], axis=0)
        result = graph.normalize(x, graph.mul(std, graph.op("Sqrt", graph.unbiased(x))), mean)
        return graph.module(graph.add(x, graph.mul(graph.op("Sub", result, x), alpha)), self.decoder)


class Settings(_arbitrary.Settings):
    """alpha as in the paper."""

    alpha: float = Field(1.0, ge=0, le=1, description="how much style: 1 all, 0 the photo as the decoder gives it back")


class AdaIN(_arbitrary.ArbitraryStyle):
    """Arbitrary style by matching channel statistics of VGG19's relu4_1."""

    name = "adain"
    summary = "any style, one pass (Huang and Belongie 2017); --weights FOLDER with the PyTorch port's two files"
    needs = f"a folder with {ENCODER} and {DECODER}"
    backbone = "vgg19"
    code_size = 2 * DEPTH + 1
    bytes_per_pixel = 670.0
    least_px = 16
    settings_type: ClassVar[type[base.Settings]] = Settings

    @property
    def blends_codes(self) -> bool:
        """Return False: `alpha` is of features (section 7.3, equation 14), so 0 is the photo as the decoder has it."""
        return False

    def load(self, weights: Path | str | None) -> None:
        """Load the two files of a folder."""
        with files.unfilled(weights != base.RANDOM):
            net = Restyler(encoder(), decoder())
        used = set(net.encoder.state_dict()) | set(net.decoder.state_dict())
        # The published encoder goes on to relu5_4, which nothing uses.
        self.fill(weights, {ENCODER: net.encoder, DECODER: net.decoder}, lambda name: name if name in used else None)
        self.style_encoder = self.in_fp32(net.encoder)
        self.net = self.prepare(net)

    def encode(self, style: Tensor) -> tuple[Tensor, Tensor]:
        """Turn (3, H, W) in [0, 1] into the mean and deviation of relu4_1, (1, 512, 1, 1) each."""
        return mean_std(self.style_encoder(self.to_batch(at_least(style, self.least_px), torch.float32)))

    def flat(self, code: tuple[Tensor, Tensor]) -> Tensor:
        """Return mean, deviation and alpha in a row, as the graph takes them."""
        return F.pad(super().flat(code), (0, 1), value=self.settings.alpha)

    def encoder_graph(self, graph: Graph, style: str) -> str:
        """Add `encode` to a graph."""
        stats = graph.mean_std(graph.module(graph.at_least(style, self.least_px), self.style_encoder))
        alpha = graph.const(np.full((1, 1, 1, 1), self.settings.alpha))
        return graph.op("Concat", *stats, alpha, axis=1)

    def forward(self, contents: Tensor, code: tuple[Tensor, Tensor]) -> Tensor:
        """Turn (N, 3, H, W) in [0, 1] into (N, 3, H', W') of multiples of 8."""
        image: Tensor = self.net(contents, *code, self.alpha_for(contents))
        return image


STYLIZER = AdaIN
