"""What every drawing shares: the sheet's size, noise, colour ramps, light on a relief, paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import fft, ndimage

Array = npt.NDArray[Any]
Rng = np.random.Generator

WIDTH_PX = 640
HEIGHT_PX = 512
SHAPE = (HEIGHT_PX, WIDTH_PX)
SCALE = 2
"""How much larger than the sheet pens draw, so that edges become smooth as it is shrunk."""
LARGE = (WIDTH_PX * SCALE, HEIGHT_PX * SCALE)


def grid(scale: int = 1) -> tuple[Array, Array]:
    """Return x and y of every pixel's middle, each (H * scale, W * scale) float32, in pixels of the sheet."""
    y, x = np.mgrid[0 : HEIGHT_PX * scale, 0 : WIDTH_PX * scale].astype(np.float32)
    return (x + 0.5) / scale, (y + 0.5) / scale


def noise(rng: Rng, size_px: float, slope: float = 2.0, stretch: tuple[float, float] = (1.0, 1.0)) -> Array:
    """Return cloudy (H, W) float32 noise, mean 0, standard deviation 1, with features of about `size_px`.

    `slope` is how fast detail finer than that dies away (1 rough, 3 smooth); `stretch` lengthens
    the features along x and y.
    """
    white = rng.standard_normal(SHAPE, dtype=np.float32)
    fy = fft.fftfreq(HEIGHT_PX)[:, None] * stretch[1]
    fx = fft.rfftfreq(WIDTH_PX)[None, :] * stretch[0]
    gain = (1.0 + (fx * fx + fy * fy) * (size_px * size_px)) ** (-slope / 2)
    gain[0, 0] = 0.0
    cloud = fft.irfft2(fft.rfft2(white) * gain.astype(np.float32), SHAPE)
    return np.asarray(cloud / cloud.std(), dtype=np.float32)


def wave(rng: Rng, x: Array, period_px: float, octaves: int = 4, roughness: float = 0.5) -> Array:
    """Return a wandering line over `x` (any shape): a sum of sines of random phase, about [-1, 1]."""
    line = np.zeros_like(x, dtype=np.float32)
    for octave in range(octaves):
        pitch = period_px / 2**octave * rng.uniform(0.8, 1.25)
        line += roughness**octave * np.sin(2 * np.pi * (x / pitch + rng.random()))
    return line


def rgb(*colours: str) -> Array:
    """Return colours written `rrggbb` as an (N, 3) float32 array in [0, 1]."""
    return np.array([[int(c[i : i + 2], 16) / 255 for i in (0, 2, 4)] for c in colours], np.float32)


def ramp(t: Array, colours: Array) -> Array:
    """Return colours (N, 3) spread evenly over t in [0, 1], mixed in between: t's shape + (3,)."""
    at = np.linspace(0.0, 1.0, len(colours))
    return np.stack([np.interp(t, at, colours[:, c]) for c in range(3)], -1).astype(np.float32)


def smooth(low: float, high: float, value: Array) -> Array:
    """Return 0 below `low`, 1 above `high` (or the other way round where high < low), smooth in between."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


def mix(under: Array, over: Array, cover: Array) -> Array:
    """Return `over` (a colour or an (H, W, 3) image) laid on `under` where `cover` (H, W) is 1."""
    return np.asarray(under + (over - under) * cover[..., None], dtype=np.float32)


def relief(height: Array, depth: float, shine: float = 0.0) -> tuple[Array, Array]:
    """Return light from the upper left on a (H, W) surface: a factor around 1, and highlights from 0 to `shine`."""
    slope = (np.gradient(height, axis=1) + np.gradient(height, axis=0)) * depth
    lit = np.clip(1.0 + slope, 0.45, 1.6)
    return lit.astype(np.float32), (shine * smooth(0.25, 0.8, slope)).astype(np.float32)


def blur(image: Array, sigma_px: float) -> Array:
    """Return `image` (H, W) or (H, W, 3) softened by a Gaussian."""
    sigma = (sigma_px, sigma_px, 0.0)[: image.ndim]
    return np.asarray(ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=3.0), dtype=np.float32)


def sample(field: Array, x: Array, y: Array) -> Array:
    """Return `field` (H, W) or (H, W, C) at the nearest pixel of each point; outside, the border's value."""
    column = np.clip(x, 0, field.shape[1] - 1).astype(np.intp)
    row = np.clip(y, 0, field.shape[0] - 1).astype(np.intp)
    return np.asarray(field[row, column])


def warp(image: Array, dx: Array, dy: Array) -> Array:
    """Return `image` (H, W) read at each pixel moved by (dx, dy), linear between pixels."""
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    return np.asarray(ndimage.map_coordinates(image, [y + dy, x + dx], order=1, mode="nearest"), np.float32)


def shrink(image: Array) -> Array:
    """Return the mean of every SCALE x SCALE block, (H, W) or (H, W, C)."""
    parts = (image[row::SCALE, column::SCALE] for row in range(SCALE) for column in range(SCALE))
    return np.asarray(sum(part.astype(np.float32) for part in parts) / SCALE**2)


def scanned(sheet: Image.Image) -> Array:
    """Return what was drawn on a LARGE sheet, (H, W) or (H, W, C) in [0, 1]."""
    return shrink(np.asarray(sheet)) / 255


def box(x: float, y: float, rx: float, ry: float) -> list[float]:
    """Return the corners of an ellipse on a LARGE sheet, by its middle and radii in pixels of the sheet."""
    return [(x - rx) * SCALE, (y - ry) * SCALE, (x + rx) * SCALE, (y + ry) * SCALE]


def scatter(rng: Rng, spacing_px: float, jitter: float = 0.5) -> Array:
    """Return points (N, 2) over the sheet and a little past it: a grid, each point moved at random."""
    pad = spacing_px
    y, x = np.mgrid[-pad : HEIGHT_PX + pad : spacing_px, -pad : WIDTH_PX + pad : spacing_px]
    points = np.stack([x.ravel(), y.ravel()], -1)
    return points + rng.uniform(-jitter, jitter, points.shape) * spacing_px


def paper(rng: Rng, colour: str, grain: float) -> Array:
    """Return a sheet (H, W, 3) of `colour`: uneven tint, fine grain, long faint fibres."""
    tint = noise(rng, 90, 2.5) * 0.5 + noise(rng, 2.0, 2.0) + noise(rng, 14, 3, (6, 1)) * 0.5
    return np.asarray(rgb(colour)[0] * (1 + grain * tint)[..., None], dtype=np.float32)
