"""VGG19's convolutions as a feature extractor (Simonyan and Zisserman 2015, configuration E, ImageNet weights)."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from stylize.errors import WeightsError

# torchvision's numbering: the index of each ReLU in `vgg19().features`.
RELU = {
    "relu1_1": 1, "relu1_2": 3, "relu2_1": 6, "relu2_2": 8,
    "relu3_1": 11, "relu3_2": 13, "relu3_3": 15, "relu3_4": 17,
    "relu4_1": 20, "relu4_2": 22, "relu4_3": 24, "relu4_4": 26,
    "relu5_1": 29, "relu5_2": 31, "relu5_3": 33, "relu5_4": 35,
}  # fmt: skip
_WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class VGG19Features(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] to the named ReLU outputs; frozen."""

    mean: Tensor
    std: Tensor

    def __init__(self, layers: Sequence[str]) -> None:
        super().__init__()
        unknown = [name for name in layers if name not in RELU]
        if unknown:
            raise ValueError(f"unknown VGG19 layer {unknown[0]!r}; known: {', '.join(RELU)}")
        self.layers = tuple(layers)
        self.last = max(RELU[name] for name in layers)
        self.features = _convolutions(self.last)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        wanted = {RELU[name]: name for name in self.layers}
        found: dict[str, Tensor] = {}
        x = (image - self.mean) / self.std
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in wanted:
                found[wanted[index]] = x
        return found


def _convolutions(last: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 3
    for width in _WIDTHS:
        if width == 0:
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers[: last + 1])


def load_vgg19(layers: Sequence[str], path: Path | None = None) -> VGG19Features:
    """VGG19 with ImageNet weights, from `path` or torchvision's cache (which downloads on first use).

    `path`: a safetensors file or a state dict with torchvision's keys (`features.N.weight`).
    Raises WeightsError, naming the file and what was expected.
    """
    state = _read(path) if path is not None else _torchvision_state()
    net = VGG19Features(layers)
    wanted = net.state_dict()
    try:
        net.load_state_dict({key: state[key].float() for key in wanted})
    except (KeyError, RuntimeError) as error:
        raise WeightsError(
            f"{path}: not VGG19 features ({error}); expected torchvision's keys features.0.weight, features.0.bias, ..."
        ) from error
    return net


def _read(path: Path) -> Mapping[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file") from None
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, ValueError, EOFError, OSError) as error:
        line = str(error).strip().splitlines()[0]
        raise WeightsError(f"{path}: cannot be read as VGG19 weights ({line})") from error
    if not isinstance(loaded, dict):
        raise WeightsError(f"{path}: holds {type(loaded).__name__}, expected a state dict")
    return loaded


def _torchvision_state() -> Mapping[str, Tensor]:
    from torchvision.models import VGG19_Weights

    try:
        state: Mapping[str, Tensor] = VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=False)
    except OSError as error:
        raise WeightsError(
            f"VGG19 weights are neither in torchvision's cache nor to be downloaded ({error}); "
            "give a file with --vgg PATH"
        ) from error
    return state
