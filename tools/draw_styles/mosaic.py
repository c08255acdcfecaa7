"""Mosaic: hand-cut stones laid in rows that follow every outline, in rough mortar."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.measure import find_contours

from tools.draw_styles.canvas import (
    HEIGHT_PX,
    LARGE,
    SCALE,
    WIDTH_PX,
    Array,
    Rng,
    blur,
    grid,
    mix,
    noise,
    ramp,
    relief,
    rgb,
    sample,
    shrink,
    smooth,
    wave,
)

STONE_PX = 8.6
SUN = rgb("fff0b0", "ffd24a", "f4a11c", "dd6a1a", "b83a1e")
SKY = rgb("f6d9a0", "efb88a", "d98a86", "9a86b4", "5a7ab8", "2f58a0")
SEA = rgb("0d2a5c", "14508a", "1f86a8", "54bcb4", "d8efd8", "1b6a98")
HILL = rgb("24503a", "4a7a3a", "8aa23c", "c8b04a", "7a5a2c")


def _scene(rng: Rng, x: Array, y: Array) -> tuple[Array, Array]:
    """Return the cartoon: a region number (H, W) and a colour (H, W, 3) for every pixel."""
    far = np.hypot(x - 0.58 * WIDTH_PX, y - 0.36 * HEIGHT_PX)
    turn = np.arctan2(y - 0.36 * HEIGHT_PX, x - 0.58 * WIDTH_PX)
    rays = 118 + 34 * np.abs(np.mod(turn * 9 / np.pi, 2) - 1)
    region = np.where(far < 74, 2, np.where(far < rays, 1, 0))
    colour = ramp(far / 470, SKY)
    colour[region == 1] = ramp(1 - (far - 74) / 80, SUN[1:])[region == 1]
    colour[region == 2] = ramp(far / 105, SUN)[region == 2]
    for i in range(2):
        line = HEIGHT_PX * (0.55 + 0.07 * i) + 34 * wave(rng, x, 520 - 140 * i, 2, 0.4)
        below = y > line
        region[below] = 3 + i
        stripes = np.mod((y - line) / 90 + 0.3 * i, 1.0)
        colour[below] = (ramp(stripes, HILL) * (0.8 + 0.2 * i))[below]
    for i in range(4):
        line = HEIGHT_PX * (0.68 + 0.085 * i) + 17 * np.abs(wave(rng, x + 40 * i, 300, 1)) - 8
        below = y > line
        region[below] = 5 + i
        depth = np.clip((y - line) / 48, 0, 1)
        colour[below] = ramp(depth, SEA[[4, 3, 2, 1, 0]] if i % 2 else SEA[[4, 2, 5, 1, 0]])[below]
    return region, colour


def _stones(region: Array) -> Array:
    """Return middles and directions (N, 3) of stones, in rows along each region's outline, then further in."""
    taken = np.zeros((HEIGHT_PX // 2 + 60, WIDTH_PX // 2 + 60), bool)
    stones = []
    for number in np.unique(region):
        depth = blur(ndimage.distance_transform_edt(np.pad(region == number, 24, mode="edge")), 0.8)
        for level in np.arange(STONE_PX * 0.55, float(depth.max()), STONE_PX):
            for row in find_contours(depth, level):
                step = np.hypot(*np.diff(row, axis=0).T)
                run = np.concatenate([[0.0], np.cumsum(step)])
                at = np.arange(STONE_PX / 2, run[-1], STONE_PX * 1.04)
                py, px = np.interp(at, run, row[:, 0]) - 24, np.interp(at, run, row[:, 1]) - 24
                ahead, aside = np.interp(at + 3, run, row[:, 0]) - 24, np.interp(at + 3, run, row[:, 1]) - 24
                turn = np.arctan2(ahead - py, aside - px)
                for cx, cy, angle in zip(px, py, turn, strict=True):
                    column, line = int(cx / 2) + 15, int(cy / 2) + 15
                    if 2 < column < taken.shape[1] - 4 and 2 < line < taken.shape[0] - 4 and not taken[line, column]:
                        taken[line - 1 : line + 2, column - 1 : column + 2] = True
                        stones.append((cx, cy, angle))
    return np.array(stones)


def _cut(rng: Rng, stones: Array) -> Array:
    """Return every stone's number (from 1) on its pixels at SCALE; 0 is mortar."""
    sheet = Image.new("I", LARGE, 0)
    pen = ImageDraw.Draw(sheet)
    corners = np.array([[-1, -1], [0.1, -1.08], [1, -1], [1, 1], [-0.1, 1.08], [-1, 1]])
    half = STONE_PX / 2 * rng.uniform(0.92, 1.05, (len(stones), 1, 2)) * (1.0, 0.93)
    shape = corners * half + rng.normal(0, 0.38, (len(stones), 6, 2))
    c, s = np.cos(stones[:, 2])[:, None], np.sin(stones[:, 2])[:, None]
    px = stones[:, :1] + shape[..., 0] * c - shape[..., 1] * s
    py = stones[:, 1:2] + shape[..., 0] * s + shape[..., 1] * c
    flat = (np.stack([px, py], -1) * SCALE).reshape(len(stones), -1).tolist()
    for number, outline in enumerate(flat, 1):
        pen.polygon(outline, fill=number)
    return np.asarray(sheet)


def draw(rng: Rng) -> Array:
    """Return the picture, (H, W, 3) float in [0, 1]."""
    x, y = grid()
    region, scene = _scene(rng, x, y)
    stones = _stones(region)
    label = _cut(rng, stones)
    count = len(stones)
    colours = sample(scene, stones[:, 0], stones[:, 1])
    colours = colours * rng.normal(1.1, 0.12, (count, 1)) + rng.normal(0, 0.035, (count, 3))
    gold = rng.random(count) < 0.03
    colours[gold] = rgb("f0c850")[0] * rng.uniform(0.85, 1.15, (int(gold.sum()), 1))
    colours = np.concatenate([rgb("6e6256"), colours])
    # A stone ends where its number does, also against a neighbour that touches it.
    flat = ndimage.minimum_filter(label, 3) == ndimage.maximum_filter(label, 3)
    inside = ndimage.distance_transform_edt(flat & (label > 0))
    tilt = rng.normal(0, 0.055, (2, count + 1))
    tilt[:, 0] = 0
    lift = np.clip(inside, 0, 3.2) / 3.2
    cover = shrink(smooth(0, 1.5, inside))
    plane = shrink((tilt[0][label] + tilt[1][label]).astype(np.float32))
    face = shrink(colours[label].astype(np.float32))
    vein = 0.05 * noise(rng, 5, 2) + 0.035 * noise(rng, 1.2, 1)
    lit, gleam = relief(shrink(lift.astype(np.float32)), 0.4, 0.3)
    stone = face * (lit * (1 + plane * 2 + vein))[..., None]
    mortar = rgb("6a5f54")[0] * (0.85 + 0.12 * noise(rng, 2, 1.5))[..., None]
    stone = mix(mortar, stone, cover)
    return mix(stone, np.ones(3, np.float32), gleam * cover)
