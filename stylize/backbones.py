"""Classification networks as feature extractors: torchvision's ImageNet weights, cut after the layers asked for.

VGG (Simonyan and Zisserman 2015), MobileNet (Sandler et al. 2018; Howard et al. 2019), ResNet (He et al. 2016),
SqueezeNet (Iandola et al. 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from stylize import downloads
from stylize import weights as files
from stylize.errors import UsageError, unknown

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
_VGG = {
    "vgg16": ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)),
    "vgg19": ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4),
}
_CAFFE_VGG19 = (4.581, 5.076, 4.068)
"""Norms of conv1_1's weights for red, green and blue in Caffe's VGG19, which takes values of 0 to 255."""
_CAFFE_VGG16 = (0.42947, 0.37347, -0.06136, 0.27477, 0.03868, -0.36722, -0.05747, -0.26225, -0.35010)
"""conv1_1's first kernel for blue in Caffe's VGG16."""
Pooling = Literal["max", "average"]
Built = tuple[nn.Module, list[tuple[str, nn.Module]]]
"""A network with torchvision's names, and its layers in order, by the names they go by here."""


@dataclass(frozen=True)
class Backbone:
    """How to build one, and which layers say what is in a picture and how it is painted."""

    weights: str
    """What `torchvision.models.get_weight` calls its weights."""
    file: str
    """What torchvision's cache calls them: known without torchvision, whose import takes longer than torch's."""
    content: tuple[str, ...]
    style: tuple[str, ...]
    build: Callable[[], Built]


def _vgg(name: str) -> Built:
    # torchvision would make the classifier, too: half a gigabyte that nothing uses.
    steps: list[tuple[str, nn.Module]] = []
    channels = 3
    for block, widths in enumerate(_VGG[name], start=1):
        for i, width in enumerate(widths, start=1):
            steps.append((f"conv{block}_{i}", nn.Conv2d(channels, width, 3, padding=1)))
            steps.append((f"relu{block}_{i}", nn.ReLU(inplace=True)))
            channels = width
        steps.append((f"pool{block}", nn.MaxPool2d(2)))
    trunk = nn.Module()
    trunk.features = nn.Sequential(*(module for _, module in steps))
    return trunk, steps


def _sequential(name: str) -> Built:
    import torchvision.models

    trunk = nn.Module()
    features: nn.Sequential = getattr(torchvision.models, name)(weights=None).features
    trunk.features = features
    return trunk, [(f"features.{i}", module) for i, module in enumerate(features)]


def _resnet(name: str) -> Built:
    import torchvision.models

    trunk = getattr(torchvision.models, name)(weights=None)
    del trunk.fc, trunk.avgpool
    steps = [(part, getattr(trunk, part)) for part in ("conv1", "bn1", "relu", "maxpool")]
    for layer in ("layer1", "layer2", "layer3", "layer4"):
        steps += [(f"{layer}.{i}", block) for i, block in enumerate(getattr(trunk, layer))]
    return trunk, steps


_RELUS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
BACKBONES: dict[str, Backbone] = {
    "vgg19": Backbone("VGG19_Weights.IMAGENET1K_V1", "vgg19-dcbb9e9d.pth", ("relu4_2",), _RELUS, lambda: _vgg("vgg19")),
    "vgg16": Backbone("VGG16_Weights.IMAGENET1K_V1", "vgg16-397923af.pth", ("relu4_2",), _RELUS, lambda: _vgg("vgg16")),
    "mobilenet_v2": Backbone(
        "MobileNet_V2_Weights.IMAGENET1K_V1",
        "mobilenet_v2-b0353104.pth",
        ("features.6",),
        ("features.1", "features.3", "features.6", "features.10", "features.13"),
        lambda: _sequential("mobilenet_v2"),
    ),
    "mobilenet_v3": Backbone(
        "MobileNet_V3_Large_Weights.IMAGENET1K_V1",
        "mobilenet_v3_large-8738ca79.pth",
        ("features.6",),
        ("features.1", "features.3", "features.6", "features.10", "features.12"),
        lambda: _sequential("mobilenet_v3_large"),
    ),
    "resnet50": Backbone(
        "ResNet50_Weights.IMAGENET1K_V1",
        "resnet50-0676ba61.pth",
        ("layer2.3",),
        ("relu", "layer1.2", "layer2.3", "layer3.5"),
        lambda: _resnet("resnet50"),
    ),
    "squeezenet1_1": Backbone(
        "SqueezeNet1_1_Weights.IMAGENET1K_V1",
        "squeezenet1_1-b8a52dc0.pth",
        ("features.7",),
        ("features.1", "features.4", "features.7", "features.10", "features.12"),
        lambda: _sequential("squeezenet1_1"),
    ),
}


class Features(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] to a dict of the named layers' outputs; frozen. Layers after the last are left out."""

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, layers: Sequence[str], pooling: Pooling = "max") -> None:
        """Build it untrained. Raises UsageError for an unknown backbone or layer, naming the known ones."""
        super().__init__()
        if name not in BACKBONES:
            raise UsageError(unknown("backbone", name, BACKBONES))
        self.trunk, steps = BACKBONES[name].build()
        known = [step for step, _ in steps]
        for layer in layers:
            if layer not in known:
                raise UsageError(f"{name} has no layer {layer!r}; its layers: {', '.join(known)}")
        self.layers = tuple(layers)
        last = max(known.index(layer) for layer in layers)
        for _, unused in steps[last + 1 :]:
            _drop(self.trunk, unused)
        # Not registered a second time: the trunk owns them.
        self._steps = [(step, _pool(module, pooling)) for step, module in steps[: last + 1]]
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        outputs: dict[str, Tensor] = {}
        x = ((image - self.mean) / self.std).to(next(self.trunk.parameters()).dtype)
        for index, (name, module) in enumerate(self._steps):
            x = module(x)
            if name in self.layers:
                following = self._steps[index + 1][1] if index + 1 < len(self._steps) else None
                # An in-place ReLU would change what is kept here.
                outputs[name] = x.clone() if getattr(following, "inplace", False) else x
        return outputs


def load_backbone(
    name: str,
    layers: Sequence[str],
    weights: Path | None = None,
    pooling: Pooling = "max",
    option: str = "--weights",
) -> tuple[Features, files.State]:
    """Load a backbone with ImageNet weights from a file, or torchvision's cache or download; and that file.

    weights: safetensors or a state dict with torchvision's names; what lies behind the last layer may be missing.
    option: what gives such a file on the command line, for messages.
    Raises UsageError for an unknown name or layer, WeightsError naming the file and what was expected.
    """
    with files.unfilled():
        net = Features(name, layers, pooling)
    expected = f"torchvision's weights of {name}"
    state = files.read(weights, expected) if weights is not None else _from_torchvision(name, expected, option)
    own = net.trunk.state_dict()
    files.fill(net.trunk, state, expected, lambda key: key if key in own else None)
    if name in _VGG:
        _from_caffe(name, net.trunk.get_parameter("features.0.weight"))
    return net, state


def _from_caffe(name: str, weight: Tensor) -> None:
    """Turn conv1_1's weights of Caffe's VGG, as older tools use it, into those for the images that torchvision's takes.

    Its names and shapes are the same, but it was trained on blue, green, red of 0 to 255 without a division, and would
    give features of almost nothing but its biases. The means that both subtract are the same.
    """
    for ordered in (weight.flip(1), weight):
        if _is_caffes(name, ordered):
            weight.copy_(ordered * 255 * torch.tensor(STD).view(1, 3, 1, 1))
            return


def _is_caffes(name: str, weight: Tensor) -> bool:
    """Return whether conv1_1's weights, for red, green and blue, are those of Caffe's network."""
    if name == "vgg16":
        return torch.allclose(weight[0, 2].flatten(), torch.tensor(_CAFFE_VGG16), atol=0.005)
    norms = weight.square().sum(dim=(0, 2, 3)).sqrt()
    return torch.allclose(norms, torch.tensor(_CAFFE_VGG19), rtol=0.002)


def cache_folder() -> Path:
    """Return where torchvision downloads weights to."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def cached_file(name: str) -> Path:
    """Return where torchvision keeps a backbone's downloaded weights."""
    return cache_folder() / BACKBONES[name].file


def _from_torchvision(name: str, expected: str, option: str) -> files.State:
    path = cached_file(name)
    if not path.exists():
        instead = f"put {path.name} there, or give a file with {option} PATH"
        with downloads.from_torchvision(f"{name}'s weights, {path.name},", path, instead):
            from torchvision.models import get_weight

            get_weight(BACKBONES[name].weights).get_state_dict(progress=False)
    return files.read(path, expected)


def _pool(module: nn.Module, pooling: str) -> nn.Module:
    if pooling == "average" and isinstance(module, nn.MaxPool2d):
        return nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode)
    return module


def _drop(trunk: nn.Module, unused: nn.Module) -> None:
    for parent in trunk.modules():
        for name, child in list(parent.named_children()):
            if child is unused:
                delattr(parent, name)
