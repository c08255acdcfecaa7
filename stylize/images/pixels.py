"""Decoded images to 8-bit RGB on white, scaled on the way, a band of rows at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageChops

from stylize.errors import UnsupportedImageError
from stylize.images import scratch
from stylize.images.damage import damage_is_corrupt
from stylize.machine.one_thread import on_this_thread_alone

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Box = tuple[float, float, float, float]

BAND_PIXELS = 250_000
"""What is converted at once: a whole image takes several times its size, and twice the time, as no cache holds it."""
STYLE_RESOLUTION_PX = 512
"""Long side at which an artwork is looked at where no other is asked for."""
REDUCING_GAP = 3.0
"""Down to this many times the wanted size pixels are averaged in whole blocks, which shows no difference."""

# 257 maps 65535 to 255.
SIXTEEN_TO_EIGHT = ((np.arange(65_536) + 128) // 257).astype(np.uint8)

Convert = Callable[[Image.Image], Image.Image]
Source = Image.Image | Pixels
"""A loaded image of any mode, or RGB pixels (H, W, 3)."""
_Converted = Callable[[Image.Image, tuple[int, int]], Image.Image]


def working_size(width: int, height: int, long_side_px: int | None) -> tuple[int, int]:
    """Return (width, height) in pixels with the long side as asked, the ratio kept, no side under 1."""
    if long_side_px is None or max(width, height) == long_side_px:
        return width, height
    if long_side_px < 1:
        raise ValueError(f"long_side_px is {long_side_px}; give 1 or more, or None for the image's own size")
    scale = long_side_px / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def is_plain(pixels: Pixels) -> bool:
    """Return whether torch takes an array as it is: numpy calls a mirrored side of one pixel contiguous, too."""
    return pixels.flags.c_contiguous and min(pixels.strides) >= 0


def resize(pixels: Pixels, width_px: int, height_px: int, box: Box | None = None) -> Pixels:
    """Return (H, W, 3) or (H, W) uint8 pixels in the given size, by Lanczos' filter, on the calling thread.

    `box` is the part that counts: it begins at the first pixel and ends within the last column and row.
    """
    height, width = pixels.shape[:2]
    if box is None:
        box = (0, 0, width, height)
    if (width, height) == (width_px, height_px) and box == (0, 0, width, height):
        return pixels
    import torch
    from torch.nn.functional import interpolate

    if torch.__version__ < "2.12":  # which was the first with the filter
        image = Image.fromarray(pixels).resize((width_px, height_px), Image.Resampling.LANCZOS, box)
        return np.array(image)
    # Pillow's own filter on vectors of 8-bit values: a fifth of its time, and the same to a level or two.
    writable = pixels if pixels.flags.writeable else pixels.copy()
    planes = torch.from_numpy(writable.reshape(height, width, -1)).permute(2, 0, 1)[None]
    sizes: dict[str, Any] = {"size": (height_px, width_px)}
    if box != (0, 0, width, height):
        factors = _factor(height_px, box[3], height), _factor(width_px, box[2], width)
        sizes = {"scale_factor": factors, "recompute_scale_factor": False}
    with on_this_thread_alone():
        scaled = interpolate(planes, **sizes, mode="lanczos", antialias=True)[0, :, :height_px, :width_px]
    return scaled.permute(1, 2, 0).contiguous().numpy().reshape(height_px, width_px, *pixels.shape[2:])


def _factor(size_px: int, part: float, whole_px: int) -> float:
    """Return what `part` of a side is multiplied by to give `size_px`, of the whole of which torch rounds down."""
    factor = size_px / part
    return factor if int(whole_px * factor) >= size_px else math.nextafter(factor, math.inf)


def scaled_rgb(
    source: Source, size: tuple[int, int], box: Box | None, to_srgb: Convert, most_in_memory: int | None = None
) -> Pixels:
    """Return a picture as RGB of `size`, on white. `box` is the part of it that counts.

    `to_srgb` converts an 8-bit image without alpha to RGB. Raises UnsupportedImageError for values without an 8-bit
    form.
    """
    return _scaled(
        source, size, box, "RGB", lambda band, factor: _on_white(_eight_bit(band), factor, to_srgb), most_in_memory
    )


def scaled_alpha(image: Image.Image, size: tuple[int, int], box: Box | None) -> Pixels | None:
    """Return a loaded image's (H, W) alpha, scaled as `scaled_rgb` scales colours; None if all is opaque."""
    if not image.has_transparency_data:
        return None
    alpha = _scaled(image, size, box, "L", lambda band, factor: _reduced(_alpha(_eight_bit(band)), factor))
    return None if (alpha == 255).all() else alpha


def _alpha(image: Image.Image) -> Image.Image:
    return image.convert("RGBA").getchannel("A")


def blocks(source: Source, size: tuple[int, int], box: Box | None) -> tuple[int, int]:
    """Return across and down how many pixels are averaged, before a picture is scaled to `size`."""
    left, top, right, bottom = box or (0, 0, *_size_of(source))
    return block_of((right - left, bottom - top), size)


def block_of(part: tuple[float, float], size: tuple[int, int]) -> tuple[int, int]:
    """Return what `blocks` does for a part of a picture of this width and height."""
    return max(1, int(part[0] / size[0] / REDUCING_GAP)), max(1, int(part[1] / size[1] / REDUCING_GAP))


def _size_of(source: Source) -> tuple[int, int]:
    return source.size if isinstance(source, Image.Image) else (source.shape[1], source.shape[0])


def _scaled(
    source: Source,
    size: tuple[int, int],
    box: Box | None,
    mode: str,
    converted: _Converted,
    most_in_memory: int | None = None,
) -> Pixels:
    """Return a picture in `mode` and of `size`; `converted` makes a band of it so, averaged over blocks of a size."""
    left, top, right, bottom = box or (0, 0, *_size_of(source))
    across, down = blocks(source, size, box)
    with damage_is_corrupt():  # what follows says nothing about the file
        reduced = _averaged(source, (across, down), mode, converted, most_in_memory)
    return resize(reduced, *size, (left / across, top / down, right / across, bottom / down))


def _averaged(
    source: Source, block: tuple[int, int], mode: str, converted: _Converted, most_in_memory: int | None
) -> Pixels:
    (width, height), (across, down) = _size_of(source), block
    rows = max(1, BAND_PIXELS // width // down) * down
    if rows >= height:
        return np.array(converted(_band(source, 0, height), block))
    # Not in an image of Pillow's, whose pixels take four bytes.
    shape = (-(-height // down), -(-width // across))
    averaged = scratch.empty(shape if mode == "L" else (*shape, 3), most_in_memory)
    for start in range(0, height, rows):
        part = np.asarray(converted(_band(source, start, min(start + rows, height)), block))
        made = averaged[start // down : start // down + len(part)]
        made[:] = part
        scratch.let_go(made)
    return averaged


def _band(source: Source, start: int, end: int) -> Image.Image:
    """Return rows of a picture as an image."""
    if isinstance(source, Image.Image):
        return source if (start, end) == (0, source.height) else source.crop((0, start, source.width, end))
    band = Image.fromarray(source[start:end])
    scratch.let_go(source[start:end])
    return band


def _on_white(image: Image.Image, factor: tuple[int, int], to_srgb: Convert) -> Image.Image:
    """Return an 8-bit image averaged over blocks of `factor`, as RGB."""
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if (alpha := image.getchannel("A")).getextrema() != (255, 255):
            # White is laid under colours as they are shown: mixed in another space, soft edges are of other colours.
            colours = to_srgb(image.convert("L" if grey else "RGB"))
            colours.putalpha(alpha)
            # Scaled with its colours weighted by alpha: a transparent pixel's has no meaning.
            *channels, alpha = _reduced(colours.convert("RGBa"), factor).split()
            white = ImageChops.invert(alpha)
            return Image.merge("RGB", [ImageChops.add(colour, white) for colour in channels])
    if image.mode not in ("L", "RGB", "CMYK", "LAB"):
        image = image.convert("L" if grey else "RGB")
    return to_srgb(_reduced(image, factor))


def _reduced(image: Image.Image, factor: tuple[int, int]) -> Image.Image:
    return image if factor == (1, 1) else image.reduce(factor)


def levels_of(floats: np.ndarray) -> Pixels:
    """Return floats in [0, 1] as 8 bits. Raises UnsupportedImageError for any other."""
    if not np.isfinite(floats).all() or floats.min() < 0 or floats.max() > 1:
        raise UnsupportedImageError("float values outside [0, 1] have no 8-bit form; convert the file first")
    return (floats * 255 + 0.5).astype(np.uint8)


def without_matte(pixels: Pixels, alpha: Pixels) -> Pixels:
    """Return colours (H, W, 3) that look on white as `pixels` do once they have an alpha (H, W).

    Where none does, as darker ones than alpha lets through, they are the nearest; where nothing shows, as they are.
    """
    found = pixels.copy()
    rows = max(1, BAND_PIXELS // pixels.shape[1])
    for start in range(0, len(pixels), rows):
        band, opacity = found[start : start + rows], alpha[start : start + rows]
        soft = (opacity > 0) & (opacity < 255)
        if soft.any():
            share = opacity[soft][:, None] / np.float32(255)
            band[soft] = np.clip((band[soft] - 255 * (1 - share)) / share + np.float32(0.5), 0, 255)
    return found


def refuse_wide(image: Image.Image) -> None:
    """Raise UnsupportedImageError for values of 32 bits: only of PNG and PPM it is known that 16 of them are used."""
    if image.mode == "I" and image.format not in ("PNG", "PPM"):
        raise UnsupportedImageError("signed or 32-bit values have no 8-bit form; convert it to 8 or 16 bits first")


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        return image.convert("LA")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        eight = Image.fromarray(SIXTEEN_TO_EIGHT[values])
        if image.info.get("transparency") is None:
            return eight
        # One grey of the sixteen bits is transparent, not all that become the same eight.
        return Image.merge("LA", (eight, Image.fromarray((values != image.info["transparency"]) * np.uint8(255))))
    if image.mode == "F":
        return Image.fromarray(levels_of(np.asarray(image)))
    return image
