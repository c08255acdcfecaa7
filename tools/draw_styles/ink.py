"""Ink wash: mountains that fade into mist on fibrous paper, a leaning pine, birds, a red seal."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from tools.draw_styles.canvas import (
    HEIGHT_PX,
    LARGE,
    SCALE,
    WIDTH_PX,
    Array,
    Rng,
    blur,
    box,
    grid,
    mix,
    noise,
    paper,
    rgb,
    scanned,
    smooth,
    warp,
    wave,
)


def _ridge(rng: Rng, x: Array, y: Array, line_px: float, tall_px: float, fade_px: float, dark: float) -> Array:
    """Return the ink (H, W) of one range: darkest at its edge, lost in mist below, with dry strokes down its face."""
    peaks = sum(
        np.exp(-(np.abs((x - rng.uniform(0, WIDTH_PX)) / rng.uniform(45, 130)) ** 1.35)) * rng.uniform(0.3, 1.0)
        for _ in range(6)
    )
    edge = line_px - tall_px * peaks - tall_px * 0.08 * wave(rng, x, 90, 5, 0.6)
    below = y - edge + 2.5 * noise(rng, 9, 2)
    wash = smooth(-1.2, 1.5, below) * np.exp(-np.clip(below, 0, None) / fade_px)
    slant = noise(rng, 5, 1.8, (1, 5)) + 0.6 * noise(rng, 24, 2.2, (1, 2.5))
    dry = smooth(0.35, 1.5, slant) * np.exp(-np.clip(below - 6, 0, None) / (fade_px * 0.9)) * (below > 1)
    rim = np.exp(-(((below - 2.5) / 3.2) ** 2)) * (0.55 + 0.45 * smooth(-0.6, 0.9, noise(rng, 22, 2)))
    tone = 0.55 * wash * (0.85 + 0.22 * noise(rng, 34, 2.4)) + 0.6 * dry + 0.5 * rim
    return np.asarray(dark * tone, dtype=np.float32)


def _stroke(pen: ImageDraw.ImageDraw, path: Array, widths: Array) -> None:
    """Draw a brush stroke along `path` (N, 2) whose width changes."""
    for (px, py), r in zip(path, widths / 2, strict=True):
        pen.ellipse(box(px, py, r, r), fill=255)


def _pine(rng: Rng) -> tuple[Array, Array]:
    """Return a pine that leans in from the right: its wood and its needles, each (H, W) ink in [0, 1]."""
    wood, needles = (Image.new("L", LARGE, 0) for _ in range(2))
    pen, quill = ImageDraw.Draw(wood), ImageDraw.Draw(needles)
    t = np.linspace(0, 1, 260)
    trunk = np.stack([610 - 170 * t + 30 * np.sin(t * 7), 530 - 330 * t**0.9 + 12 * np.sin(t * 11)], -1)
    _stroke(pen, trunk, 24 * (1 - t) ** 0.8 + 3 + rng.normal(0, 0.7, 260))
    for i, at in enumerate((0.3, 0.42, 0.54, 0.64, 0.74, 0.84, 0.92, 0.99)):
        side = -1 if i % 2 == 0 else 0.75
        length = (150 - 95 * at) * rng.uniform(0.85, 1.2)
        root = trunk[int(at * 259)]
        s = np.linspace(0, 1, 110)
        path = root + np.stack([side * length * s, -20 * np.sin(s * 2.6) + 26 * s**2 + 3 * np.sin(s * 13)], -1)
        _stroke(pen, path, (9 - 5 * at) * (1 - s) ** 0.7 + 1.4)
        for spot in path[rng.integers(25, 110, 20)]:
            middle = spot + rng.normal(0, 1, 2) * (7, 4) + (0, -5)
            for turn in rng.normal(-np.pi / 2, 0.85, 24):
                tip = middle + np.array([np.cos(turn), np.sin(turn)]) * rng.uniform(7, 17)
                ends = [*(middle * SCALE).tolist(), *(tip * SCALE).tolist()]
                quill.line(ends, fill=int(rng.integers(120, 255)), width=int(rng.integers(1, 4)))
    return scanned(wood), scanned(needles)


def draw(rng: Rng) -> Array:
    """Return the picture, (H, W, 3) float in [0, 1]."""
    x, y = grid()
    ink = np.zeros_like(x)
    for line, tall, fade, dark in (
        (0.42, 120, 60, 0.42),
        (0.58, 190, 80, 0.72),
        (0.78, 120, 70, 0.95),
        (0.98, 90, 60, 1.2),
    ):
        mist = smooth(-25, 70, y - line * HEIGHT_PX + 28 * noise(rng, 80, 3, (3, 1)))
        ink = ink * (1 - 0.75 * mist) + _ridge(rng, x, y, line * HEIGHT_PX, tall, fade, dark)
    ink = ink + 0.35 * smooth(0.7, 2.0, noise(rng, 40, 2.6, (6, 1))) * smooth(0.78, 0.95, y / HEIGHT_PX)
    wood, needles = _pine(rng)
    dry = 0.75 + 0.4 * smooth(-0.8, 0.6, noise(rng, 3, 1.6, (1, 4)))
    ink = ink * (1 - 0.5 * wood) + 1.5 * wood * dry + 1.05 * needles
    # Wet ink creeps along the fibres: a fine warp, and a halo that the paper drinks.
    ink = warp(ink, 1.3 * noise(rng, 4, 2), 1.3 * noise(rng, 4, 2))
    ink = 0.78 * ink + 0.2 * blur(ink, 2.2) + 0.12 * blur(ink, 9)
    ink *= 1 + 0.13 * noise(rng, 1.4, 1.2) + 0.10 * noise(rng, 12, 2)
    sheet = paper(rng, "efe4cc", 0.035)
    wash = rgb("7d9aa0", "c98a5a")
    sheet = mix(sheet, wash[0], 0.30 * smooth(0, 2, noise(rng, 120, 3, (3, 1))) * smooth(0.4, 0.9, y / HEIGHT_PX))
    sun = np.hypot(x - 150, y - 105) + 2 * noise(rng, 12, 2)
    sheet = mix(sheet, rgb("c8402c")[0], 0.8 * smooth(46, 41, sun) * (0.8 + 0.1 * noise(rng, 10, 2)).clip(0, 1))
    drawn = sheet * np.exp(-np.clip(ink, 0, 3)[..., None] * np.array([1.55, 1.48, 1.36]))
    stamp = (np.abs(x - 60) < 19) & (np.abs(y - 440) < 19)
    carved = np.sin((x - 60) / 2.6) * np.sin((y - 440) / 3.1) + 0.5 * noise(rng, 7, 2) < 0.35
    return mix(drawn, rgb("b3261e")[0], blur((stamp & carved).astype(np.float32), 0.7) * 0.88)
