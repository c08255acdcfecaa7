"""Cubist shards: overlapping planes that fade into each other, in dabs of ochre, rust and slate."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from tools.draw_styles.brush import Brush, painted
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
    ramp,
    rgb,
    scanned,
    smooth,
)

TONES = rgb("d9a441", "b5562b", "2f5d6b", "e8cf9a", "7a8f86", "8a2f2a", "1f3442", "c98850", "4a7f88", "f0e2c4")


def _mask(points: Array) -> Array:
    """Return a polygon's (H, W) cover in [0, 1]."""
    sheet = Image.new("L", LARGE, 0)
    ImageDraw.Draw(sheet).polygon((points * SCALE).ravel().tolist(), fill=255)
    return scanned(sheet)


def _plane(rng: Rng, i: int, count: int) -> Array:
    """Return the corners (4 or 3, 2) of plane `i`: large behind, smaller and nearer the middle in front."""
    share = i / count
    spread = 1.0 - 0.6 * share
    middle = np.array([WIDTH_PX, HEIGHT_PX]) * (0.5 + spread * rng.uniform(-0.52, 0.52, 2))
    size = (210 - 140 * share) * rng.uniform(0.8, 1.3)
    turn = rng.choice([0.3, 1.1, -0.5, 0.8]) + rng.normal(0, 0.15)
    corners = np.array([[-1, -0.55], [0.85, -0.75], [1.1, 0.5], [-0.7, 0.8]]) * size
    corners = corners + rng.normal(0, 0.16 * size, (4, 2))
    c, s = np.cos(turn), np.sin(turn)
    corners = corners @ np.array([[c, s], [-s, c]]) + middle
    kept = 3 if rng.random() < 0.3 else 4
    return np.asarray(corners[:kept])


def _instrument(pen: ImageDraw.ImageDraw) -> None:
    """Draw broken outlines of a guitar: arcs, a sound hole, strings, a neck."""
    for px, py, rx, ry, start, stop in (
        (270, 345, 112, 98, 60, 255), (300, 352, 112, 98, -50, 85), (318, 232, 76, 68, 150, 290),
        (352, 238, 76, 68, -75, 60), (308, 300, 33, 33, 0, 360), (318, 296, 24, 24, 100, 330),
        (420, 110, 20, 20, 0, 250),
    ):  # fmt: skip
        pen.arc(box(px, py, rx, ry), start, stop, 255, 6)
    for k in range(6):
        ends = np.array([[238 + 9 * k, 412 + 2 * k], [402 + 6.5 * k, 52 + 3 * k]]) * SCALE
        pen.line(ends.ravel().tolist(), fill=210, width=2)


def draw(rng: Rng) -> Array:
    """Return the picture, (H, W, 3) float in [0, 1]."""
    x, y = grid()
    far = np.hypot((x - WIDTH_PX / 2) / WIDTH_PX, (y - HEIGHT_PX / 2) / HEIGHT_PX)
    scene = ramp(far * 1.4 + 0.1 * noise(rng, 90, 2.5), rgb("e6cf9c", "b08a52", "5a5a50", "26343a"))
    angle = 0.5 + 0.6 * noise(rng, 160, 3)
    lines = Image.new("L", LARGE, 0)
    pen = ImageDraw.Draw(lines)
    count = 40
    for i in range(count):
        corners = _plane(rng, i, count)
        cover = _mask(corners)
        turn = rng.uniform(0, 2 * np.pi)
        along = (x - corners[:, 0].mean()) * np.cos(turn) + (y - corners[:, 1].mean()) * np.sin(turn)
        t = smooth(-1, 1, along / (np.ptp(corners, axis=0).mean() * 0.5))
        pair = TONES[rng.choice(len(TONES), 2, replace=False)]
        # Passage: a plane is solid along one edge and open along the other.
        scene = mix(scene, ramp(t, np.stack([pair[0] * 1.1, pair[0] * 0.75, pair[1]])), cover * (1 - 0.75 * t))
        angle = np.where(cover > 0.5, turn + np.pi / 2, angle)
        ring = np.concatenate([corners, corners[:1]])[: rng.integers(2, len(corners) + 2)]
        pen.line((ring * SCALE).ravel().tolist(), fill=int(rng.integers(130, 255)), width=int(rng.integers(2, 6)))
    _instrument(pen)
    ink = blur(scanned(lines), 0.5)
    brushes = Brush(13, 30, 13, 5, tone=0.04), Brush(8, 17, 9.5, 4, tone=0.06)
    image = painted(rng, "8a6a40", scene, angle, brushes, depth=1.3, shine=0.06)
    # Planes stay crisp under the dabs; charcoal breaks where the ridges lift it.
    image = 0.7 * image + 0.3 * scene
    shadow = blur(ink, 5)
    coal = np.clip(ink * (0.95 + 0.25 * noise(rng, 1.6, 1.3)), 0, 1)
    return mix(1.12 * image * (1 - 0.3 * shadow)[..., None], rgb("17161a")[0], coal * 0.92)
