"""The methods as their publications structure them, plain and slow: what ours must agree with.

Names of parts are those of the published state dicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mean_std(features: Tensor) -> tuple[Tensor, Tensor]:
    """Turn (N, C, H, W) into two (N, C, 1, 1), as `calc_mean_std` of both pytorch-AdaIN and MicroAST."""
    count, channels = features.shape[:2]
    flat = features.view(count, channels, -1)
    std = (flat.var(dim=2) + 1e-5).sqrt()
    return flat.mean(dim=2).view(count, channels, 1, 1), std.view(count, channels, 1, 1)


def adain(content: Tensor, style: Tensor) -> Tensor:
    """Return the content's features with the style's statistics."""
    mean, std = mean_std(content)
    style_mean, style_std = mean_std(style)
    return (content - mean) / std * style_std + style_mean


# MicroAST (Wang et al. 2023)


class _MicroConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.reflection_pad = nn.ReflectionPad2d(size // 2)
        self.conv_layer = nn.Conv2d(inputs, outputs, size, stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv_layer(self.reflection_pad(x))
        return y


class _MicroResidual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = _MicroConv(64, 64, 3), _MicroConv(64, 64, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.conv2(F.relu(self.conv1(x)))
        return y

    def modulated(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        inner = F.relu(weight * self.conv1(x) + bias * x)
        y: Tensor = x + weight * self.conv2(inner) + bias * inner
        return y


class MicroEncoder(nn.Module):
    """(N, 3, H, W) to shallow and deep features."""

    def __init__(self) -> None:
        super().__init__()
        self.enc1 = nn.Sequential(
            _MicroConv(3, 16, 9), nn.ReLU(),
            _MicroConv(16, 32, 3, 2, 16), nn.ReLU(), _MicroConv(32, 32, 1), nn.ReLU(),
            _MicroConv(32, 64, 3, 2, 32), nn.ReLU(), _MicroConv(64, 64, 1), nn.ReLU(),
            _MicroResidual(),
        )  # fmt: skip
        self.enc2 = nn.Sequential(_MicroResidual())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shallow = self.enc1(x)
        return shallow, self.enc2(shallow)


class MicroModulator(nn.Module):
    """A layer's filter weight and bias from the style's features there."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("weight1", "bias1", "weight2", "bias2"):
            setattr(self, name, nn.Sequential(_MicroConv(64, 64, 3, 1, 64), nn.AdaptiveAvgPool2d((1, 1))))


class MicroDecoder(nn.Module):
    """Deep features to an image."""

    def __init__(self) -> None:
        super().__init__()
        self.dec1, self.dec2 = _MicroResidual(), _MicroResidual()
        self.dec3 = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear"),
            _MicroConv(64, 32, 3, 1, 32), nn.ReLU(), _MicroConv(32, 32, 1), nn.ReLU(),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            _MicroConv(32, 16, 3, 1, 16), nn.ReLU(), _MicroConv(16, 16, 1), nn.ReLU(),
            _MicroConv(16, 3, 9),
        )  # fmt: skip


class MicroAST(nn.Module):
    """Content and style, (1, 3, H, W) in [0, 1], to an image. Its four parts are saved in a file each."""

    def __init__(self) -> None:
        super().__init__()
        self.content_encoder, self.style_encoder = MicroEncoder(), MicroEncoder()
        self.modulator, self.decoder = MicroModulator(), MicroDecoder()

    def encode(self, style: Tensor) -> tuple[Tensor, ...]:
        """Return what is kept of a style: for each of two layers mean, deviation, filter weight and bias."""
        shallow, deep = self.style_encoder(style)
        m: Any = self.modulator
        return (
            *mean_std(deep), m.weight2(deep), m.bias2(deep),
            *mean_std(shallow), m.weight1(shallow), m.bias1(shallow),
        )  # fmt: skip

    def restyle(self, content: Tensor, code: tuple[Tensor, ...], alpha: float = 1.0) -> Tensor:
        """Return the content, (1, 3, H, W) in [0, 1], in a style's code."""
        _, x = self.content_encoder(content)
        for layer, (mean, std, weight, bias) in ((self.decoder.dec1, code[:4]), (self.decoder.dec2, code[4:])):
            own_mean, own_std = mean_std(x)
            x = alpha * ((x - own_mean) / own_std * std + mean) + (1 - alpha) * x
            x = layer.modulated(x, weight, bias)
        image: Tensor = self.decoder.dec3(x)
        return image

    def forward(self, content: Tensor, style: Tensor, alpha: float) -> Tensor:
        return self.restyle(content, self.encode(style), alpha)


# The PyTorch examples' fast_neural_style (Johnson et al. 2016)


class _JohnsonConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, upsample: bool = False) -> None:
        super().__init__()
        self.upsample = upsample
        self.reflection_pad = nn.ReflectionPad2d(size // 2)
        self.conv2d = nn.Conv2d(inputs, outputs, size, stride)

    def forward(self, x: Tensor) -> Tensor:
        if self.upsample:
            x = F.interpolate(x, mode="nearest", scale_factor=2)
        y: Tensor = self.conv2d(self.reflection_pad(x))
        return y


class _JohnsonResidual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.in1 = _JohnsonConv(128, 128, 3), nn.InstanceNorm2d(128, affine=True)
        self.conv2, self.in2 = _JohnsonConv(128, 128, 3), nn.InstanceNorm2d(128, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.in2(self.conv2(F.relu(self.in1(self.conv1(x))))) + x
        return y


class TransformerNet(nn.Module):
    """(N, 3, H, W) in [0, 255] to the same range."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.in1 = _JohnsonConv(3, 32, 9), nn.InstanceNorm2d(32, affine=True)
        self.conv2, self.in2 = _JohnsonConv(32, 64, 3, 2), nn.InstanceNorm2d(64, affine=True)
        self.conv3, self.in3 = _JohnsonConv(64, 128, 3, 2), nn.InstanceNorm2d(128, affine=True)
        self.res1, self.res2, self.res3, self.res4, self.res5 = (_JohnsonResidual() for _ in range(5))
        self.deconv1, self.in4 = _JohnsonConv(128, 64, 3, upsample=True), nn.InstanceNorm2d(64, affine=True)
        self.deconv2, self.in5 = _JohnsonConv(64, 32, 3, upsample=True), nn.InstanceNorm2d(32, affine=True)
        self.deconv3 = _JohnsonConv(32, 3, 9)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.in1(self.conv1(x)))
        y = F.relu(self.in2(self.conv2(y)))
        y = F.relu(self.in3(self.conv3(y)))
        y = self.res5(self.res4(self.res3(self.res2(self.res1(y)))))
        y = F.relu(self.in4(self.deconv1(y)))
        y = F.relu(self.in5(self.deconv2(y)))
        image: Tensor = self.deconv3(y)
        return image


def transformer_net(seed: int) -> TransformerNet:
    """Return one with random weights whose results fill about [0, 255]."""
    torch.manual_seed(seed)
    net = TransformerNet().eval().requires_grad_(False)
    for module in net.modules():
        if isinstance(module, nn.InstanceNorm2d):
            nn.init.normal_(module.weight, 1, 0.3)
            nn.init.normal_(module.bias, 0, 0.3)
    net.deconv3.conv2d.weight.mul_(30)
    nn.init.constant_(net.deconv3.conv2d.bias, 128)  # type: ignore[arg-type]
    return net


# pytorch-AdaIN (Huang and Belongie 2017)

RELU4_1 = 31
"""How many of the encoder's modules are used."""


def adain_encoder() -> nn.Sequential:
    """Return the 53 modules of `vgg_normalised.pth`, random."""
    layers: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
    channels = 3
    for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512):
        if width:
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(channels, width, 3), nn.ReLU()]
            channels = width
        else:
            layers.append(nn.MaxPool2d((2, 2), (2, 2), (0, 0), ceil_mode=True))
    return _random(nn.Sequential(*layers))


def adain_decoder() -> nn.Sequential:
    """Return the modules of `decoder.pth`, random; results lie about in the middle of [0, 1]."""
    layers: list[nn.Module] = []
    wide = [(512, 256), None, (256, 256), (256, 256), (256, 256), (256, 128), None, (128, 128), (128, 64), None]
    for widths in [*wide, (64, 64)]:
        if widths:
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(*widths, 3), nn.ReLU()]
        else:
            layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
    last = nn.Conv2d(64, 3, 3)
    net = _random(nn.Sequential(*layers, nn.ReflectionPad2d(1), last))
    last.weight.mul_(0.15)
    nn.init.constant_(last.bias, 0.5) if last.bias is not None else None
    return net


def _random(net: nn.Sequential) -> nn.Sequential:
    for module in net:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            nn.init.normal_(module.bias, 0, 0.05) if module.bias is not None else None
    return net.eval().requires_grad_(False)


def adain_transfer(
    encoder: nn.Sequential,
    decoder: nn.Sequential,
    content: Tensor,
    styles: Sequence[Tensor],
    alpha: float = 1.0,
    weights: Sequence[float] = (1.0,),
) -> Tensor:
    """Do as `style_transfer` of the port: (3, H, W) in [0, 1] to (3, H', W'); weights sum to 1."""
    features = encoder[:RELU4_1](content[None])
    mixed = torch.zeros_like(features)
    for style, weight in zip(styles, weights, strict=True):
        mixed += weight * adain(features, encoder[:RELU4_1](style[None]))
    image: Tensor = decoder(mixed * alpha + features * (1 - alpha))[0]
    return image


def coral(source: Tensor, target: Tensor) -> Tensor:
    """Do as `coral` of the port: (3, H, W) twice, of one size, to the source with the target's colours."""
    flat, _, _, root = _colours(source)
    _, mean, std, goal = _colours(target)
    moved: Tensor = goal @ (torch.linalg.inv(root) @ flat) * std + mean
    return moved.view_as(source)


def _colours(image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    flat = image.reshape(3, -1)
    mean, std = flat.mean(1, keepdim=True), flat.std(1, keepdim=True)
    flat = (flat - mean) / std
    u, d, vh = torch.linalg.svd(flat @ flat.T + torch.eye(3))
    return flat, mean, std, u @ torch.diag(d.sqrt()) @ vh
