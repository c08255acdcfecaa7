"""Distances over VGG19's features: how much of the content is kept, how close the look is to the style's.

They are in units of the judging weights' own features, so only distances by the same file compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from stylize.backbones import load_backbone
from stylize.machine.double import near_double

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu4_1"
STRUCTURE_LAYER = "relu3_1"
_PLACES_AT_ONCE = 2**23
"""Of the similarities that `structural_distance` looks at: at 512 px there are 268 million."""


def mean_std(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return two (N, C) of (N, C, H, W): each channel's mean and deviation (of the variance + 1e-5), in fp32."""
    var, mean = torch.var_mean(features.float(), dim=(2, 3), correction=0)
    return mean, (var + 1e-5).sqrt()


def gram(features: Tensor) -> Tensor:
    """Return (N, C, C) of (N, C, H, W): channel inner products over H x W, fp32 (Gatys et al. 2016, section 2.2)."""
    flat = features.float().flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


@dataclass(frozen=True)
class StyleFeatures:
    """What features are like at each of STYLE_LAYERS: means and deviations (N, C), and Gram matrices (N, C, C)."""

    moments: dict[str, tuple[Tensor, Tensor]]
    grams: dict[str, Tensor]

    @classmethod
    def of(cls, features: dict[str, Tensor]) -> StyleFeatures:
        """Return those of features (N, C, H, W) by layer."""
        layers = {name: features[name] for name in STYLE_LAYERS}
        return cls({name: mean_std(x) for name, x in layers.items()}, {name: gram(x) for name, x in layers.items()})

    def moments_distance(self, other: StyleFeatures) -> dict[str, float]:
        """Return mean square differences of means and deviations by layer (Huang and Belongie 2017, equation 13)."""
        distances = {}
        for name, ours in self.moments.items():
            pairs = zip(ours, other.moments[name], strict=True)
            distances[name] = sum(float((a - b).square().mean()) for a, b in pairs)
        return distances

    def gram_distance(self, other: StyleFeatures) -> dict[str, float]:
        """Return Gram matrices' mean square differences by layer: Johnson et al. 2016, equation 4.

        There the Gram matrices are divided by C as well, and their squared differences summed, which is the same.
        """
        return {name: float((ours - other.grams[name]).square().mean()) for name, ours in self.grams.items()}


class Perceptual:
    """VGG19 as a judge of pictures (3, H, W) in [0, 1], any size from 32 px; in fp32."""

    def __init__(self, path: Path | None = None, device: torch.device | str = "cpu", *, option: str) -> None:
        """Load VGG19. path: its weights; none: torchvision's own. option: what gives them. Raises WeightsError."""
        vgg, state = load_backbone("vgg19", STYLE_LAYERS, path, option=option)
        self.sha256 = state.sha256
        self._vgg = vgg.to(device).to(memory_format=torch.channels_last)
        self._device = torch.device(device)

    def features(self, image: Tensor) -> tuple[Tensor, StyleFeatures]:
        """Return features at CONTENT_LAYER, (1, 512, H / 8, W / 8), and those that tell one style from another."""
        layers = self.layers(image)
        with torch.inference_mode():
            return layers[CONTENT_LAYER], StyleFeatures.of(layers)

    def layers(self, image: Tensor) -> dict[str, Tensor]:
        """Return features (1, C, H, W) by layer: STYLE_LAYERS, the others above among them."""
        with torch.inference_mode():
            batch = image[None].to(self._device, memory_format=torch.channels_last)
            features: dict[str, Tensor] = self._vgg(batch)
            return features


def content_distance(ours: Tensor, theirs: Tensor) -> float:
    """Return the mean square difference of features of one shape (Johnson et al. 2016, equation 2)."""
    return float((ours - theirs).square().mean())


def structural_distance(ours: Tensor, theirs: Tensor) -> float:
    """Return how far features at STRUCTURE_LAYER, (1, C, H, W), are from theirs in which places are alike: the CFSD.

    Content feature structural distance (Chung et al. 2024, Style Injection in Diffusion), as its authors
    compute it. A place's similarities to all places are the softmax of its features' inner products with theirs, all
    features divided by C; summed over places is the Kullback-Leibler divergence D(theirs || ours). 0 if identical; it
    grows with H x W.
    """
    channels = ours.shape[1]
    ours, theirs = ((one[0].float().flatten(1) / channels).T.contiguous() for one in (ours, theirs))
    places = len(ours)
    total = 0.0
    for start in range(0, places, step := max(1, _PLACES_AT_ONCE // places)):
        own, other = (one[start : start + step] @ one.T for one in (ours, theirs))
        own, other = (one.sub_(one.amax(1, keepdim=True)) for one in (own, other))
        weights = other.exp()
        # Places may be nearly alike: sums in double precision, as logarithms of single shares would lose what differs.
        own_sum, other_sum = (near_double(one).sum(1, dtype=torch.float64) for one in (own.exp(), weights))
        apart = near_double(weights.mul_(other.sub_(own))).sum(1, dtype=torch.float64)
        total += float((apart / other_sum - (other_sum / own_sum).log()).sum())
    return total
