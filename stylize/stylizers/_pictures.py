"""What people hold, PIL images, arrays and tensors, to what networks take, and back."""

from __future__ import annotations

import functools
import io
import itertools
import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylize import images
from stylize.errors import NotFiniteError, UsageError
from stylize.stylizers._building import in_own_precision
from stylize.stylizers._process import check_process

TAKEN = "a PIL image, an (H, W, 3) or (H, W, 4) uint8 array or a (3, H, W) float tensor in [0, 1]"


def to_tensor(pixels: np.ndarray[Any, Any], device: torch.device) -> Tensor:
    """Return (H, W, 3) uint8 as (3, H, W) float32 in [0, 1] on `device`."""
    return in_range(torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy()).to(device))


def in_range(pixels: Tensor) -> Tensor:
    """Return (H, W, 3) uint8 as (3, H, W) float32 in [0, 1]."""
    return pixels.permute(2, 0, 1).to(torch.float32).div_(255)


def to_levels(images: Tensor) -> Tensor:
    """Return (N, 3, H, W) float in [0, 1] as (N, H, W, 3) uint8, rounded; values outside are clamped."""
    # In one layout change and in place: at a megapixel each copy costs milliseconds.
    scaled = images.mul(255).add_(0.5).clamp_(0, 255)
    if scaled.device.type == "cpu":
        # Of the two steps torch makes vectors, of one alone it does not: 0.6 ms at 768x512 in place of 0.2.
        scaled = scaled.to(torch.int16)
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def to_pixels(image: Tensor) -> np.ndarray[Any, Any]:
    """Return (3, H, W) float in [0, 1] as (H, W, 3) uint8, rounded; values outside are clamped."""
    return to_levels(image[None])[0].cpu().numpy()


def as_tensor(picture: Any, device: torch.device, long_side_px: int | None = None) -> Tensor:
    """Return a picture as (3, H, W) float32 in [0, 1] on `device`: read as the job reads the same picture's file.

    A PIL image is turned upright, brought to sRGB and laid on white, as an array with alpha is. `long_side_px` is for
    images and arrays; None leaves them as they are. Raises UsageError for anything else.
    """
    check_process()
    picture = _with_alpha(picture)
    if isinstance(picture, Tensor):
        check_tensor(picture)
        # At once, as torch can do little with floats of 8 bits and nothing in numpy with a lazy minus.
        numbers = picture.resolve_neg().to(torch.float32)
        low, high = (float(value) for value in numbers.aminmax())
        if not 0 <= low <= high <= 1:
            # All digits: 1.0000001 is not 1.
            shown = " to ".join(str(np.float32(value)).removesuffix(".0") for value in (low, high))
            raise UsageError(f"the tensor's values go from {shown}; give them in [0, 1]{_how_to_scale(low, high)}")
        return numbers.to(device)
    if not isinstance(picture, Image.Image) and 0 in getattr(picture, "shape", ()):
        raise UsageError(images.NO_PIXELS)
    if isinstance(picture, Image.Image):
        return to_tensor(images.from_image(picture, long_side_px=long_side_px), device)
    if _is_array(picture, 3):
        size = images.working_size(picture.shape[1], picture.shape[0], long_side_px)
        return to_tensor(images.resize(_plain(picture), *size), device)
    got = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
    raise UsageError(f"expected {TAKEN}, got {got}{_how_to_make(picture)}")


def _how_to_scale(low: float, high: float) -> str:
    """Return how values outside [0, 1] come into it, where they tell what they are."""
    if -0.5 <= low <= high <= 1.5:
        return "; clamp(0, 1) does it"  # what resizing or rounding leaves a little outside
    return "; divide 0 to 255 by 255" if 0 <= low <= high <= 255 else ""


def _how_to_make(picture: Any) -> str:
    """Return how a picture is made of what is none, where there is one way."""
    if isinstance(picture, str | os.PathLike):
        return "; open it with PIL.Image.open, a HEIC after pi_heif.register_heif_opener()"
    if isinstance(picture, bytes | bytearray | io.IOBase):
        return f"; open it with PIL.Image.open{'' if isinstance(picture, io.IOBase) else '(io.BytesIO(...))'}"
    if not isinstance(picture, np.ndarray):
        return ""
    shape = picture.shape[:2] if picture.ndim == 3 and picture.shape[2] == 1 else picture.shape
    if picture.dtype == np.uint8 and len(shape) == 2:
        return "; a grey one is numpy.dstack([grey] * 3)"
    if picture.dtype == np.uint8 and len(shape) == 3 and shape[0] in (3, 4):
        return "; channels come last: array.transpose(1, 2, 0)"
    if np.issubdtype(picture.dtype, np.floating) and picture.ndim == 3:
        return "; values in [0, 1] are made so by (array * 255).round().astype(numpy.uint8)"
    return ""


def as_pixels(picture: Any) -> images.Pixels | None:
    """Return a PIL image's or an array's (H, W, 3) uint8 pixels, as `as_tensor` sees them; None of anything else."""
    check_process()
    picture = _with_alpha(picture)
    if isinstance(picture, Image.Image):
        return images.from_image(picture)
    return _plain(picture) if _is_array(picture, 3) else None


def size_of(picture: Any) -> tuple[int, int] | None:
    """Return a picture's width and height, before it is turned upright; None of what `as_tensor` refuses unseen."""
    if isinstance(picture, Image.Image):
        return picture.size
    if not isinstance(picture, np.ndarray | Tensor) or picture.ndim != 3 or 0 in picture.shape:
        return None
    height, width = picture.shape[1:] if isinstance(picture, Tensor) else picture.shape[:2]
    return width, height


def _plain(pixels: images.Pixels) -> images.Pixels:
    return pixels if images.is_plain(pixels) else pixels.copy()


def _with_alpha(picture: Any) -> Any:
    """Return an (H, W, 4) uint8 array as a PIL image, anything else as it is."""
    return Image.fromarray(picture) if _is_array(picture, 4) else picture


def _is_array(picture: Any, channels: int) -> bool:
    """Return whether it is (H, W, channels) uint8 with at least one pixel."""
    known = isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.ndim == 3
    return known and picture.shape[2] == channels and picture.size > 0


def as_given(result: Tensor | images.Pixels, picture: Any) -> Any:
    """Return a result, (3, H, W) in [0, 1] or (H, W, 3) uint8, as what `picture` is: a PIL image, an array or a tensor.

    Its alpha, where it has any, is the picture's, and on white it looks as the result does. Raises NotFiniteError for
    NaN or infinity, but for a tensor.
    """
    if isinstance(picture, Tensor):
        assert isinstance(result, Tensor)
        with torch.inference_mode(False):  # a tensor made in inference mode is of no use to a training
            return result.clone()
    if isinstance(result, Tensor) and not torch.isfinite(result.sum()):
        raise NotFiniteError
    pixels = to_pixels(result) if isinstance(result, Tensor) else result
    if isinstance(picture, Image.Image):
        alpha = images.alpha_of(picture)
    else:
        alpha = picture[..., 3] if picture.shape[2] == 4 else None
    if alpha is not None:
        pixels = np.dstack([images.without_matte(pixels, alpha), alpha])
    return Image.fromarray(pixels) if isinstance(picture, Image.Image) else pixels


def as_list(pictures: Any) -> list[Any]:
    """Return several pictures as a list. Raises UsageError for one alone, and for what is no list of any."""
    alone = isinstance(pictures, Image.Image | str | os.PathLike) or getattr(pictures, "ndim", 4) < 4
    if alone or not isinstance(pictures, Iterable):
        raise UsageError(f"expected a list of photos, got {type(pictures).__name__}; give [photo] for one")
    return list(pictures)


def alike(pictures: Iterable[Tensor]) -> list[Tensor]:
    """Return the first one and those behind it of its shape, and look at no more than one further."""
    _, same = next(itertools.groupby(pictures, key=lambda picture: picture.shape))
    return list(same)


def check_tensor(picture: Any) -> None:
    """Raise UsageError for anything but a (3, H, W) floating-point tensor with at least one pixel."""
    if not isinstance(picture, Tensor):
        raise UsageError(
            f"expected a (3, H, W) float tensor in [0, 1], got {type(picture).__name__}; call the stylizer itself with "
            "images and arrays"
        )
    if picture.layout != torch.strided or picture.is_meta or picture.is_quantized or picture.is_nested:
        kind = "a nested one" if picture.is_nested else f"{picture.dtype} of layout {picture.layout}"
        kind = "one without values" if picture.is_meta else kind
        raise UsageError(f"expected a dense (3, H, W) float tensor in [0, 1], got {kind}")
    if 0 in picture.shape:
        raise UsageError(images.NO_PIXELS)
    if picture.dim() != 3 or picture.shape[0] != 3 or not picture.is_floating_point():
        hint = "; divide 0 to 255 by 255" if not picture.is_floating_point() and not picture.is_complex() else ""
        raise UsageError(
            f"expected a (3, H, W) float tensor in [0, 1], got {tuple(picture.shape)} of {picture.dtype}{hint}"
        )


def check_code(name: str, code: Any) -> None:
    """Raise UsageError for an artwork in place of its code, or nothing: torch's own words on it tell nobody why."""
    if code is None or isinstance(code, str | np.ndarray | Image.Image):
        got = type(code).__name__
        raise UsageError(f"{name}: expected a code, as `code(artwork)` returns it, got {got}")


def checked(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a stylizer's method in its own precision, its argument checked: torch's words on it tell nobody why."""

    @functools.wraps(method)
    def call(self: Any, picture: Any, *rest: Any, **named: Any) -> Any:
        check_process()
        check_tensor(picture)
        with in_own_precision(self.device):
            return method(self, picture, *rest, **named)

    return call


def giving_pictures(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return `stylize` or `stylize_batch` with its result held to the shape of what it was given, and to floats."""

    @functools.wraps(method)
    def call(self: Any, pictures: Tensor, *rest: Any, **named: Any) -> Tensor:
        shape = tuple(pictures.shape)  # before the method has it
        result = method(self, pictures, *rest, **named)
        if not isinstance(result, Tensor):
            got = type(result).__name__
        elif result.shape == shape and result.is_floating_point() and result.layout == torch.strided:
            return result if result.dtype == pictures.dtype else result.to(torch.float32)
        else:
            got = f"{tuple(result.shape)} of {result.dtype}"
        expected = f"a float tensor of the photo's shape {shape}, in [0, 1]"
        raise UsageError(f"{self.name}: {method.__name__} must return {expected}, and returned {got}")

    return call


def hold_to_contract(method: type[Any]) -> None:
    """Check what a class's own `encode_style`, `stylize` and `stylize_batch` are given and give back."""
    for name, has in [
        ("stylize_batch", giving_pictures),
        ("stylize", giving_pictures),
        ("stylize", checked),
        ("encode_style", checked),
    ]:
        if name in vars(method):
            setattr(method, name, has(vars(method)[name]))
