"""What every stylizer is: built once from a small frozen config, on a device, in a precision."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from stylize import weights as files
from stylize.errors import UnsupportedImageError, UsageError, WeightsError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.float32}
"""What activations are held in; int8 is a matter of the multiplications alone."""
RANDOM = "random"
"""In place of a path: untrained weights, to time a network whose weights are not at hand."""


class Settings(BaseModel):
    """A method's knobs; frozen, and an unknown one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Stylizer(ABC):
    """A loaded method. Subclasses define `settings_type`, `load`, `encode_style` and `stylize`.

    name: the registered name. needs: the weights it cannot do without, in words; None if it needs none.
    precisions: what it runs in. least_px: the shortest side it takes. styles_are_weights: a style is not a picture
    but a weights file, given to `read_style`. weights_sha256: of the weights in use, `random`, or None for a method
    without any (or one whose styles are weights). weights_files: each weights file's name and SHA-256.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    needs: ClassVar[str | None] = None
    precisions: ClassVar[tuple[str, ...]] = ("fp32",)
    styles_are_weights: ClassVar[bool] = False
    backbone: str | None = None
    least_px: ClassVar[int] = 1
    settings_type: ClassVar[type[Settings]] = Settings

    def __init__(
        self,
        settings: Settings,
        *,
        device: str = "cpu",
        precision: str = "auto",
        weights: Path | str | None = None,
    ) -> None:
        """`precision` auto is this device's default; `weights` is a path, or "random" for untrained ones.

        Raises UsageError for a precision or device this method or machine has not, WeightsError for bad weights.
        """
        self.settings = settings
        self.device = _device(device)
        self.precision = self.default_precision(self.device) if precision == "auto" else precision
        self._check_precision()
        self.dtype = DTYPES[self.precision]
        self.weights_sha256: str | None = None
        self.weights_files: dict[str, str] = {}
        # Untrained weights are the same each time, and the caller's random numbers stay as they are.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.load(weights)

    @classmethod
    def default_precision(cls, device: torch.device) -> str:
        """The fastest precision that keeps the fp32 result (SSIM 0.98 or more); measured in docs/decisions.md."""
        wanted = "fp16" if device.type == "cuda" else "bf16" if fast_bf16() else "fp32"
        return wanted if wanted in cls.precisions else "fp32"

    def _check_precision(self) -> None:
        on_cpu = self.device.type == "cpu"
        reasons = {}
        if on_cpu:
            reasons["fp16"] = "fp16 needs an accelerator"
        if not on_cpu or "onednn" not in torch.backends.quantized.supported_engines:
            reasons["int8"] = "int8 runs on x86 CPUs alone"
        usable = [name for name in self.precisions if name not in reasons]
        if self.precision not in usable:
            why = reasons.get(self.precision) if self.precision in self.precisions else None
            why = why or f"{self.name} does not run in {self.precision!r}"
            raise UsageError(f"{why}; choose one of: {', '.join(usable)}")

    def load(self, weights: Path | str | None) -> None:
        """Build and load what the method needs; None means its own weights. See `fill`."""
        if weights is not None:
            raise UsageError(f"{self.name} has no weights; leave --weights out")

    def fill(self, weights: Path | str | None, parts: Mapping[str, nn.Module], rename: files.Rename = str) -> None:
        """Fill each network from the file of its name in the folder `weights`, and note the hashes.

        `rename` gives a tensor's name here for its name in the file, None to leave it out.
        Raises WeightsError naming the file and what was expected.
        """
        if weights == RANDOM:
            self.weights_sha256 = RANDOM
            return
        if weights is None:
            raise WeightsError(f"{self.name} needs weights: give {self.needs}, or `random` to time it untrained")
        folder = Path(weights)
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "no such folder"
            raise WeightsError(f"{folder}: {what}; expected {self.needs}")
        states = []
        for file, part in parts.items():
            expected = f"{self.name}'s {file}"
            states.append(files.read(folder / file, expected))
            files.fill(part, states[-1].renamed(rename), expected)
        self.note(states)

    def note(self, states: list[files.State]) -> None:
        """Keep the hashes of the files in use for the row."""
        self.weights_files = {state.path.name: state.sha256 for state in states}
        self.weights_sha256 = files.together(states)

    def read_style(self, data: bytes, path: Path) -> Any:
        """A weights file's bytes to a code, for a method whose styles are weights."""
        raise NotImplementedError

    @abstractmethod
    def encode_style(self, style: Tensor) -> Any:
        """(3, H, W) RGB in [0, 1] on the device to a code that `stylize` takes; worth keeping."""

    @abstractmethod
    def stylize(self, content: Tensor, code: Any) -> Tensor:
        """(3, H, W) RGB in [0, 1] on the device to (3, H, W), fp32, in [0, 1]; NaN stays NaN."""

    def worth_batching(self, pixels: int) -> int:
        """How many images of this many pixels go faster together than one by one; 1 for a method without batches."""
        return 1

    def stylize_batch(self, contents: Tensor, code: Any) -> Tensor:
        """(N, 3, H, W) in [0, 1] on the device and a code to (N, 3, H, W), fp32, in [0, 1]."""
        return torch.stack([self.stylize(content, code) for content in contents])

    def outcome(self) -> dict[str, Any]:
        """Columns of the row that only the last `stylize` call knows, such as its losses."""
        return {}

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
            return self.apply(content, self.code(style))

    def apply(self, content: Any, code: Any) -> Any:
        """A PIL image or an (H, W, 3) uint8 array and a code to the same kind and size."""
        pixels = _pixels(content)
        height, width = pixels.shape[:2]
        if min(height, width) < self.least_px:
            raise UnsupportedImageError(f"{width} x {height} px: {self.name} needs {self.least_px} px a side")
        with torch.inference_mode():
            result = to_pixels(self.stylize(to_tensor(pixels, self.device), code))
        return Image.fromarray(result) if isinstance(content, Image.Image) else result

    def code(self, style: Any) -> Any:
        """The code of a PIL image or an (H, W, 3) uint8 array, to call `stylize` with."""
        if isinstance(style, list | tuple):
            raise UsageError(f"{self.name} takes one style, not a list of them")
        return self.encode_style(to_tensor(_pixels(style), self.device))


def fast_bf16() -> bool:
    """Whether this processor multiplies bf16 in hardware; where it does not, bf16 is slower than fp32."""
    questions = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile"))
    return any(ask is not None and ask() for ask in questions)


def to_tensor(pixels: np.ndarray[Any, Any], device: torch.device) -> Tensor:
    """(H, W, 3) uint8 to (3, H, W) float32 in [0, 1] on `device`."""
    moved = torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy()).to(device)
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
