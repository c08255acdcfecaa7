"""Loaded brushes: strokes of several bristles that follow a field of directions and leave a relief."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from tools.draw_styles.canvas import HEIGHT_PX, WIDTH_PX, Array, Rng, blur, mix, relief, sample, scatter, shrink

SCALE = 2


@dataclass(frozen=True, slots=True)
class Brush:
    """How one layer of strokes is laid: lengths in pixels, colour changes as fractions of full range."""

    width_px: float
    length_px: float
    spacing_px: float
    bristles: int = 5
    tone: float = 0.05
    hue: float = 0.03
    steps: int = 7


def follow(points: Array, angle: Array, length_px: Array, steps: int) -> Array:
    """Return paths (N, steps, 2) from `points` (N, 2) along the directions `angle` (H, W), in radians."""
    path = [points]
    stride = (length_px / (steps - 1))[:, None]
    for _ in range(steps - 1):
        turn = sample(angle, path[-1][:, 0], path[-1][:, 1])
        path.append(path[-1] + stride * np.stack([np.cos(turn), np.sin(turn)], -1))
    return np.stack(path, 1)


class Painting:
    """A wet canvas: RGB and the paint's thickness, drawn larger than the sheet and shrunk at the end."""

    def __init__(self, ground: str) -> None:
        size = (WIDTH_PX * SCALE, HEIGHT_PX * SCALE)
        red, green, blue = (int(ground[i : i + 2], 16) for i in (0, 2, 4))
        # The alpha channel holds thickness: one call then lays both colour and relief.
        self._sheet = Image.new("RGBA", size, (red, green, blue, 60))
        self._pen = ImageDraw.Draw(self._sheet)

    def layer(self, rng: Rng, scene: Array, angle: Array, brush: Brush, where: Array | None = None) -> None:
        """Cover the sheet with strokes coloured by `scene` (H, W, 3); `where` (H, W) thins them out."""
        points = scatter(rng, brush.spacing_px)
        rng.shuffle(points)
        if where is not None:
            points = points[rng.random(len(points)) < sample(where, points[:, 0], points[:, 1])]
        length = brush.length_px * rng.uniform(0.6, 1.2, len(points))
        paths = follow(points, angle, length, brush.steps)
        middle = paths[:, brush.steps // 2]
        colours = sample(scene, middle[:, 0], middle[:, 1])
        self.strokes(rng, paths, colours, brush)

    def strokes(self, rng: Rng, paths: Array, colours: Array, brush: Brush) -> None:
        """Lay `paths` (N, S, 2) in order, in `colours` (N, 3) in [0, 1]; each bristle in its own shade."""
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
        last = (brush.steps - rng.integers(0, 2, (count, brush.bristles))).tolist()
        flat = (lines * SCALE).reshape(count, brush.bristles, -1).tolist()
        for i in range(count):
            for b in range(brush.bristles):
                run = flat[i][b][2 * first[i][b] : 2 * last[i][b]]
                self._pen.line(run, fill=tuple(ink[i][b]), width=pen_px[i], joint="curve")

    def image(self, depth: float = 1.6, shine: float = 0.12) -> Array:
        """Return the painting (H, W, 3) under light from the upper left."""
        sheet = shrink(np.asarray(self._sheet, dtype=np.float32) / 255, SCALE)
        lit, gleam = relief(blur(sheet[..., 3], 0.7), depth, shine)
        return mix(sheet[..., :3] * lit[..., None], np.ones(3, np.float32), gleam)
