"""The two kinds of network that are trained, seen alike by the loop: (content, style) in, picture out."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor, nn

from stylize import weights as files
from stylize.stylizers._compact_net import CompactNet
from stylize.stylizers.johnson import TransformerNet, plain_name
from stylize.training.config import JohnsonConfig, TrainConfig


class TrainableModel(nn.Module, ABC):
    """A network in training. (N, 3, H, W) content and style in [0, 1] to (N, 3, H, W), about [0, 1].

    There are N styles, or a number that N is a multiple of: each is for as many contents, one after another.
    """

    format: str
    expected: str
    net: nn.Module

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Return the weights as they are saved."""

    def start_from(self, path: Path) -> str:
        """Take weights from a file; return its SHA-256. Raises WeightsError."""
        state = files.read(path, self.expected)
        files.fill(self.net, state, self.expected, self.own_name)
        return state.sha256

    def own_name(self, name: str) -> str | None:
        """Return the network's own name of a saved weight, None for what nothing uses."""
        return name


class AnyStyle(TrainableModel):
    """The bundled network: the style is a picture."""

    format = "stylize-compact-2"
    expected = "weights of the compact network, as jobs.train makes them"
    net: CompactNet

    def __init__(self) -> None:
        super().__init__()
        self.net = CompactNet()

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        codes = self.net.encode_style(style).repeat_interleave(len(content) // len(style), dim=0)
        image: Tensor = self.net(content, codes)
        return image

    def tensors(self) -> dict[str, Tensor]:
        """Return them in fp16: half the size, and the average is rounded once."""
        return {name: value.half() for name, value in self.net.state_dict().items()}


class OneStyle(TrainableModel):
    """A network of the PyTorch examples' layout: the style is in its weights."""

    format = "stylize-johnson-1"
    expected = "a state dict of the PyTorch examples' TransformerNet"
    net: TransformerNet

    def __init__(self) -> None:
        super().__init__()
        self.net = TransformerNet()
        last = self.net.get_submodule("deconv3")
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        with torch.no_grad():
            # It paints in [0, 255]; begun there, it need not spend its first steps on finding grey.
            last.weight.mul_(10)
            last.bias.fill_(127)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        # Sides come out as multiples of its stride, which parts of a photo are not.
        image: Tensor = self.net(content * 255)[..., : content.shape[-2], : content.shape[-1]]
        return image / 255

    def tensors(self) -> dict[str, Tensor]:
        """Return them by the names of the PyTorch examples, so that other programs can load them."""
        return {re.sub(r"(conv\d)\.", r"\1.conv2d.", name): value for name, value in self.net.state_dict().items()}

    def own_name(self, name: str) -> str | None:
        """Return the name without the wrapper around each convolution, and old running statistics."""
        return plain_name(name)


def trainable_model(config: TrainConfig) -> TrainableModel:
    """Return the untrained network that a configuration asks for."""
    return OneStyle() if isinstance(config, JohnsonConfig) else AnyStyle()
