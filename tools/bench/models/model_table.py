"""The table of `compare_models`, in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from stylize.measure.perceptual import STYLE_LAYERS

LOSSES = {
    "content_loss": "content loss, relu4_1",
    "moments": "style loss, mean/std",
    "gram": "style loss, Gram",
    "ssim": "SSIM against content",
    "clipped_share": "clipped share",
}
LAYERS = {
    f"{kind}_{layer}": f"{what}, {layer}"
    for layer in STYLE_LAYERS
    for kind, what in (("moments", "mean/std"), ("gram", "Gram"))
}
FAULTS = {
    "weave": "weave in flat areas (W)",
    "lattice": "lattice of 8 px (chance 0.0156)",
    "blotch": "blotches in flat areas (B)",
    "strip": "border strip",
    "texture": "texture in flat areas",
    "dark_texture": "the same, dark",
    "flicker": "flicker, mean of shifts by 1 to 7 px",
}
"""Medians over the pairs that have such areas: a few photos with large ones would make up most of a mean."""


def report(rows: pd.DataFrame, models: Sequence[str], facts: dict[str, str]) -> str:
    """Return the table: each model's figures over all pairs, and the first's over the second's."""
    pairs = int((rows["model"] == models[0]).sum())
    lines = [
        f"{rows['content'].nunique()} photos x {rows['style'].nunique()} artworks = {pairs} pairs, "
        f"{facts['long_side_px']} px, eager fp32; VGG19 {facts['vgg_sha256'][:12]}. Losses: means over pairs. "
        f"Faults: medians, in levels of 255; the artworks' own weave is {facts['artworks_weave']}, "
        f"the photos' {facts['photos_weave']}, the photos' own blotches {facts['photos_blotch']}.",
        "",
        f"| | {' | '.join(f'`{name}`' for name in models[:2])} | ratio | pairs where the first is lower "
        f"{''.join(f'| `{name}` ' for name in models[2:])}|",
        "|---" * (len(models) + 3) + "|",
    ]
    for columns, average in ((LOSSES, "mean"), (FAULTS, "median"), (LAYERS, "mean")):
        lines += [_line(rows, column, what, models, average) for column, what in columns.items()]
    return "\n".join([*lines, "", f"{facts['device']}, {facts['threads']} threads, torch {facts['torch']}"])


def _line(rows: pd.DataFrame, column: str, what: str, models: Sequence[str], average: str) -> str:
    values = [rows.loc[rows["model"] == name, column].astype(float).reset_index(drop=True) for name in models]
    ours, theirs, *beside = (one.agg(average) for one in values)
    both = values[0].notna() & values[1].notna()
    lower = f"{int((values[0] < values[1])[both].sum())} of {int(both.sum())}"
    ratio = f"{ours / theirs:.3f}" if theirs > 0 and not math.isnan(ours) else ""
    cells = [_figure(ours), _figure(theirs), ratio, lower, *map(_figure, beside)]
    return f"| {what} | {' | '.join(cells)} |"


def _figure(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"
