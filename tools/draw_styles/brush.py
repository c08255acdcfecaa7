"""Loaded brushes: strokes of several bristles that follow a field of directions and leave a relief."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from tools.draw_styles.canvas import LARGE, SCALE, Array, Rng, blur, mix, relief, sample, scanned, scatter

STEPS = 7
"""Points of a stroke."""


@dataclass(frozen=True, slots=True)
class Brush:
    """How one layer of strokes is laid: lengths in pixels, colour changes as fractions of full range."""

    width_px: float
    length_px: float
    spacing_px: float
    bristles: int
    tone: float = 0.05
    hue: float = 0.03


def painted(
    rng: Rng, ground: str, scene: Array, angle: Array, brushes: Sequence[Brush], depth: float, shine: float
) -> Array:
    """Return the colours of `scene` (H, W, 3) in a layer of strokes for each brush, lit from the upper left.

    Strokes follow the directions `angle` (H, W), in radians, over a `ground` written `rrggbb`.
    """
    # The alpha channel holds thickness: one call then lays both colour and relief.
    sheet = Image.new("RGBA", LARGE, f"#{ground}3c")
    pen = ImageDraw.Draw(sheet)
    for brush in brushes:
        points = scatter(rng, brush.spacing_px)
        rng.shuffle(points)
        length = brush.length_px * rng.uniform(0.6, 1.2, len(points))
        paths = _followed(points, angle, length)
        middle = paths[:, STEPS // 2]
        _lay(pen, rng, paths, sample(scene, middle[:, 0], middle[:, 1]), brush)
    paint = scanned(sheet)
    lit, gleam = relief(blur(paint[..., 3], 0.7), depth, shine)
    return mix(paint[..., :3] * lit[..., None], np.ones(3, np.float32), gleam)


def _followed(points: Array, angle: Array, length_px: Array) -> Array:
    """Return paths (N, STEPS, 2) from `points` (N, 2) along the directions `angle`."""
    path = [points]
    stride = (length_px / (STEPS - 1))[:, None]
    for _ in range(STEPS - 1):
        turn = sample(angle, path[-1][:, 0], path[-1][:, 1])
        path.append(path[-1] + stride * np.stack([np.cos(turn), np.sin(turn)], -1))
    return np.stack(path, 1)


def _lay(pen: ImageDraw.ImageDraw, rng: Rng, paths: Array, colours: Array, brush: Brush) -> None:
    """Lay `paths` (N, STEPS, 2) in order, in `colours` (N, 3) in [0, 1]; each bristle in its own shade."""
    count, across = len(paths), np.linspace(-0.5, 0.5, brush.bristles)
    along = np.gradient(paths, axis=1)
    normal = np.stack([-along[..., 1], along[..., 0]], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-6
    width = brush.width_px * rng.uniform(0.7, 1.25, count)
    lines = paths[:, None] + normal[:, None] * (across * width[:, None])[..., None, None]
    tint = colours + rng.normal(0, brush.tone, (count, 1)) + rng.normal(0, brush.hue, (count, 3))
    shade = tint[:, None] + rng.normal(0, brush.tone * 0.7, (count, brush.bristles, 1))
    # A loaded brush pushes paint to its sides, so the outer bristles leave a ridge.
    thick = 120 + 190 * np.abs(across) + rng.normal(0, 26, (count, brush.bristles))
    ink = np.concatenate([shade * 255, thick[..., None]], -1).clip(0, 255).astype(int).tolist()
    pen_px = np.maximum(1, np.ceil(SCALE * width / (brush.bristles - 1) * 1.25)).astype(int).tolist()
    first = rng.integers(0, 2, (count, brush.bristles)).tolist()
    last = (STEPS - rng.integers(0, 2, (count, brush.bristles))).tolist()
    flat = (lines * SCALE).reshape(count, brush.bristles, -1).tolist()
    for i in range(count):
        for b in range(brush.bristles):
            run = flat[i][b][2 * first[i][b] : 2 * last[i][b]]
            pen.line(run, fill=tuple(ink[i][b]), width=pen_px[i], joint="curve")
