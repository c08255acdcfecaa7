"""Great waves as a colour woodblock print: leaning crests, bands of blue, claws of foam, a far mountain."""

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
    box,
    grid,
    mix,
    noise,
    paper,
    ramp,
    rgb,
    scanned,
    smooth,
)

LINE = (22, 38, 74)
FOAM = (244, 238, 220)
BLUES = ((28, 58, 112), (74, 124, 164), (36, 78, 134), (138, 176, 190), (30, 66, 122), (206, 216, 202), (24, 50, 100))


def _crest(rng: Rng, base_px: float, tall_px: float, period_px: float, lean: float) -> tuple[Array, Array]:
    """Return one swell as points (N, 2) from left to right, its crests leaning over, and its height in [0, 1]."""
    t = np.linspace(-200, WIDTH_PX + 200, 900)
    turn = 2 * np.pi * (t / period_px + rng.random())
    swell = (0.5 + 0.5 * np.cos(turn)) ** 1.7
    tall = tall_px * (1 + 0.22 * np.sin(turn / 2.7 + rng.uniform(0, 6)))
    x = t + lean * tall * swell**2.2 - period_px * 0.06 * np.sin(turn)
    return np.stack([x, base_px - tall * swell], -1), swell


def _body(pen: ImageDraw.ImageDraw, crest: Array, swell: Array) -> None:
    """Draw the water under a crest: nested bands, each lower and flatter, outlined."""
    for i in range(15):
        drop = 7.0 * i + 0.28 * i * i
        inner = crest + np.stack([-drop * 0.45 * swell, drop * (0.75 + 0.55 * swell)], -1)
        outline = [(WIDTH_PX + 300.0, HEIGHT_PX + 50.0), (-300.0, HEIGHT_PX + 50.0)]
        shape = (np.concatenate([inner, np.array(outline)]) * SCALE).ravel().tolist()
        pen.polygon(shape, fill=BLUES[i % len(BLUES)])
        pen.line((inner * SCALE).ravel().tolist(), fill=LINE, width=3 if i == 0 else 2, joint="curve")


def _foam(rng: Rng, pen: ImageDraw.ImageDraw, crest: Array, swell: Array, size_px: float) -> None:
    """Draw foam along the crest's upper part: scalloped white with blue outlines, fingers, and spray."""
    high = np.flatnonzero(swell > 0.42)
    spots = []
    for i in rng.choice(high, int(len(high) * 1.5)):
        reach = float(swell[i]) ** 1.5
        back = rng.exponential(0.55) * size_px * reach
        px, py = crest[i] + (rng.normal(0, 0.35 * size_px) - 0.2 * back, back * 0.85 - 2)
        spots.append((px, py, size_px * reach * rng.uniform(0.22, 0.55)))
    for grow, fill in ((1.3, LINE), (0.0, FOAM)):
        for px, py, r in spots:
            wide = r + grow
            pen.ellipse(box(px, py, wide, wide), fill=fill)
    for px, py, r in spots[::3]:
        start = rng.uniform(0, 360)
        pen.arc(box(px, py, r * 0.7, r * 0.7), start, start + rng.uniform(90, 200), fill=(112, 150, 178), width=2)
    for i in high[swell[high] > 0.75]:
        for _ in range(2):
            px, py = crest[i] + rng.normal(0, 1, 2) * size_px * (1.5, 0.9) + (size_px * 0.7, -size_px * 0.7)
            r = rng.uniform(0.5, 2.0)
            pen.ellipse(box(px, py, r, r), fill=FOAM)


def _mountain(pen: ImageDraw.ImageDraw) -> None:
    """Draw the far snow-capped cone."""
    foot, top, middle = HEIGHT_PX * 0.69, HEIGHT_PX * 0.33, WIDTH_PX * 0.60
    t = np.linspace(-1, 1, 80)
    side = np.stack([middle + 210 * t, top + (foot - top) * np.clip(np.abs(t) - 0.05, 0, 1) ** 0.72], -1)
    pen.polygon((side * SCALE).ravel().tolist(), fill=(84, 110, 146))
    cap = side[np.abs(t) < 0.36]
    hem = np.linspace(cap[-1], cap[0], 13)[1:-1] + np.array([[0, 16.0 * (-1) ** k - 4] for k in range(11)])
    pen.polygon((np.concatenate([cap, hem]) * SCALE).ravel().tolist(), fill=FOAM)
    pen.line((side * SCALE).ravel().tolist(), fill=LINE, width=3)


def draw(rng: Rng) -> Array:
    """Return the picture, (H, W, 3) float in [0, 1]."""
    x, y = grid()
    sky = ramp(y / HEIGHT_PX / 0.75, rgb("5a7fa6", "c8c4a8", "efdcb0", "f3cf9c", "eab48a"))
    far = np.hypot(x - 0.30 * WIDTH_PX, y - 0.25 * HEIGHT_PX)
    sky = mix(sky, rgb("d8502e")[0], smooth(53, 51, far))
    cloud = smooth(0.35, 0.5, noise(rng, 60, 3, (5, 1)) - np.abs(y - 150) / 160)
    sky = mix(sky, rgb("f4e8cc")[0], cloud * 0.8)
    sheet = Image.fromarray((np.clip(sky, 0, 1) * 255).astype(np.uint8))
    sheet = sheet.resize(LARGE, Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(sheet)
    _mountain(pen)
    for base, tall, period, lean, size in (
        (0.655, 40, 210, 0.35, 9), (0.82, 120, 400, 0.55, 17), (0.94, 95, 300, 0.5, 15), (1.10, 125, 350, 0.55, 19),
    ):  # fmt: skip
        crest, swell = _crest(rng, base * HEIGHT_PX, tall, period, lean)
        _body(pen, crest, swell)
        _foam(rng, pen, crest, swell, size)
    ink = scanned(sheet)
    # The block's wood grain takes colour unevenly; the paper shows through.
    grain = 0.045 * noise(rng, 3, 1.6, (14, 1)) + 0.03 * noise(rng, 1.2, 1.2) + 0.03 * noise(rng, 70, 2.5)
    worn = 0.10 + 0.12 * smooth(0.8, 2.2, noise(rng, 2.2, 1.6, (4, 1)))
    return mix(ink * (1 + grain)[..., None], paper(rng, "f0e2c0", 0.03), worn)
