"""Colours to sRGB: by an ICC profile, by the numbers of ITU-T H.273 that cICP and nclx signal, or by gAMA and cHRM."""

from __future__ import annotations

import functools
import io
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageCms

from stylize.errors import UnsupportedImageError

Floats = np.ndarray[Any, np.dtype[Any]]


class Signal(NamedTuple):
    """What cICP or nclx says of a file's colours: code points of ITU-T H.273.

    `narrow`: black is 16 and white 235, as in video, and the decoder has not undone it.
    """

    primaries: int
    transfer: int
    narrow: bool = False


Corners = tuple[tuple[float, float], ...]


class Space(NamedTuple):
    """Colours by (x, y) of red, green, blue and white, and the exponent to linear light; None: the curve of sRGB."""

    corners: Corners
    gamma: float | None


_D65 = (0.3127, 0.3290)
_PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    4: ((0.670, 0.330), (0.210, 0.710), (0.140, 0.080), (0.310, 0.316)),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
}
SRGB_CORNERS: Corners = _PRIMARIES[1]
_UNSPECIFIED = 2
# As viewers show still images, the curves of television count as sRGB's.
_LIKE_SRGB = (1, 2, 6, 13, 14, 15)
_GAMMA = {4: 2.2, 5: 2.8, 8: 1.0}
_HDR = {16: "PQ", 18: "HLG"}
_GAMMA_OF_SRGB, _NEAR_GAMMA, _NEAR_CORNERS = 0.45455, 0.05, 0.01
"""What libpng takes for sRGB, too."""
_LEAST_GAMMA = 0.1
_WIDENED = [min(max(round((level - 16) * 255 / 219), 0), 255) for level in range(256)]
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def stated_space(corners: Corners, gamma: float) -> Space | None:
    """Return the space of colours whose values are light to the power of `gamma`; None where that is sRGB.

    Corners that enclose no white and a gamma without sense count as sRGB's.
    """
    if not _is_triangle(corners) or np.abs(np.subtract(corners, SRGB_CORNERS)).max() <= _NEAR_CORNERS:
        corners = SRGB_CORNERS
    plain = abs(gamma / _GAMMA_OF_SRGB - 1) <= _NEAR_GAMMA or not _LEAST_GAMMA <= gamma <= 1 / _LEAST_GAMMA
    return None if plain and corners == SRGB_CORNERS else Space(corners, None if plain else 1 / gamma)


def _is_triangle(corners: Corners) -> bool:
    """Return whether white lies between three colours."""
    rows = np.array([(x, y, 1) for x, y in corners])
    try:
        shares = np.linalg.solve(rows[:3].T, rows[3])
    except np.linalg.LinAlgError:
        return False
    return bool((shares > 0).all() and (rows[:, 1] > 0).all())


class ToSrgb:
    """Convert 8-bit images of one file (L, RGB, CMYK, LAB) to RGB in sRGB.

    By the profile where it is one for such an image, else by the signal or space, else as they are. Raises
    UnsupportedImageError for a signal that has no honest 8-bit form.
    """

    def __init__(self, profile: bytes | None, signal: Signal | Space | None) -> None:
        self._profile = profile
        self._transforms: dict[str, ImageCms.ImageCmsTransform | None] = {}
        self._space = _checked(signal) if isinstance(signal, Signal) else signal
        self._narrow = isinstance(signal, Signal) and signal.narrow

    def keeps(self, mode: str) -> bool:
        """Return whether an image in a mode is in sRGB as it is."""
        return self._space is None and not self._narrow and self._transform(mode) is None

    def _transform(self, mode: str) -> ImageCms.ImageCmsTransform | None:
        if mode not in self._transforms:
            self._transforms[mode] = _usable(self._profile, mode)
        return self._transforms[mode]

    def __call__(self, image: Image.Image) -> Image.Image:
        if self._narrow:
            image = image.point(_WIDENED * len(image.getbands()))
        transform = self._transform(image.mode)
        if transform is None and image.mode == "L":
            # Grey that was made of colours keeps their profile: as in browsers, it counts for grey as for colours.
            image = image.convert("RGB")
            transform = self._transform("RGB")
        if transform is not None:
            converted = ImageCms.applyTransform(image, transform)
            assert converted is not None
            return converted
        rgb = image.convert("RGB")
        return rgb if self._space is None or image.mode not in ("L", "RGB") else _by_space(rgb, self._space)


def _usable(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform to sRGB, None where the image is so already or the profile is none for such an image."""
    if mode == "LAB":
        return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    if not profile:
        return None
    try:
        return None if mode == "RGB" and _is_srgb(profile) else _transform(profile, mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


@functools.lru_cache(maxsize=32)
def _is_srgb(profile: bytes) -> bool:
    """Return whether a profile is sRGB by what it does, not by its name: many bear it wrongly, and many another."""
    steps = np.arange(0, 256, 51, dtype=np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    after = np.asarray(ImageCms.applyTransform(Image.fromarray(cube), _transform(profile, "RGB")))
    return bool(np.abs(after.astype(int) - cube).max() <= 2)


def _checked(signal: Signal) -> Space | None:
    """Return a signal's space, None where it is sRGB. Raises UnsupportedImageError for what cannot be converted."""
    if signal.transfer in _HDR:
        name = _HDR[signal.transfer]
        raise UnsupportedImageError(f"high dynamic range ({name}) has no 8-bit form; convert the file to sRGB first")
    known = signal.primaries in _PRIMARIES or signal.primaries == _UNSPECIFIED
    if not known or not (signal.transfer in _LIKE_SRGB or signal.transfer in _GAMMA):
        raise UnsupportedImageError(
            f"its colours (primaries {signal.primaries}, transfer {signal.transfer} of ITU-T H.273) cannot be "
            "converted; convert the file to sRGB first"
        )
    plain = signal.primaries in (1, _UNSPECIFIED) and signal.transfer in _LIKE_SRGB
    return None if plain else Space(_PRIMARIES.get(signal.primaries, SRGB_CORNERS), _GAMMA.get(signal.transfer))


def _by_space(image: Image.Image, space: Space) -> Image.Image:
    levels = np.arange(256) / 255
    by_level = _srgb_to_linear(levels) if space.gamma is None else levels**space.gamma
    linear = by_level.astype(np.float32)[np.asarray(image)]
    linear = (linear @ _to_srgb_corners(space.corners)).clip(0, 1)
    return Image.fromarray(_linear_to_srgb(linear))


def _srgb_to_linear(values: Floats) -> Floats:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _linear_to_srgb(linear: Floats) -> Floats:
    encoded: Floats = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(encoded * 255 + 0.5, np.uint8)


@functools.lru_cache(maxsize=32)
def _to_srgb_corners(corners: Corners) -> Floats:
    """Return (3, 3) float32 that linear RGB rows are multiplied by."""
    adapted = _adaptation(corners[3]) @ _to_xyz(corners)
    return np.asarray((np.linalg.inv(_to_xyz(SRGB_CORNERS)) @ adapted).T, np.float32)


def _to_xyz(corners: Corners) -> Floats:
    columns = np.array([_xyz(one) for one in corners[:3]]).T
    return columns * np.linalg.solve(columns, _xyz(corners[3]))


def _adaptation(white: tuple[float, float]) -> Floats:
    to = (_BRADFORD @ _xyz(_D65)) / (_BRADFORD @ _xyz(white))
    return np.asarray(np.linalg.inv(_BRADFORD) @ (to[:, None] * _BRADFORD))


def _xyz(point: tuple[float, float]) -> Floats:
    x, y = point
    return np.array([x / y, 1, (1 - x - y) / y])
