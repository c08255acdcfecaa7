"""What every stylizer is: built once from a small frozen config, on a device, in a precision."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from stylize.errors import UsageError

Precision = Literal["fp32", "bf16", "fp16"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Settings(BaseModel):
    """A method's knobs; frozen, and an unknown one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Stylizer(ABC):
    """A loaded method. Subclasses define `settings_type`, `load`, `encode_style` and `stylize`.

    name: the registered name. precisions: what it runs in. least_px: the shortest side it takes.
    weights_sha256: of the weights in use, None for a method without any.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    precisions: ClassVar[tuple[str, ...]] = ("fp32",)
    backbone: ClassVar[str | None] = None
    least_px: ClassVar[int] = 1
    settings_type: ClassVar[type[Settings]] = Settings

    def __init__(
        self,
        settings: Settings,
        *,
        device: str = "cpu",
        precision: str = "fp32",
        weights: Path | None = None,
    ) -> None:
        """Raises UsageError for a precision or device this method or machine has not, WeightsError for bad weights."""
        self.settings = settings
        self.device = _device(device)
        if precision not in self.precisions:
            known = ", ".join(self.precisions)
            raise UsageError(f"{self.name} does not run in {precision!r}; choose one of: {known}")
        if precision == "fp16" and self.device.type == "cpu":
            raise UsageError("fp16 needs an accelerator; on a CPU choose fp32 or bf16")
        self.precision = precision
        self.dtype = DTYPES[precision]
        self.weights_sha256: str | None = None
        self.load(weights)

    def load(self, weights: Path | None) -> None:
        """Build and load what the method needs; None means its own weights. Sets `weights_sha256`."""
        if weights is not None:
            raise UsageError(f"{self.name} has no weights; leave --weights out")

    @abstractmethod
    def encode_style(self, style: Tensor) -> Any:
        """(3, H, W) RGB in [0, 1] on the device to a code that `stylize` takes; worth keeping."""

    @abstractmethod
    def stylize(self, content: Tensor, code: Any) -> Tensor:
        """(3, H, W) RGB in [0, 1] on the device to (3, H, W), fp32, in [0, 1]; NaN stays NaN."""

    def columns(self) -> dict[str, Any]:
        """The settings that have a column of their own in a row."""
        named = ("alpha", "content_weight", "style_weight", "iterations", "seed")
        values = self.settings.model_dump()
        return {
            "stylizer": self.name,
            "backbone": self.backbone,
            "weights_sha256": self.weights_sha256,
            "precision": self.precision,
            **{key: values[key] for key in named if key in values},
        }

    def __call__(self, content: Any, style: Any) -> Any:
        """A PIL image or an (H, W, 3) uint8 array, twice, to the first one's kind and size."""
        with torch.inference_mode():
            code = self.encode_style(to_tensor(_pixels(style), self.device))
            result = to_pixels(self.stylize(to_tensor(_pixels(content), self.device), code))
        return Image.fromarray(result) if isinstance(content, Image.Image) else result


def to_tensor(pixels: np.ndarray[Any, Any], device: torch.device) -> Tensor:
    """(H, W, 3) uint8 to (3, H, W) float32 in [0, 1] on `device`."""
    moved = torch.from_numpy(pixels).to(device)
    return moved.permute(2, 0, 1).to(torch.float32).div_(255)


def to_pixels(image: Tensor) -> np.ndarray[Any, Any]:
    """(3, H, W) float in [0, 1] to (H, W, 3) uint8, rounded; values outside are clamped."""
    # In one layout change and in place: at a megapixel each copy costs milliseconds.
    scaled = image.mul(255).add_(0.5).clamp_(0, 255)
    return scaled.to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


def _pixels(image: Any) -> np.ndarray[Any, Any]:
    if isinstance(image, Image.Image):
        return np.array(image.convert("RGB"))
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        return np.ascontiguousarray(image)
    got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
    raise UsageError(f"expected a PIL image or an (H, W, 3) uint8 array, got {got}")


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device {name!r}; use cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"unknown device {name!r}; use cpu, cuda or cuda:N")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda: torch sees no CUDA device here; use cpu")
    return device
