"""Thick night paint: a sky that turns around its stars, over hills and a cypress."""

from __future__ import annotations

import numpy as np

from tools.draw_styles.brush import Brush, painted
from tools.draw_styles.canvas import HEIGHT_PX, WIDTH_PX, Array, Rng, grid, mix, noise, ramp, rgb, smooth, wave

SKY = rgb("0d1b4c", "1b3a8a", "2a62b8", "16307a", "4c93cf", "9cc8d8", "20489a", "122460")
GLOW = rgb("2f6fb8", "8fc0b4", "e6dc86", "f7c331", "fbe58a", "fff6cf")
HILL = rgb("0f2a3a", "1d4f57", "3a7a5a", "8fa648", "d3b548", "2a5a6a")
FIELD = rgb("6b4a1c", "c98a23", "eec04a", "8a8a30", "3c6a3a")
STARS = (  # x, y, radius, in shares of the sheet's width
    (0.83, 0.16, 0.085), (0.13, 0.10, 0.040), (0.29, 0.26, 0.034), (0.42, 0.08, 0.036), (0.61, 0.09, 0.030),
    (0.67, 0.43, 0.036), (0.92, 0.42, 0.030), (0.20, 0.44, 0.030),
)  # fmt: skip
SWIRLS = ((0.46, 0.30, 0.13, 1.0), (0.66, 0.27, 0.08, -0.8))


def _sky(rng: Rng, x: Array, y: Array) -> tuple[Array, Array]:
    """Return the sky's colours, and the stream whose level lines its strokes follow."""
    stream = y + 14 * wave(rng, x + y * 0.4, 330, 2) + 5 * noise(rng, 60, 3)
    for sx, sy, r, spin in SWIRLS:
        px, py = sx * WIDTH_PX, sy * WIDTH_PX
        far = ((x - px) ** 2 + (y - py) ** 2) / (r * WIDTH_PX) ** 2
        stream += spin * 95 * np.exp(-far)
    band = stream / 92 + 0.12 * noise(rng, 40, 2.5)
    colour = ramp(np.mod(band, 1.0), np.concatenate([SKY, SKY[:1]]))
    for sx, sy, r in STARS:
        reach = r * WIDTH_PX
        far = np.hypot(x - sx * WIDTH_PX, y - sy * WIDTH_PX) / reach
        ring = 1 - far / 1.75 + 0.05 * np.sin(far * 9)
        colour = mix(colour, ramp(np.clip(ring, 0, 1), GLOW), smooth(1.8, 1.0, far))
        near = np.exp(-((far / 1.5) ** 4))
        stream = stream * (1 - near) + near * reach * far * 3
    return colour, stream


def _land(rng: Rng, x: Array, y: Array, colour: Array, angle: Array) -> tuple[Array, Array]:
    """Return four rolling ridges, front to last, each with strokes along its own slope."""
    for i in range(4):
        line = HEIGHT_PX * (0.66 + 0.085 * i) + (26 - 4 * i) * wave(rng, x, 420 - 60 * i, 3, 0.4)
        below = y - line
        inside = smooth(-1, 1, below)
        stripes = below / 60 + 0.2 * wave(rng, x + below, 180, 2) + 0.1 * noise(rng, 30, 2)
        hue = ramp(np.mod(np.abs(stripes), 1.0), FIELD if i == 2 else HILL)
        colour = mix(colour, hue * (0.75 + 0.1 * i), inside)
        slope = np.arctan(np.gradient(line, axis=1)) + (0.9 if i == 2 else 0.15) * np.sin(below / 30)
        angle = np.where(inside > 0.5, slope, angle)
    return colour, angle


def _cypress(rng: Rng, x: Array, y: Array, colour: Array, angle: Array) -> tuple[Array, Array]:
    """Return a dark flame of a tree at the left."""
    top, foot = 0.10 * HEIGHT_PX, 1.05 * HEIGHT_PX
    up = np.clip((y - top) / (foot - top), 0, 1)
    middle = 0.115 * WIDTH_PX + 9 * np.sin(y / 38) * up + 22 * (1 - up)
    half = 66 * up**0.75 * (1 - 0.30 * up) + 5 * wave(rng, y, 70, 3)
    side = (x - middle) / np.maximum(half, 1)
    inside = smooth(1.1, 0.95, np.abs(side)) * (y > top)
    tone = np.mod(side * 1.6 + 0.25 * wave(rng, y, 90, 3) + 0.12 * noise(rng, 25, 2), 1.0)
    hue = ramp(np.abs(tone * 2 - 1), rgb("0a1a1c", "12302a", "2c5236", "54702f", "7a5a22"))
    turn = np.pi / 2 + side * 0.35 + 0.45 * np.sin(y / 26 + side * 2)
    return mix(colour, hue, inside), np.where(inside > 0.5, turn, angle)


def draw(rng: Rng) -> Array:
    """Return the picture, (H, W, 3) float in [0, 1]."""
    x, y = grid()
    colour, stream = _sky(rng, x, y)
    angle = np.arctan2(-np.gradient(stream, axis=1), np.gradient(stream, axis=0))
    colour, angle = _land(rng, x, y, colour, angle)
    colour, angle = _cypress(rng, x, y, colour, angle)
    brushes = Brush(15, 60, 17, 6), Brush(9, 40, 11.5, 5, tone=0.06), Brush(6, 26, 10.5, 4, tone=0.09, hue=0.04)
    return painted(rng, "16244a", colour, angle, brushes, depth=1.7, shine=0.14)
