"""A sheet of where each fault of a picture is worst, and of what its measure sees there.

One row per measure, at the pair where the first model's figure is highest; for each model the picture at full size
beside what is measured in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from stylize.images import Pixels
from stylize.measure import flicker
from stylize.stylizers.base import to_pixels
from tools.bench.models import model_sheets, picture_faults
from tools.bench.models.model_sheets import Picture
from tools.bench.models.picture_faults import Plane, Planes, Square

CELL_PX = 192
GAIN = 4
"""How much stronger detail, colour and change are shown than they are."""
FLICKER_SHIFT_PX = 3
"""Not a multiple of any network's lattice, at which it would move along."""


Restyle = Callable[[Tensor, Tensor], Tensor]
"""A photo and an artwork, (3, H, W) each, to the picture."""


def write(
    path: Path,
    rows: pd.DataFrame,
    models: Mapping[str, Restyle],
    photos: Sequence[Picture],
    artworks: Sequence[Picture],
) -> None:
    """Write the sheet of the measures in `rows` that some pair has a figure of; none, no sheet."""
    first = rows[rows["model"] == next(iter(models))]
    lines: list[model_sheets.Row] = []
    for measure in (*MAPS, "flicker"):
        if first[measure].notna().any():
            worst = first.loc[first[measure].idxmax()]
            (photo,) = (one for one in photos if one.name == worst["content"])
            (artwork,) = (one for one in artworks if one.name == worst["style"])
            lines.append((measure.split("_")[0], [*_cells(measure, models, photo, artwork)]))
    if lines:
        model_sheets.save(path, lines, (CELL_PX, CELL_PX))


def _cells(measure: str, models: Mapping[str, Restyle], photo: Picture, artwork: Picture) -> Iterator[Image.Image]:
    """Yield the photo's part, then of each model the picture's part and what the measure sees of it."""
    content, style, crop = photo.tensor(), artwork.tensor(), None
    for restyle in models.values():
        result = restyle(content, style)
        if measure == "flicker":
            moved = restyle(content[:, :, FLICKER_SHIFT_PX:], style)
            heat, seen = _change(result[:, :, FLICKER_SHIFT_PX:], moved)
        else:
            heat, seen = MAPS[measure](Planes.of(photo.pixels), Planes.of(to_pixels(result)))
        if crop is None:
            crop = _around(heat)
            yield Image.fromarray(photo.pixels[crop])
        yield Image.fromarray(to_pixels(result)[crop])
        yield Image.fromarray(seen[crop])


def _around(heat: Plane) -> Square:
    """Return the square of CELL_PX, or of the whole side if that is less, around the middle of the hottest area."""
    hottest = np.argwhere(heat >= heat.max() - 1e-9).mean(0)
    top, left = (
        int(np.clip(at - CELL_PX / 2, 0, max(0, side - CELL_PX))) for at, side in zip(hottest, heat.shape, strict=True)
    )
    return slice(top, top + CELL_PX), slice(left, left + CELL_PX)


def _patchwise(photo: Planes, values: Callable[[Square], float], patches: Iterator[Square]) -> Plane:
    heat = np.zeros_like(photo.luma)
    for patch in patches:
        heat[patch] = np.maximum(heat[patch], values(patch))
    return heat


def _weave(photo: Planes, picture: Planes) -> tuple[Plane, Pixels]:
    patches = picture_faults.flat_patches(photo)
    heat = _patchwise(photo, lambda patch: picture_faults.weave(picture.detail[patch]), patches)
    return heat, _grey(picture.detail)


def _dark(photo: Planes, picture: Planes) -> tuple[Plane, Pixels]:
    patches = picture_faults.dark_patches(photo)
    return _patchwise(photo, lambda patch: float(picture.detail[patch].std()), patches), _grey(picture.detail)


def _blotch(photo: Planes, picture: Planes) -> tuple[Plane, Pixels]:
    heat = _patchwise(photo, lambda patch: picture_faults.blotch(picture, patch), picture_faults.flat_patches(photo))
    u, v = (GAIN * (plane - np.median(plane)) for plane in picture.smooth_color)
    return heat, _clip(np.stack([128 + 1.14 * v, 128 - 0.395 * u - 0.581 * v, 128 + 2.03 * u], axis=2))


def _strip(photo: Planes, picture: Planes) -> tuple[Plane, Pixels]:
    """Return each flat segment's two bands in their mean colours, the rest in grey."""
    heat, seen = np.zeros_like(photo.luma), np.full_like(picture.rgb, 128)
    for turns in range(4):
        detail, colors, hot, shown = (
            np.rot90(plane, turns) for plane in (photo.detail, picture.rgb, heat, seen)
        )  # views: what is written into the last two is written into `heat` and `seen`
        for segment in picture_faults.flat_segments(detail, 0):
            for near, far in (picture_faults.OUTER_PX, picture_faults.INNER_PX):
                hot[near:far, segment] = picture_faults.band_distance(colors, segment, 0)
                shown[near:far, segment] = colors[near:far, segment].mean((0, 1))
    return heat, _clip(seen)


def _change(result: Tensor, moved: Tensor) -> tuple[Plane, Pixels]:
    difference = (moved - result).abs().mul(255).permute(1, 2, 0).double().numpy()
    border = flicker.BORDER_PX
    heat = np.pad(gaussian_filter(difference.mean(2), CELL_PX / 6)[border:-border, border:-border], border)
    return heat, _clip(difference * GAIN)


MAPS: dict[str, Callable[[Planes, Planes], tuple[Plane, Pixels]]] = {
    "weave": _weave,
    "blotch": _blotch,
    "strip": _strip,
    "dark_texture": _dark,
}


def _grey(detail: Plane) -> Pixels:
    return np.repeat(_clip(128 + GAIN * detail)[..., None], 3, axis=2)


def _clip(values: Any) -> Pixels:
    pixels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels
