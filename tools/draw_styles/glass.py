"""Stained glass: a rose window of mouth-blown panes, held in lead, with daylight behind."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from tools.draw_styles.canvas import HEIGHT_PX, WIDTH_PX, Array, Rng, blur, grid, mix, noise, ramp, relief, rgb, smooth

HEART = rgb("ffd65a", "ffb52e", "f7e08a")
ROSE = rgb("c2182b", "e0343c", "9c1238", "e8632a", "b0204e")
RING = rgb("f2a81d", "f6c945", "e0801c")
LEAF = rgb("1f7a4a", "3fa05a", "0f5f52", "7ab648")
DEEP = rgb("12348f", "1d55c4", "0c2468", "2c7fd6", "3a2a8c", "56b0dc", "1a469c", "7a3fa0")
# Rings round the middle: radius and pane count; the palette of each.
ROSETTE = ((0, 1), (34, 8), (78, 12), (118, 24), (160, 18), (204, 36))
PALETTES = (HEART, HEART, ROSE, RING, LEAF, ROSE)


def _panes(rng: Rng) -> tuple[Array, Array]:
    """Return the panes' middles (N, 2) and colours (N, 3): a rosette, then loose panes to the sheet's edge."""
    middle = np.array([WIDTH_PX * 0.5, HEIGHT_PX * 0.5])
    points, colours = [], []
    for i, ((radius, count), palette) in enumerate(zip(ROSETTE, PALETTES, strict=True)):
        turn = 2 * np.pi * (np.arange(count) + 0.5 * (i % 2)) / count
        ring = middle + radius * np.stack([np.cos(turn), np.sin(turn)], -1)
        points.append(ring + rng.normal(0, 1.2, (count, 2)))
        colours.append(palette[(np.arange(count) + (rng.random(count) < 0.2)) % len(palette)])
    loose: list[Array] = []
    for point in rng.uniform((-40, -40), (WIDTH_PX + 40, HEIGHT_PX + 40), (2500, 2)):
        near = min((float(np.hypot(*(point - other))) for other in loose), default=99.0)
        if near > 36 and np.hypot(*(point - middle)) > 238:
            loose.append(point)
    points.append(np.array(loose))
    colours.append(DEEP[rng.integers(0, len(DEEP), len(loose))])
    return np.concatenate(points), np.concatenate(colours)


def _sheet(rng: Rng, x: Array, y: Array, pane: Array, points: Array, colours: Array) -> Array:
    """Return the glass alone (H, W, 3): every pane with its own slope of tone, streaks, seeds and stain."""
    count = len(points)
    turn, slope = rng.uniform(0, 2 * np.pi, count), rng.uniform(0.003, 0.011, count)
    across = (x - points[pane, 0]) * np.cos(turn)[pane] + (y - points[pane, 1]) * np.sin(turn)[pane]
    streaks = np.stack([noise(rng, 26, 2.6, (5, 1)), noise(rng, 26, 2.6, (1, 5)), noise(rng, 30, 2.4)])
    rows, columns = np.indices(pane.shape)
    streak = streaks[rng.integers(0, 3, count)[pane], rows, columns]
    tone = 1.0 + rng.normal(0, 0.1, count)[pane] + slope[pane] * across + 0.2 * streak
    hue = colours[pane] + 0.05 * noise(rng, 45, 3)[..., None] * np.array([1.0, 0.5, -1.0])
    # Old glass is uneven: its waves bend the light, its seeds are small lenses.
    waves, gleam = relief(blur(noise(rng, 14, 3), 1.0), 0.5, 0.25)
    seeds = smooth(3.1, 3.6, blur(rng.standard_normal(pane.shape), 1.0) * 3.545)
    glass = hue * (tone * waves)[..., None]
    glass = mix(glass, np.clip(hue * 1.25 + 0.25, 0, 1), np.clip(gleam + 0.6 * seeds, 0, 1))
    return np.asarray(glass, dtype=np.float32)


def draw(rng: Rng) -> Array:
    """Return the picture, (H, W, 3) float in [0, 1]."""
    x, y = grid()
    points, colours = _panes(rng)
    bent = np.stack([x + 2.2 * noise(rng, 50, 3), y + 2.2 * noise(rng, 50, 3)], -1)
    far, near = cKDTree(points).query(bent.reshape(-1, 2), k=3, workers=1)
    far, near = far.reshape(*x.shape, 3), near.reshape(*x.shape, 3)
    pane = near[..., 0]
    gap = [np.linalg.norm(points[near[..., k]] - points[pane], axis=-1) for k in (1, 2)]
    edges = [(far[..., k + 1] ** 2 - far[..., 0] ** 2) / (2 * gap[k]) for k in (0, 1)]
    edge = np.minimum(edges[0], edges[1]).astype(np.float32)
    glass = _sheet(rng, x, y, pane, points, colours)
    # Soot gathers along the lead, and light spills over it.
    glass *= (0.5 + 0.5 * smooth(1.5, 13, edge + 1.5 * noise(rng, 8, 2)))[..., None]
    middle = np.hypot(x - WIDTH_PX * 0.47, y - HEIGHT_PX * 0.42) / WIDTH_PX
    glass *= ramp(middle / 0.65, np.array([[1.28, 1.25, 1.15], [1.05, 1.04, 1.0], [0.72, 0.74, 0.82]]))
    width = 2.5 + 0.5 * noise(rng, 40, 2.5) + 1.6 * (np.abs(edge - 3) < 3) * (edges[1] < 5)
    lead = smooth(0.7, -0.7, edge - width)
    profile = np.sqrt(np.clip(1 - (edge / (width + 0.5)) ** 2, 0, 1)) * 3 + 0.25 * noise(rng, 4, 2)
    lit, shine = relief(blur(profile, 0.6), 0.5, 0.5)
    came = mix(rgb("25262b")[0] * lit[..., None], rgb("a9b0bb")[0], shine)
    glow = blur(glass * (1 - lead)[..., None], 7)
    return mix(glass, came + 0.12 * glow, lead) + 0.16 * glow * glow
