"""VGG19 as the judge of what is painted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from stylize.backbones import load_backbone
from stylize.measure.perceptual import STYLE_LAYERS
from stylize.training.losses import Features


class Judge:
    """VGG19's features in units of each layer's mean activation, so that no layer counts more for being louder."""

    def __init__(self, path: Path | None, device: torch.device, half: bool) -> None:
        """half: run in bf16. Raises WeightsError."""
        vgg, state = load_backbone("vgg19", STYLE_LAYERS, path, option="--vgg")
        self.sha256 = state.sha256
        self.scales: dict[str, float] = {}
        self._vgg = vgg.to(device).to(memory_format=torch.channels_last)
        self._device, self._half = device, half

    def autocast(self) -> torch.autocast:
        """Run networks in their precision."""
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._half)

    def measure(self, batches: Iterable[Tensor]) -> None:
        """Set `scales` by pictures (N, 3, H, W) in [0, 1]."""
        seen = []
        with torch.no_grad(), self.autocast():
            for batch in batches:
                features = self._vgg(batch)
                seen.append(torch.stack([features[name].float().mean() for name in STYLE_LAYERS]))
        self.scales = dict(zip(STYLE_LAYERS, torch.stack(seen).mean(0).tolist(), strict=True))

    def features(self, image: Tensor) -> Features:
        """Return the scaled features of (N, 3, H, W) in [0, 1], in fp32, with gradients."""
        with self.autocast():
            seen = self._vgg(image)
        return {name: value.float() / self.scales[name] for name, value in seen.items()}

    def target_features(self, image: Tensor) -> Features:
        """Return the same without gradients: what results are held against."""
        with torch.no_grad():
            return self.features(image)
