"""Inception v3 (Szegedy et al. 2016) as the judge of sets of pictures: what FID and ArtFID compare."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from stylize import downloads
from stylize import weights as files
from stylize.backbones import cache_folder

FILE = "inception_v3_google-0cc3c7bd.pth"
"""What torchvision's cache calls it."""
LEAST_PX = 75
"""Of a side: less is nothing behind its convolutions without padding."""
_EXPECTED = "Inception v3, torchvision's or that of art-fid"


class Inception:
    """Takes pictures (3, H, W) in [0, 1] of at least LEAST_PX a side; in fp32."""

    def __init__(self, path: Path | None = None, device: torch.device | str = "cpu") -> None:
        """Load the network. path: torchvision's weights or art-fid's; none: torchvision's own. Raises WeightsError."""
        from torchvision.models import inception_v3

        with files.unfilled():
            net = inception_v3(weights=None, aux_logits=False, init_weights=False)
        net.fc = nn.Identity()
        state = files.read(path or _from_torchvision(), _EXPECTED)
        own = net.state_dict()
        fitted = state.fitted(own.keys())
        # Art-fid's has two heads, for artists and for styles, and was trained on values as they are.
        self._as_they_are = "fc1.weight" in fitted.tensors
        used = {name: value for name, value in fitted.tensors.items() if name in own}
        files.fill(net, files.State(state.path, used, state.sha256), _EXPECTED)
        self.variant = f"inception_v3 {state.sha256}"
        self._net, self._device = net.requires_grad_(False).eval().to(device), torch.device(device)

    def features(self, image: Tensor) -> Tensor:
        """Return a picture's features, (2048,)."""
        with torch.inference_mode():
            values = image[None].to(self._device)
            features: Tensor = self._net(values if self._as_they_are else 2 * values - 1)
            return features[0]


def _from_torchvision() -> Path:
    path = cache_folder() / FILE
    if not path.exists():
        from torchvision.models import Inception_V3_Weights

        instead = f"put {FILE} there, or give a file with --inception PATH"
        with downloads.from_torchvision(f"Inception v3's weights, {FILE},", path, instead):
            Inception_V3_Weights.IMAGENET1K_V1.get_state_dict(progress=False)
    return path
