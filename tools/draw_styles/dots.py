"""Pointillism: a river bank in late sun, built of small dots of unmixed colour."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from tools.draw_styles.canvas import (
    HEIGHT_PX,
    LARGE,
    SCALE,
    Array,
    Rng,
    grid,
    mix,
    noise,
    ramp,
    relief,
    rgb,
    sample,
    scanned,
    scatter,
    smooth,
    wave,
)

SKY = rgb("8fb4e0", "b9c8e6", "f2d8c0", "fbd68a", "f8b070")
GRASS = rgb("e8d85a", "a8c43c", "5a9a3a", "2a6a4a", "24407a")
LEAF = rgb("f0d24a", "9cc040", "3f8a44", "1f5a54", "2a2f6a")


def _crown(rng: Rng, x: Array, y: Array, px: float, py: float, r: float) -> tuple[Array, Array]:
    """Return a tree's crown: where it is (H, W), and its shade (H, W) from 0 in the sun to 1."""
    dx, dy = (x - px) / r, (y - py) / (r * 0.85)
    lumps = 0.16 * noise(rng, 26, 2.2)
    inside = smooth(1.02, 0.95, np.hypot(dx, dy) + lumps)
    shade = np.clip(0.5 + 0.36 * dx + 0.34 * dy + 0.2 * noise(rng, 20, 2), 0, 1)
    return inside, shade


def _scene(rng: Rng) -> Array:
    """Return the view the dots are taken from, (H, W, 3)."""
    x, y = grid()
    shore = HEIGHT_PX * 0.53
    colour = ramp(y / shore + 0.07 * noise(rng, 60, 2.6, (3, 1)), SKY)
    colour = mix(colour, rgb("fff4d8")[0], smooth(0.5, 1.6, noise(rng, 55, 2.6, (3, 1))) * 0.9)
    hill = shore - 34 - 16 * wave(rng, x, 420, 3)
    colour = mix(colour, ramp((y - hill) / 60, rgb("9a8cc4", "7a9ab0", "8ab07a")), smooth(-1, 1, y - hill))
    for px, py, r in ((60, 170, 120), (190, 215, 66), (560, 200, 84), (640, 160, 96), (455, 236, 36), (395, 244, 26)):
        inside, shade = _crown(rng, x, y, px, py, r)
        trunk = (np.abs(x - px) < r * 0.07) & (y > py) & (y < shore + 2)
        colour = mix(colour, rgb("4a2f5a")[0], trunk.astype(np.float32))
        colour = mix(colour, ramp(shade, LEAF), inside)
    for px, tall in ((300, 62), (345, 44)):
        sail = (np.abs(x - px + (shore - y) * 0.1) < (y - shore + tall) * 0.3) & (y < shore - 3) & (y > shore - tall)
        colour = mix(colour, ramp((x - px) / 30 + 0.5, rgb("fffaf0", "f6d8b0", "b0a4d0")), sail.astype(np.float32))
    # The river gives the view back, darker and broken by ripples.
    ripple = 5 * np.sin(y / 3.1 + 2 * noise(rng, 40, 2)) + 3 * noise(rng, 8, 2, (5, 1))
    mirror = sample(colour, x + ripple, 2 * shore - y)
    water = mix(mirror * 0.88, ramp((y - shore) / 150, rgb("a8c4e0", "4a7ab8", "2a4a98")), np.full_like(x, 0.34))
    colour = np.where((y > shore)[..., None], water, colour)
    bank = HEIGHT_PX * 0.98 - 150 * smooth(380, -60, x) - 70 * smooth(400, 700, x) + 7 * wave(rng, x, 150, 3)
    shade = np.clip((y - bank) / 150 + 0.2 * noise(rng, 26, 2, (3, 1)), 0, 1)
    colour = mix(colour, ramp(shade, GRASS), smooth(-1, 1, y - bank))
    bloom = smooth(1.3, 1.9, noise(rng, 5, 2)) * smooth(4, 16, y - bank)
    return mix(colour, ramp(0.5 + 0.3 * noise(rng, 30, 2), rgb("e84a5a", "f8b8c8", "fff0d0")), bloom)


def draw(rng: Rng) -> Array:
    """Return the picture, (H, W, 3) float in [0, 1]."""
    scene = _scene(rng)
    sheet = Image.new("RGBA", LARGE, (226, 212, 184, 40))
    pen = ImageDraw.Draw(sheet)
    for spacing, size, spread in ((7.0, 4.6, 0.05), (4.6, 2.9, 0.09), (4.0, 1.95, 0.13)):
        points = scatter(rng, spacing, 0.6)
        rng.shuffle(points)
        count = len(points)
        colours = sample(scene, points[:, 0], points[:, 1])
        # Divided colour: the eye mixes neighbours, so each dot is purer than the scene, some its opposite.
        grey = colours.mean(1, keepdims=True)
        pure = grey + (colours - grey) * rng.uniform(1.05, 1.5, (count, 1)) + rng.normal(0, spread, (count, 3))
        other = np.clip(grey * 1.05 - (colours - grey) * 0.5 + (0.0, -0.03, 0.1), 0, 1)
        pure = np.where(rng.random((count, 1)) < 0.09, other, pure)
        thick = rng.uniform(150, 255, (count, 1))
        fill = np.concatenate([pure * 255, thick], 1).clip(0, 255).astype(int).tolist()
        half = size * rng.uniform(0.7, 1.15, (count, 2))
        boxes = (np.concatenate([points - half, points + half], 1) * SCALE).tolist()
        for box, ink in zip(boxes, fill, strict=True):
            pen.ellipse(box, fill=tuple(ink))
    flat = scanned(sheet)
    weave = 0.06 * noise(rng, 2.0, 1.5)
    lit, gleam = relief(flat[..., 3] + weave, 0.45, 0.1)
    return mix(flat[..., :3] * lit[..., None], np.ones(3, np.float32), gleam)
