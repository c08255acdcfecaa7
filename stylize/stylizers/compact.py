"""`compact`: the bundled arbitrary-style network; its weights ship in the package.

Conditional instance normalisation from a predicted style code: Dumoulin et al. 2017, section 2.2; Ghiasi et al. 2017,
section 2. The network is in `_compact_net`, how its weights were made in `weights/compact.md`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from stylize.errors import WeightsError
from stylize.stylizers import base
from stylize.stylizers._compact_net import CompactNet

BUNDLED = Path(__file__).parent / "weights" / "compact.safetensors"
LEAST_STYLE_PX = 32


class Settings(base.Settings):
    """alpha in [0, 1]: 0 keeps the content's own look, 1 is the full style."""

    alpha: float = Field(1.0, ge=0, le=1)


class Compact(base.Stylizer):
    """The bundled model: any style, one pass, about 1.4 million weights."""

    name = "compact"
    summary = "any style, one fast pass; the bundled model, needs no download"
    precisions = ("fp32", "bf16", "fp16")
    settings_type: ClassVar[type[base.Settings]] = Settings
    settings: Settings

    def load(self, weights: Path | None) -> None:
        """Load safetensors of `_compact_net.CompactNet`; None means the bundled ones."""
        path = weights or BUNDLED
        state, self.weights_sha256 = _read(path)
        net = CompactNet()
        try:
            net.load_state_dict(state)
        except RuntimeError as error:
            line = str(error).splitlines()[-1].strip()
            raise WeightsError(f"{path}: not weights of the compact network: {line}") from None
        net.requires_grad_(False).eval()
        net = net.to(self.device, self.dtype).to(memory_format=torch.channels_last)
        # The style's path stays in fp32: it runs once a style, and its sums over the whole image need the digits.
        net.style.float()
        net.to_affine.float()
        self.net = net

    def encode_style(self, style: Tensor) -> Tensor:
        """(3, H, W) in [0, 1] to a code (1, C)."""
        return self.net.encode_style(_batch(_at_least(style, LEAST_STYLE_PX), torch.float32))

    def stylize(self, content: Tensor, code: Tensor) -> Tensor:
        """(3, H, W) in [0, 1] and a code to (3, H, W) in [0, 1]."""
        batch = _batch(content, self.dtype)
        alpha = self.settings.alpha
        if alpha < 1:
            code = torch.lerp(self.encode_style(content), code, alpha)
        image: Tensor = self.net(batch, code)
        return image[0].float().clamp_(0, 1)


def _batch(image: Tensor, dtype: torch.dtype) -> Tensor:
    return image[None].to(dtype, memory_format=torch.channels_last)


def _at_least(image: Tensor, side: int) -> Tensor:
    """Enlarge (3, H, W) so that both sides reach `side` and are even, as space-to-depth needs."""
    height, width = (max(side, n + n % 2) for n in image.shape[-2:])
    if (height, width) == tuple(image.shape[-2:]):
        return image
    return torch.nn.functional.interpolate(image[None], (height, width), mode="bilinear")[0]


def _read(path: Path) -> tuple[dict[str, Tensor], str]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        data = path.read_bytes()
        return load(data), hashlib.sha256(data).hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}; expected a safetensors file") from None
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"{path}: not a whole safetensors file ({error})") from None


STYLIZER = Compact
