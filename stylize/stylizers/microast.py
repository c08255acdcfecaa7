"""`microast`: micro encoders and a micro decoder with dual modulation (Wang et al. 2023, "MicroAST")."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from stylize import weights as files
from stylize.machine.one_thread import on_this_thread_alone
from stylize.stylizers import _arbitrary, _feedforward, base
from stylize.stylizers._folded import Conv9, Pointwise, UpConv
from stylize.stylizers._layers import adain, at_least, conv, mean_std

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stylize.stylizers._runtimes.onnx_graph import Graph

WIDTH = 64
FILES = {
    "content_encoder": "content_encoder_iter_160000.pth.tar",
    "style_encoder": "style_encoder_iter_160000.pth.tar",
    "modulator": "modulator_iter_160000.pth.tar",
    "decoder": "decoder_iter_160000.pth.tar",
}
"""The published names."""


class Code(NamedTuple):
    """A style: for the deep and the shallow layer mean and deviation, filter gain and filter bias, (1, 64, 1, 1)."""

    deep: tuple[Tensor, Tensor, Tensor, Tensor]
    shallow: tuple[Tensor, Tensor, Tensor, Tensor]


class Settings(_arbitrary.Settings, _feedforward.FoldedSettings):
    """blend: what `alpha` lies between."""

    blend: Literal["codes", "features"] = Field(
        "codes", description="what alpha mixes; features: as the published program, whose weights were not made for it"
    )


class Residual(nn.Module):
    """Two 3x3 convolutions added to their input; with filter modulation when given a gain and a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv(WIDTH, WIDTH, 3)
        self.conv2 = conv(WIDTH, WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.conv2(torch.relu_(self.conv1(x)))
        return y

    def modulated(self, x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        """Convolve with filters scaled by `gain`, and add the input scaled by `bias`."""
        gain, bias = gain.to(x.dtype), bias.to(x.dtype)
        inner = torch.relu_(torch.addcmul(bias * x, gain, self.conv1(x)))
        return torch.addcmul(torch.addcmul(x, bias, inner), gain, self.conv2(inner))

    def graph(self, graph: Graph, x: str, gain: str = "", bias: str = "") -> str:
        """Add `forward` to a graph, or `modulated` where gain and bias are given."""

        def modulated(x: str, filtered: str) -> str:
            return graph.add(graph.mul(filtered, gain), graph.mul(x, bias)) if gain else filtered

        inner = graph.relu(modulated(x, graph.conv(x, self.conv1)))
        return graph.add(x, modulated(inner, graph.conv(inner, self.conv2)))


class Encoder(nn.Module):
    """Turns (N, 3, H, W) into two (N, 64, H/4, W/4): shallow and deep."""

    def __init__(self) -> None:
        super().__init__()
        self.enc1 = nn.Sequential(
            conv(3, 16, 9), nn.ReLU(inplace=True),
            conv(16, 32, 3, stride=2, groups=16), nn.ReLU(inplace=True),
            conv(32, 32, 1), nn.ReLU(inplace=True),
            conv(32, WIDTH, 3, stride=2, groups=32), nn.ReLU(inplace=True),
            conv(WIDTH, WIDTH, 1), nn.ReLU(inplace=True),
            Residual(),
        )  # fmt: skip
        self.enc2 = nn.Sequential(Residual())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shallow = self.enc1(x)
        return shallow, self.enc2(shallow)


class Modulator(nn.Module):
    """The style's features to each layer's filter gain and bias."""

    def __init__(self) -> None:
        super().__init__()
        self.weight1, self.bias1, self.weight2, self.bias2 = (
            nn.Sequential(conv(WIDTH, WIDTH, 3, groups=WIDTH), nn.AdaptiveAvgPool2d(1)) for _ in range(4)
        )

    def forward(self, shallow: Tensor, deep: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        return (self.weight1(shallow), self.bias1(shallow)), (self.weight2(deep), self.bias2(deep))


class Decoder(nn.Module):
    """The content's deep features (N, 64, H/4, W/4) and a code to (N, 3, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.dec1 = Residual()
        self.dec2 = Residual()
        self.dec3: nn.Module = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear"),
            conv(WIDTH, 32, 3, groups=32), nn.ReLU(inplace=True),
            conv(32, 32, 1), nn.ReLU(inplace=True),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            conv(32, 16, 3, groups=16), nn.ReLU(inplace=True),
            conv(16, 16, 1), nn.ReLU(inplace=True),
            conv(16, 3, 9),
        )  # fmt: skip

    def forward(self, x: Tensor, code: Code, alpha: float | Tensor) -> Tensor:
        dtype = x.dtype
        # Its output's mean is far from 0, so the next normalisation would enlarge the rounding of half precision.
        x = x.to(self.dec1.conv1.weight.dtype)
        for layer, (mean, std, gain, bias) in ((self.dec1, code.deep), (self.dec2, code.shallow)):
            x = layer.modulated(adain(x, mean, std, alpha), gain, bias)
            x = x.to(dtype)
        image: Tensor = self.dec3(x)
        return image

    def graph(self, graph: Graph, x: str, code: Sequence[str]) -> str:
        """Add the same to a graph; code: eight values of (64, ), as in `Code`."""
        for layer, (mean, std, gain, bias) in ((self.dec1, code[:4]), (self.dec2, code[4:])):
            std = graph.mul(std, graph.op("Sqrt", graph.unbiased(x)))
            channels = (graph.op("Reshape", value, graph.const([1, -1, 1, 1])) for value in (gain, bias))
            x = layer.graph(graph, graph.normalize(graph.centred(x), std, mean), *channels)
        assert isinstance(self.dec3, nn.Sequential)
        return graph.conv9(graph.module(x, self.dec3[:-1]), self.dec3[-1])


class FoldedTail(nn.Module):
    """The decoder's last part on phases: the same result with no convolution at full size."""

    @on_this_thread_alone()
    def __init__(self, plain: nn.Module) -> None:
        super().__init__()
        assert isinstance(plain, nn.Sequential)
        _, conv1, _, point1, _, _, conv2, _, point2, _, last = plain
        self.up1, self.point1 = UpConv(conv1, "bilinear"), Pointwise(point1)
        self.up2, self.point2 = UpConv(conv2, "bilinear"), Pointwise(point2)
        self.last = Conv9(last)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pixel_shuffle(torch.relu_(self.point1(torch.relu_(self.up1(x)))), 2)
        return F.pixel_shuffle(self.last(torch.relu_(self.point2(torch.relu_(self.up2(x))))), 2)


class Restyler(nn.Module):
    """The part that runs once per image: content encoder and decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.content_encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, content: Tensor, code: Code, alpha: float | Tensor) -> Tensor:
        image: Tensor = self.decoder(self.content_encoder(content)[1], code, alpha)
        return image

    def graph(self, graph: Graph, content: str, code: str) -> str:
        """Add the same to a graph; code: (1, 512), a `Code`'s values in a row."""
        x = graph.module(content, self.content_encoder.enc1)
        parts = graph.split(graph.flat(code), [WIDTH] * 8, axis=0)
        return self.decoder.graph(graph, graph.module(x, self.content_encoder.enc2), parts)


class MicroAST(_arbitrary.ArbitraryStyle):
    """Arbitrary style in 0.5 million weights; brings the published checkpoints' look."""

    name = "microast"
    summary = "any style, one fast pass (Wang et al. 2023); --weights FOLDER with its four published files"
    needs = f"a folder with {', '.join(FILES.values())}"
    least_px = 8
    code_size = 8 * WIDTH
    bytes_per_pixel = 410.0
    exact_in_8_bits = ("content_encoder.", "decoder.dec1", "decoder.dec2")
    kinds_in_8_bits = ("Conv", "Pad", "Relu")
    half_in = ("torch",)  # OpenVINO's bf16 cannot leave a block in fp32: 0.976
    settings_type: ClassVar[type[base.Settings]] = Settings
    settings: Settings

    def load(self, weights: Path | str | None) -> None:
        """Load the four checkpoints of a folder."""
        with files.unfilled(weights != base.RANDOM):
            net, style_encoder, modulator = Restyler(), Encoder(), Modulator()
        parts = {
            "content_encoder": net.content_encoder,
            "style_encoder": style_encoder,
            "modulator": modulator,
            "decoder": net.decoder,
        }
        self.fill(weights, {FILES[name]: part for name, part in parts.items()}, _plain_name)
        self.style_encoder, self.modulator = self.in_fp32(style_encoder), self.in_fp32(modulator)
        if self.settings.folded and self.runtime == "torch":
            net.decoder.dec3 = FoldedTail(net.decoder.dec3)
        self.net = self.prepare(net, keep=[net.decoder.dec1])

    @classmethod
    def of_torch(cls, settings: Any) -> list[str]:
        """Return those of every feed-forward method, and `blend=features`, which no graph has."""
        return super().of_torch(settings) + ["blend=features"] * (getattr(settings, "blend", "") == "features")

    @property
    def blends_codes(self) -> bool:
        """Return whether `alpha` lies between codes; else between features, as the published program has it."""
        return bool(self.settings.blend == "codes")

    def encode(self, style: Tensor) -> Code:
        """Turn (3, H, W) in [0, 1] into a code of eight (1, 64, 1, 1) tensors in fp32."""
        shallow, deep = self.style_encoder(at_least(style, self.least_px)[None])
        for_shallow, for_deep = self.modulator(shallow, deep)
        return Code((*mean_std(deep), *for_deep), (*mean_std(shallow), *for_shallow))

    def encoder_graph(self, graph: Graph, style: str) -> str:
        """Add `encode` to a graph."""
        shallow = graph.module(graph.at_least(style, self.least_px), self.style_encoder.enc1)
        deep = graph.module(shallow, self.style_encoder.enc2)
        of_deep = [graph.module(deep, part) for part in (self.modulator.weight2, self.modulator.bias2)]
        of_shallow = [graph.module(shallow, part) for part in (self.modulator.weight1, self.modulator.bias1)]
        return graph.op("Concat", *graph.mean_std(deep), *of_deep, *graph.mean_std(shallow), *of_shallow, axis=1)

    def forward(self, contents: Tensor, code: Code) -> Tensor:
        """Turn (N, 3, H, W) in [0, 1] into (N, 3, H', W') of multiples of 4."""
        alpha = 1.0 if self.blends_codes else self.alpha_for(contents)
        image: Tensor = self.net(contents, code, alpha)
        return image


def _plain_name(name: str) -> str:
    return name.replace(".conv_layer.", ".")


STYLIZER = MicroAST
