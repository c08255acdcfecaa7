"""Woodcut: gouge lines that swell with shadow and follow each form, in black over worn blocks of colour."""

from __future__ import annotations

import numpy as np

from tools.draw_styles.canvas import (
    HEIGHT_PX,
    SCALE,
    WIDTH_PX,
    Array,
    Rng,
    grid,
    mix,
    noise,
    paper,
    ramp,
    rgb,
    shrink,
    smooth,
    wave,
)


def _noise(rng: Rng, size_px: float, slope: float = 2.0) -> Array:
    """Return cloudy noise on the enlarged sheet."""
    return np.repeat(np.repeat(noise(rng, size_px, slope), SCALE, 0), SCALE, 1)


def _scene(rng: Rng, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Return for every pixel: how dark, the phase whose whole numbers are gouge lines, and the colour block."""
    sx, sy = 0.62 * WIDTH_PX, 0.40 * HEIGHT_PX
    far, turn = np.hypot(x - sx, y - sy), np.arctan2(y - sy, x - sx)
    ray = 0.5 + 0.5 * np.cos(turn * 22 + 0.7 * np.sin(far / 40))
    dark = np.clip(0.12 + far / 560 * 0.75 + 0.34 * (ray - 0.5) * smooth(60, 130, far), 0.03, 0.86)
    phase = far / 6.2 + 0.35 * np.sin(turn * 11)
    colour = ramp(far / 460, rgb("ffe79a", "f7bd4e", "e8823a", "c4513a", "7c3a4e"))
    disc = smooth(1, -1, far - 58)
    dark = dark * (1 - disc) + 0.04 * disc
    for i, (level, tall, pitch) in enumerate(((0.50, 70, 250), (0.60, 48, 330), (0.72, 34, 280))):
        edge = HEIGHT_PX * level - tall * (np.abs(wave(rng, x, pitch * 2, 2, 0.5)) - 0.3) - 3 * wave(rng, x, 40, 3)
        below = y - edge
        inside = below > 0
        face = np.gradient(edge, axis=1) * SCALE + 0.5 * np.sin(x / 23 + below / 17)
        shade = np.clip(0.48 + 0.11 * i + 0.24 * face - 0.24 * np.exp(-below / 7.0) - below / 420, 0.1, 0.92)
        dark = np.where(inside, shade, dark)
        # Lines run down the slopes, bent by folds of the ground.
        run = (x * 0.8 + below * (0.55 - 0.5 * i) + 9 * np.sin(below / 26 + x / 60)) / 6.0
        phase = np.where(inside, run, phase)
        tint = ramp(
            np.clip(below / 150, 0, 1), rgb(*(("b8695a", "6a5a78"), ("8a9a5a", "3f6a62"), ("c9a24a", "5a7048"))[i])
        )
        colour = np.where(inside[..., None], tint, colour)
    shore = HEIGHT_PX * 0.80 + 5 * wave(rng, x, 240, 3)
    water = y > shore
    ripple = (y - shore) / 6.4 + 0.7 * np.sin(x / 31 + y / 9) + 0.3 * np.sin(x / 11 - y / 14)
    glint = np.exp(-(((x - sx) / (40 + (y - shore) * 0.9)) ** 2)) * (0.75 + 0.5 * np.sin(y / 3.7 + x / 40))
    dark = np.where(water, np.clip(0.7 - 0.62 * glint, 0.06, 0.9), dark)
    phase = np.where(water, ripple, phase)
    lake = mix(ramp((y - shore) / 110, rgb("5f9aa0", "2c5a78")), rgb("f7c860")[0], np.clip(glint, 0, 1))
    return dark, phase, np.where(water[..., None], lake, colour)


def _trees(rng: Rng, x: Array, y: Array, dark: Array, phase: Array) -> tuple[Array, Array]:
    """Return black firs along the near shore, each lit from the sun's side by cut branches."""
    for px in (34, 82, 128, 470, 520, 566, 612):
        tall, foot = rng.uniform(150, 270), HEIGHT_PX * rng.uniform(0.83, 0.92)
        up = (foot - y) / tall
        tier = np.mod(up * 9 + 0.12 * np.sin(x / 3), 1.0)
        half = tall * 0.19 * np.clip(1 - up, 0, 1) ** 0.85 * (1.15 - 0.6 * tier)
        side = (x - px) / np.maximum(half, 0.8)
        inside = (np.abs(side) < 1) & (up > 0) & (up < 1)
        light = side if px < 0.62 * WIDTH_PX else -side
        dark = np.where(inside, np.clip(0.95 - 0.42 * smooth(0.0, 0.9, light), 0, 1), dark)
        phase = np.where(inside, (y + 0.55 * np.abs(x - px)) / 5.4, phase)
    return dark, phase


def draw(rng: Rng) -> Array:
    """Return the picture, (H, W, 3) float in [0, 1]."""
    x, y = grid(SCALE)
    dark, phase, colour = _scene(rng, x, y)
    dark, phase = _trees(rng, x, y, dark, phase)
    # A hand-held gouge wavers, slips and lifts: its lines are never even.
    phase = phase + 0.16 * _noise(rng, 14, 2.4)
    dark = dark + 0.055 * _noise(rng, 6, 1.8) + 0.05 * _noise(rng, 30, 2.2)
    line = np.abs(np.mod(phase, 1.0) - 0.5) * 2
    black = shrink(smooth(-0.09, 0.09, dark - line))
    wear = noise(rng, 2.0, 1.3, (5, 1))
    black = black * (1 - 0.7 * smooth(1.5, 2.6, wear)) * (0.94 + 0.03 * noise(rng, 30, 2))
    sheet = paper(rng, "f1e3c4", 0.03)
    # The colour blocks are printed a little off the key block.
    tint = np.roll(shrink(colour), (2, -3), (0, 1)) * (1 + 0.05 * noise(rng, 2.5, 1.5, (8, 1)))[..., None]
    cover = 0.88 - 0.28 * smooth(0.6, 2.2, noise(rng, 3, 1.5, (6, 1)))
    return mix(mix(sheet, tint, cover), rgb("1c1820")[0], np.clip(black, 0, 1))
