"""Watercolour: poppies in layered washes that pool at their edges, bleed, back-run and granulate."""

from __future__ import annotations

import numpy as np

from tools.draw_styles.canvas import (
    HEIGHT_PX,
    WIDTH_PX,
    Array,
    Rng,
    blur,
    grid,
    noise,
    paper,
    relief,
    rgb,
    smooth,
    warp,
    wave,
)

POPPY = rgb("e8352a", "f2602a", "d81e4a", "f58a3c", "e0486a")
GREEN = rgb("4f8a3c", "2f6f5a", "8aa83a", "3a5f7a")
WASH = rgb("6aa6cc", "f2c45a", "9a86c8", "7abfa6", "f0a6a0")


class Wet:
    """Wet paper: how much of each primary's light the pigment so far takes away, (H, W, 3)."""

    def __init__(self, rng: Rng) -> None:
        self.x, self.y = grid()
        self.taken = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)
        self.grain = noise(rng, 2.2, 1.6)
        self.edge = 0.6 * noise(rng, 22, 2.2) + 0.25 * noise(rng, 5, 1.8)
        self.pool = noise(rng, 34, 2.4)

    def lay(self, shape: Array, colour: Array, load: float, soft_px: float, box: tuple[slice, slice]) -> None:
        """Lay one wash inside `box`: `shape` is the signed distance in pixels, positive inside."""
        depth = shape + (1.2 + soft_px * 0.5) * self.edge[box] * 1.2
        body = smooth(-soft_px, soft_px, depth)
        rim = np.exp(-(((depth - 1.6) / (1.5 + soft_px * 0.4)) ** 2)) * (1.1 if soft_px < 3 else 0.15)
        amount = load * (body * (0.72 + 0.3 * self.pool[box] + 0.10 * self.grain[box]) + 0.65 * rim)
        self.taken[box] += np.clip(amount, 0, None)[..., None] * -np.log(np.clip(colour, 0.03, 0.98))

    def around(self, px: float, py: float, reach: float) -> tuple[slice, slice]:
        """Return the part of the sheet within `reach` of a point, at least one pixel."""
        top, left = int(np.clip(py - reach, 0, HEIGHT_PX - 1)), int(np.clip(px - reach, 0, WIDTH_PX - 1))
        return slice(top, max(top + 1, int(py + reach))), slice(left, max(left + 1, int(px + reach)))


def _flower(rng: Rng, wet: Wet, px: float, py: float, r: float) -> None:
    """Draw petals round a dark heart, each a wash of its own; some run into the next."""
    first = rng.uniform(0, 6)
    for i in range(6):
        turn, size = first + i * 1.15 + rng.normal(0, 0.15), r * rng.uniform(0.52, 0.72)
        cx, cy = px + 0.52 * r * np.cos(turn), py + 0.44 * r * np.sin(turn)
        box = wet.around(cx, cy, size * 1.7)
        dx, dy = wet.x[box] - cx, wet.y[box] - cy
        u, v = dx * np.cos(turn) + dy * np.sin(turn), -dx * np.sin(turn) + dy * np.cos(turn)
        bend = np.arctan2(v, u)
        frill = size * (1 + 0.08 * np.sin(bend * 5 + i) + 0.04 * np.sin(bend * 11 + 2 * i))
        depth = frill - np.hypot(u * 1.1, v * 0.85)
        colour = POPPY[rng.integers(len(POPPY))]
        wet.lay(depth, colour, rng.uniform(0.4, 0.62), 1.4, box)
        wet.lay(depth - size * 0.55, colour * 0.85, 0.35, 9.0, box)
        vein = np.sin(bend * 16 + 0.1 * u) * 2.2 - 1.2 + np.minimum(depth - 5, 0)
        wet.lay(vein, colour * 0.8, 0.16, 1.0, box)
    box = wet.around(px, py, r * 0.6)
    far = np.hypot(wet.x[box] - px, (wet.y[box] - py) * 1.15)
    wet.lay(r * 0.17 - far, rgb("2a2440")[0], 1.0, 2.5, box)
    for _ in range(26):
        turn, out = rng.uniform(0, 2 * np.pi), r * rng.uniform(0.2, 0.34)
        spot = wet.around(px + out * np.cos(turn), py + out * np.sin(turn) * 0.9, 8)
        far = np.hypot(wet.x[spot] - px - out * np.cos(turn), wet.y[spot] - py - out * np.sin(turn) * 0.9)
        wet.lay(rng.uniform(0.8, 2.4) - far, rgb("2a2038")[0], 0.6, 1.0, spot)


def _stem(rng: Rng, wet: Wet, px: float, py: float) -> None:
    """Draw a stem down to the sheet's foot, with leaves that taper."""
    box = (slice(int(py), HEIGHT_PX), slice(0, WIDTH_PX))
    x, y = wet.x[box], wet.y[box]
    line = px + 16 * wave(rng, y, 420, 2) * smooth(0, 120, y - py)
    wet.lay(2.6 - np.abs(x - line), GREEN[rng.integers(2)], 0.6, 1.0, box)
    for _ in range(3):
        foot, turn = rng.uniform(py + 60, HEIGHT_PX), rng.choice([-1, 1]) * rng.uniform(0.4, 1.1)
        u, v = (x - px) * np.sin(turn) - (y - foot) * np.cos(turn), (x - px) * np.cos(turn) + (y - foot) * np.sin(turn)
        t = np.clip(u / rng.uniform(80, 150), 0, 1)
        half = 17 * np.sin(np.pi * t) ** 0.8 * (1 + 0.25 * np.sin(u / 5)) - 2 * (t <= 0) - 6 * (t >= 1)
        colour = GREEN[rng.integers(len(GREEN))]
        bent = v - 12 * np.sin(t * 2.5)
        wet.lay(half - np.abs(bent), colour, rng.uniform(0.35, 0.6), 1.3, box)
        wet.lay(np.minimum(half - 3, 1.6) - np.abs(bent), colour * 0.8, 0.35, 1.0, box)


def draw(rng: Rng) -> Array:
    """Return the picture, (H, W, 3) float in [0, 1]."""
    wet = Wet(rng)
    whole = (slice(0, HEIGHT_PX), slice(0, WIDTH_PX))
    for i in range(9):
        px, py, r = rng.uniform(0, WIDTH_PX), rng.uniform(0, HEIGHT_PX), rng.uniform(90, 190)
        far = np.hypot(wet.x - px, (wet.y - py) * 1.3)
        wet.lay(r - far + 30 * wet.pool, WASH[i % len(WASH)], rng.uniform(0.3, 0.5), 34.0, whole)
    # Back-runs: drops of water push the pigment out into ragged rims.
    for _ in range(9):
        px, py, r = rng.uniform(0, WIDTH_PX), rng.uniform(0, HEIGHT_PX), rng.uniform(16, 52)
        far = np.hypot(wet.x - px, wet.y - py) + 9 * wet.edge
        wet.taken *= (1 - 0.55 * smooth(r, r - 16, far) + 0.5 * np.exp(-(((far - r) / 2.6) ** 2)))[..., None]
    flowers = ((150, 170, 96), (400, 140, 112), (545, 300, 84), (275, 325, 90), (70, 372, 60), (425, 392, 58))
    for px, py, _ in flowers:
        _stem(rng, wet, px, py)
    for px, py, r in flowers:
        box = wet.around(px, py, r)
        far = np.hypot(wet.x[box] - px, wet.y[box] - py)
        wet.taken[box] *= (1 - 0.85 * smooth(r * 0.95, r * 0.7, far))[..., None]
        _flower(rng, wet, px, py, r)
    for _ in range(90):
        px, py, r = rng.uniform(0, WIDTH_PX), rng.uniform(0, HEIGHT_PX), rng.exponential(1.8) + 0.6
        spot = wet.around(px, py, r + 9)
        far = np.hypot(wet.x[spot] - px, wet.y[spot] - py)
        wet.lay(r - far, (POPPY, WASH, GREEN)[rng.integers(3)][rng.integers(4)], 0.5, 1.0, spot)
    drift = 1.2 * noise(rng, 16, 2.6), 1.2 * noise(rng, 16, 2.6)
    taken = np.stack([warp(wet.taken[..., c], *drift) for c in range(3)], -1)
    taken = 0.85 * taken + 0.15 * blur(taken, 5)
    tooth = noise(rng, 3.2, 2.4)
    lit, _ = relief(blur(tooth, 0.6), 0.07)
    taken *= (1 + 0.13 * tooth + 0.07 * wet.grain)[..., None]
    return np.asarray(paper(rng, "fbf5e8", 0.01) * np.exp(-taken) * lit[..., None], dtype=np.float32)
