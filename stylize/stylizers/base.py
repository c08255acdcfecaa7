"""What every stylizer is: built once from a small frozen config, on a device, in a precision."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from stylize import images
from stylize import weights as files
from stylize.errors import UnsupportedImageError, UsageError, WeightsError, one_line
from stylize.io.location import local_path
from stylize.machine import devices
from stylize.stylizers import RANDOM, _pictures, changed_settings, numbers_of
from stylize.stylizers._building import as_by_default, in_own_precision
from stylize.stylizers._pictures import as_given, as_list, as_tensor, in_range, to_levels, to_pixels, to_tensor
from stylize.stylizers._process import OfOneProcess
from stylize.stylizers._strips.plan import Plan, no_room
from stylize.stylizers._strips.within import Within
from stylize.validation import Checked

__all__ = ["DTYPES", "RANDOM", "Plan", "Settings", "Stylizer", "in_range", "to_levels", "to_pixels", "to_tensor"]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.float32}
"""What activations are held in; int8 is a matter of the multiplications alone."""


class Settings(Checked, validate_default=True):  # a row's settings are given again, those left out, too
    """A method's knobs; frozen, and an unknown one is an error."""


class Stylizer(Within, OfOneProcess, ABC):
    """A loaded method. Subclasses define `settings_type`, `load`, `encode_style` and `stylize`.

    name: the registered name. needs: the weights it cannot do without, in words; None if it needs none.
    precisions: what it runs in. least_px: the shortest side it takes. bytes_per_pixel: the memory that each pixel of an
    image takes, where `plan` knows no better. styles_are_weights: a style is not a picture but a weights file, given to
    `read_style`. mixes: `mix` makes one code of several. per_image: settings that only `stylize` looks at, so that each
    image may have its own. weights_sha256: of the weights in use, `random`, or None for a method without any (or one
    whose styles are weights). weights_files: each weights file's name and SHA-256.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    needs: ClassVar[str | None] = None
    precisions: ClassVar[tuple[str, ...]] = ("fp32",)
    styles_are_weights: ClassVar[bool] = False
    mixes: ClassVar[bool] = False
    per_image: ClassVar[tuple[str, ...]] = ()
    backbone: str | None = None
    bytes_per_pixel: ClassVar[float] = 200.0
    least_px: ClassVar[int] = 1
    settings_type: ClassVar[type[Settings]] = Settings

    def __init__(
        self,
        settings: Settings,
        *,
        device: str = "auto",
        precision: str = "auto",
        runtime: str = "auto",
        weights: Path | str | None = None,
        style_resolution_px: int | None = images.STYLE_RESOLUTION_PX,
    ) -> None:
        """`device` auto is an accelerator where torch sees one, `precision` auto the device's default.

        `runtime` is torch, onnxruntime, openvino, or auto: the fastest for this kind of processor that is installed.
        `weights` is a path, or "random" for untrained ones. `style_resolution_px`: artworks' long side; None: as it is.
        Raises UsageError for what this method or machine has not, WeightsError for bad weights.
        """
        self.settings = settings
        self.device = devices.find(device)
        self.runtime = self.choose_runtime(runtime, precision, self.device.type, settings)
        self.style_resolution_px = style_resolution_px
        self.precision = self._default_precision() if precision == "auto" else precision
        self._check_precision(runtime)
        self.dtype = DTYPES[self.precision]
        self.weights_sha256: str | None = None
        self.weights_files: dict[str, str] = {}
        with as_by_default(), in_own_precision(self.device):
            self.load(weights if weights in (None, RANDOM) else local_path(str(weights)))

    def _default_precision(self) -> str:
        wanted = self.default_precision(self.device)
        return wanted if wanted in self.usable_precisions() else "fp32"

    @classmethod
    def default_precision(cls, device: torch.device) -> str:
        """Return the fastest precision that keeps fp32's result (SSIM 0.98 or more); see docs/decisions.md."""
        wanted = "fp16" if device.type == "cuda" else "bf16" if devices.fast_bf16(device) else "fp32"
        return wanted if wanted in cls.precisions else "fp32"

    @classmethod
    def choose_runtime(cls, asked: str, precision: str, device: str, settings: Any) -> str:
        """Return the runtime to use on a kind of device. Raises UsageError for one that cannot be had."""
        if asked not in ("auto", "torch"):
            raise UsageError(f"{cls.name} runs in torch alone; leave the runtime {one_line(asked)} out")
        return "torch"

    @classmethod
    def refuse_of_torch(cls, runtime: str, precision: str, settings: Any) -> None:
        """Raise UsageError for settings that another runtime than torch, or int8, would pass over."""

    def release(self, code: Any) -> None:
        """Give back what a runtime keeps for the next image in this style, for that one's memory to be measured."""

    def compiled_anew(self) -> bool:
        """Return whether the last call compiled the network, for the first image of its size."""
        return False

    def usable_precisions(self) -> tuple[str, ...]:
        """Return the precisions that the runtime has for this method."""
        return self.precisions

    def _choices(self, runtime: str) -> tuple[str, ...]:
        """Return the precisions that may be asked for with a runtime, which may be auto."""
        return tuple(name for name in self.usable_precisions() if name != "fp16" or self.device.type != "cpu")

    def _check_precision(self, runtime: str) -> None:
        if self.precision in (usable := self._choices(runtime)):
            return
        where = "" if self.runtime == "torch" else f" in {self.runtime}"
        why = f"{self.name} does not run in {self.precision!r}{where}"
        why = "fp16 needs an accelerator" if self.precision in self.usable_precisions() else why
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
            raise WeightsError(f"{self.name} needs --weights: give {self.needs}, or `random` to time it untrained")
        folder = Path(weights)
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "no such folder"
            raise WeightsError(f"{folder}: {what}; expected {self.needs}")
        states = []
        for file, part in parts.items():
            expected = f"{self.name}'s {file}"
            states.append(files.read(files.file_like(folder, file), expected))
            files.fill(part, states[-1], expected, rename)
        self.note(states)

    def note(self, states: list[files.State]) -> None:
        """Keep the hashes of the files in use for the row."""
        self.weights_files = {state.path.name: state.sha256 for state in states}
        self.weights_sha256 = files.together(states)

    def read_style(self, data: bytes, path: Path) -> Any:
        """Turn a weights file's bytes into a code, for a method whose styles are weights."""
        raise NotImplementedError

    @abstractmethod
    def encode_style(self, style: Tensor) -> Any:
        """Turn (3, H, W) RGB in [0, 1] on the device into a code that `stylize` takes; worth keeping."""

    @abstractmethod
    def stylize(self, content: Tensor, code: Any) -> Tensor:
        """Turn (3, H, W) RGB in [0, 1] on the device into the same, fp32; NaN stays NaN."""

    def plan(self, width: int, height: int, code: Any, max_bytes: int | None = None, *, whole: bool = True) -> Plan:
        """Return how an image is to be taken so that it needs no more than `max_bytes`: at once, or in strips.

        `max_bytes` is beside the photo and the result as 8-bit pixels. `whole`: it may be taken at once. This method
        can do no other. Raises NoRoomError for an image that needs more in any way.
        """
        needed = round(width * height * self.bytes_per_pixel)
        if not whole or (max_bytes is not None and needed > max_bytes):
            limit = max_bytes if whole else None
            raise no_room(self.name, (width, height), "at once, as it must", needed, limit)
        return Plan(needed)

    def restyle(self, photo: images.Pixels, code: Any, plan: Plan) -> Tensor | None:
        """Turn (H, W, 3) uint8 into the same on the CPU, as planned; None where there is NaN or infinity in it."""
        image = self.stylize(to_tensor(photo, self.device), code)
        return torch.from_numpy(to_pixels(image)) if torch.isfinite(image.sum()) else None

    def worth_batching(self, pixels: int) -> int:
        """Return how many images of so many pixels go faster together than singly; 1 for a method without batches."""
        return 1

    def stylize_batch(self, contents: Tensor, code: Any) -> Tensor:
        """Turn (N, 3, H, W) in [0, 1] on the device and a code into (N, 3, H, W), fp32, in [0, 1]."""
        return torch.stack([self.stylize(content, code) for content in contents])

    def mix(self, codes: Sequence[Any], weights: Sequence[float]) -> Any:
        """Return one code between several, for a method that `mixes`."""
        raise UsageError(f"{self.name} takes one style and mixes none")

    def with_settings(self, **changes: Any) -> Self:
        """Return it with other settings that are `per_image`, its weights shared. Raises UsageError for others."""
        other = self.twin()
        other.settings = changed_settings(self, changes)
        return other

    def ran(self, plan: Plan) -> dict[str, str]:
        """Return which runtime does an image as planned, and in which precision."""
        return {"runtime": self.runtime, "precision": self.precision}

    def outcome(self) -> dict[str, Any]:
        """Return columns of the row that only the last `stylize` call knows, such as its losses."""
        return {}

    def columns(self) -> dict[str, Any]:
        """Return the settings that have a column of their own in a row."""
        return {
            "stylizer": self.name,
            "backbone": self.backbone,
            "weights_sha256": self.weights_sha256,
            "precision": self.precision,
            "runtime": self.runtime,
            **numbers_of(self.settings.model_dump()),
        }

    def __init_subclass__(cls, **named: Any) -> None:
        """Check what the subclass's own `encode_style` and `stylize` are given, and that pictures come back."""
        super().__init_subclass__(**named)
        _pictures.hold_to_contract(cls)

    def __call__(self, content: Any, style: Any = None, **mix: Any) -> Any:
        """Return `content` in the style of `style`, as the kind `content` is and, upright, of its size and alpha.

        Each is a PIL image, an (H, W, 3) or (H, W, 4) uint8 array or a (3, H, W) float tensor in [0, 1]. `style` may
        be a list where a method `mixes`. `mix` is what its `code` takes beside, such as `style_weights`. Raises
        UsageError for anything else, ImageError for a picture that is damaged, too small or of no 8-bit form.
        """
        with torch.inference_mode():
            return self.apply(content, self.code(style, **mix))

    def batch(self, contents: Iterable[Any], style: Any = None, **mix: Any) -> list[Any]:
        """Return each of `contents` in one style, as a call for each would; the style is encoded once.

        No `style` where a method has its own. Neighbours of one size go through the network together where faster.
        """
        pictures = as_list(contents)
        with torch.inference_mode(), in_own_precision(self.device):
            code = self.code(style, **mix)
            results: list[Any] = []
            while pictures:
                size = _pictures.size_of(pictures[0])
                most = 1 if size is None else self.most_together(*size, code)
                ready = _pictures.alike(map(self._taken, pictures[:most])) if most > 1 else []
                if len(ready) > 1:
                    restyled = self.stylize_batch(torch.stack(ready), code)
                    results += [as_given(*pair) for pair in zip(restyled, pictures, strict=False)]
                else:
                    results.append(self.apply(pictures[0], code))
                del pictures[: max(1, len(ready))]
        return results

    def apply(self, content: Any, code: Any) -> Any:
        """Return a picture, as `__call__` takes it, in the style of a code; in strips where at once takes too much."""
        photo = _pictures.as_pixels(content)
        with torch.inference_mode(), in_own_precision(self.device):
            if photo is not None:
                self._check_size(*photo.shape[:2])
                return as_given(self.bounded(photo, code), content)
            return as_given(self.stylize(self._taken(content), code), content)

    def _taken(self, content: Any) -> Tensor:
        picture = as_tensor(content, self.device)
        self._check_size(*picture.shape[1:])
        return picture

    def _check_size(self, height: int, width: int) -> None:
        if min(height, width) < self.least_px:
            raise UnsupportedImageError(f"{width} x {height} px: {self.name} needs {self.least_px} px a side")

    def code(self, style: Any) -> Any:
        """Return the code of an artwork, as `__call__` takes it, to call `stylize` with.

        Images and arrays are first brought to a long side of `style_resolution_px`, a tensor is taken as it is. Raises
        UsageError for anything else.
        """
        if isinstance(style, list | tuple):
            raise UsageError(f"{self.name} takes one style, not a list of them")
        return self.encode_style(as_tensor(style, self.device, self.style_resolution_px))

    def __repr__(self) -> str:
        """Return the call of `stylize.load` that makes the same, but for the weights."""
        how = {"device": str(self.device)}
        how |= {name: getattr(self, name) for name in ("precision", "runtime", "style_resolution_px", "max_memory")}
        given = "".join(f", {name}={value!r}" for name, value in {**how, **self.settings.model_dump()}.items())
        module, own = type(self).__module__, type(self).__name__
        name = self.name if module.startswith("stylize.stylizers.") else f"{module}:{own}"
        return f"stylize.load({name!r}{given})"
