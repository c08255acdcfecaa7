"""Image files to pixels and back: (H, W, 3) uint8 RGB, upright, in sRGB, on white."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile, UnidentifiedImageError

from stylize.errors import CorruptImageError, UnsupportedImageError, message_of

log = logging.getLogger(__name__)

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

_Box = tuple[int, int, float, float]

FORMATS = ("jpg", "png", "webp")
SUFFIXES = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".tga",
    ".avif",
))  # fmt: skip
MAX_PIXELS = 100_000_000
# Pillow knows more, but of those some start other programs (EPS runs Ghostscript) and few are ever photos.
_KINDS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "TGA", "AVIF")
# 257 maps 65535 to 255.
_SIXTEEN_TO_EIGHT = ((np.arange(65_536) + 128) // 257).astype(np.uint8)
# What Pillow's plugins raise on damaged files. MemoryError is not among them: it says nothing about the file.
_DAMAGE = (
    OSError, SyntaxError, ValueError, LookupError, EOFError, TypeError, ArithmeticError, AssertionError,
    AttributeError, RuntimeError, struct.error, zlib.error, Warning,
)  # fmt: skip

# The size is checked from the header against `max_pixels`, a limit of the run's own; Pillow's, a warning from any
# thread that cannot be caught without touching the others, would come on top of it.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Its complaints about metadata would, under `-W error`, cost an image whose pixels are whole.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels (H, W, 3) uint8 at the working size, and the upright size of the file they came from."""

    pixels: Pixels
    source_width_px: int
    source_height_px: int


def decode(data: bytes, *, long_side_px: int | None = None, max_pixels: int = MAX_PIXELS) -> Decoded:
    """A file's bytes to pixels whose long side is `long_side_px` (None: as they are).

    Raises CorruptImageError for what is no whole image, UnsupportedImageError for one of more than `max_pixels`
    or of a kind that has no sensible 8-bit form. The first frame of an animation counts.
    """
    image = _open(data)
    width, height = image.size
    if width * height > max_pixels:
        raise UnsupportedImageError(
            f"{width} x {height} px is over the limit of {max_pixels} pixels; raise max_pixels to allow it"
        )
    with _damage_is_corrupt():
        box = _draft(image, long_side_px)
        image.load()
        # Only now: asked before, a PNG loads itself and hides its damage, and a TIFF is turned by Pillow as it loads.
        turned = _orientation(image)
        rgb = _to_srgb(image)
    # Before it is turned: `box` is in the file's own orientation.
    size = working_size(width, height, long_side_px)
    if rgb.size != size:
        rgb = _resized(rgb, size, box)
    if turned in (5, 6, 7, 8):
        width, height = height, width
    return Decoded(np.array(_apply(rgb, turned)), width, height)


def header_size(data: bytes) -> tuple[int, int]:
    """(width, height) in pixels as the header says, before any turning. Raises CorruptImageError."""
    return _open(data).size


def working_size(width: int, height: int, long_side_px: int | None) -> tuple[int, int]:
    """(width, height) in pixels with the long side as asked, the ratio kept, no side under 1."""
    if long_side_px is None or max(width, height) == long_side_px:
        return width, height
    if long_side_px < 1:
        raise ValueError(f"long_side_px is {long_side_px}; give 1 or more, or None for the image's own size")
    scale = long_side_px / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def encode(pixels: Pixels, format: str, quality: int) -> bytes:
    """(H, W, 3) uint8 to a file's bytes. `quality` (1 to 100) is for jpg and webp.

    Raises ValueError for another format or quality, UnsupportedImageError where the format cannot hold so long a side.
    """
    if format != "png" and not 1 <= quality <= 100:
        raise ValueError(f"quality is {quality}; give 1 to 100")
    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    if format == "jpg":
        limit, options = 65_500, {"quality": quality, "subsampling": 0 if quality >= 90 else 2}
    elif format == "png":
        # Level 1: over twice as fast as the default for files about a tenth larger.
        limit, options = 2**31 - 1, {"compress_level": 1}
    elif format == "webp":
        limit, options = 16_383, {"quality": quality, "method": 2}
    else:
        raise ValueError(f"unknown format {format!r}; known: {', '.join(FORMATS)}")
    if max(pixels.shape[:2]) > limit:
        raise UnsupportedImageError(f"{format} holds at most {limit} px a side; choose png")
    image.save(buffer, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[format], **options)
    return buffer.getvalue()


def resize(pixels: Pixels, width_px: int, height_px: int) -> Pixels:
    """(H, W, 3) uint8 to the given size, with the filter that `decode` uses."""
    image = Image.fromarray(pixels)
    if image.size == (width_px, height_px):
        return pixels
    return np.array(_resized(image, (width_px, height_px)))


def _resized(image: Image.Image, size: tuple[int, int], box: _Box | None = None) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=3.0)


def _open(data: bytes) -> Image.Image:
    if not data:
        raise CorruptImageError("an empty file")
    with _damage_is_corrupt():
        return Image.open(io.BytesIO(data), formats=_KINDS)


@contextlib.contextmanager
def _damage_is_corrupt() -> Iterator[None]:
    try:
        yield
    except UnidentifiedImageError:
        raise CorruptImageError("not an image that Pillow can read") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnsupportedImageError(f"refused: {error}") from None
    except _DAMAGE as error:
        raise CorruptImageError(f"damaged or cut short: {message_of(error)}") from None


def _orientation(image: Image.Image) -> int:
    # A damaged EXIF block says nothing about the pixels, so it never costs the image.
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _DAMAGE:
        log.debug("EXIF not readable", exc_info=True)
        return 1
    return turned if turned in range(1, 9) else 1


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _apply(image: Image.Image, turned: int) -> Image.Image:
    return image.transpose(_TURNS[turned]) if turned in _TURNS else image


def _draft(image: Image.Image, long_side_px: int | None) -> _Box | None:
    """Let the JPEG decoder scale down by a power of two, to no less than twice what is wanted.

    Returns the part of what it will give that is the image: its last column and row may be so in part only.
    """
    # MPO is what many phones write: a JPEG with more pictures behind the first.
    if long_side_px is None or not isinstance(image, ImageFile.ImageFile) or image.format not in ("JPEG", "MPO"):
        return None
    width, height = working_size(*image.size, long_side_px)
    drafted = image.draft(None, (2 * width, 2 * height))
    return drafted[1] if drafted else None


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    image = _eight_bit(image)
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, rgba)
    if image.mode in ("1", "P", "RGBA", "YCbCr"):
        # To what a colour profile can be for.
        image = image.convert("L" if grey else "RGB")
    converted = _through_profile(image, profile) if profile else None
    return converted if converted is not None else image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Mode "I" holds 16-bit values if it comes from these; elsewhere its range is anybody's guess.
        if image.mode == "I" and image.format not in ("PNG", "PPM"):
            raise UnsupportedImageError("signed or 32-bit grey values have no 8-bit form; convert the file first")
        values = np.asarray(image)
        eight = Image.fromarray(_SIXTEEN_TO_EIGHT[values])
        if image.info.get("transparency") is None:
            return eight
        # One grey of the sixteen bits is transparent, not all that become the same eight.
        return Image.merge("LA", (eight, Image.fromarray((values != image.info["transparency"]) * np.uint8(255))))
    if image.mode == "F":
        floats = np.asarray(image)
        if not np.isfinite(floats).all() or floats.min() < 0 or floats.max() > 1:
            raise UnsupportedImageError("float values outside [0, 1] have no 8-bit form; convert the file first")
        return Image.fromarray((floats * 255 + 0.5).astype(np.uint8))
    return image


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The image in sRGB, None where it is so already or the profile is unusable."""
    try:
        if image.mode == "RGB" and _is_srgb(profile):
            return None
        return ImageCms.applyTransform(image, _transform(profile, image.mode))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


@functools.lru_cache(maxsize=32)
def _is_srgb(profile: bytes) -> bool:
    """By what it does and not by its name: there is a "linear sRGB", and many an sRGB of another name."""
    steps = np.arange(0, 256, 51, dtype=np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    after = np.asarray(ImageCms.applyTransform(Image.fromarray(cube), _transform(profile, "RGB")))
    return bool(np.abs(after.astype(int) - cube).max() <= 2)
