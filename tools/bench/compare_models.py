"""Two arbitrary-style models side by side, VGG19 judging both:

    python -m tools.bench.compare_models CONTENT STYLES OUT --baseline microast=FOLDER --vgg VGG19

Every photo takes every artwork's style with both models, in eager fp32. OUT gets `table.md`, `rows.parquet` (one row a
model and pair) and contact sheets. Times are of one pass with the style code kept, in turns in one run.
"""

from __future__ import annotations

import itertools
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from jobs.progress.reporter import Reporter
from jobs.progress.stats import RunStats
from stylize import cli, images
from stylize.errors import ImageError, UsageError
from stylize.io.files import read_bytes
from stylize.io.location import LocalPath, local_path
from stylize.measure import hardware
from stylize.measure.clock import timed
from stylize.measure.perceptual import STYLE_LAYERS, Perceptual, StyleFeatures, content_distance
from stylize.measure.ssim import ssim
from stylize.stylizers import find, load, names
from stylize.stylizers._arbitrary import ArbitraryStyle
from stylize.stylizers.base import to_pixels, to_tensor
from stylize.tasks.listing import files_in, folder
from tools.bench import model_sheets, reference_models

BORDER_PX = 32
TIMED_SIZE = (512, 768)
Pixels = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Picture:
    """An image of a folder: its path below it, its type, its pixels."""

    name: str
    kind: str | None
    pixels: Pixels

    def tensor(self) -> Tensor:
        """(3, H, W) in [0, 1]."""
        return to_tensor(self.pixels, torch.device("cpu"))


@dataclass(frozen=True)
class Model:
    """A method with its weights; `name` tells it from the other, which may be the same method."""

    name: str
    method: str
    weights: str | None
    stylizer: ArbitraryStyle


def main(argv: Sequence[str]) -> int:
    """Compare, write OUT, print the table; returns 0."""
    parser = cli.Parser(prog="compare_models", description="Two arbitrary-style models side by side, VGG19 judging.")
    parser.add_argument("content", metavar="CONTENT", help="folder of photos")
    parser.add_argument("styles", metavar="STYLES", help="folder of artworks")
    parser.add_argument("out", metavar="OUT", help="folder for the table, the rows and the sheets")
    parser.add_argument("--model", default="compact", metavar="METHOD[=PATH]", help="ours (default compact)")
    parser.add_argument("--baseline", required=True, metavar="METHOD[=PATH]", help="what it is held against")
    parser.add_argument("--vgg", metavar="PATH", help="VGG19 weights that judge; none: torchvision's")
    parser.add_argument("--size", type=int, default=512, metavar="N", help="long side in pixels (default 512)")
    parser.add_argument("--turns", type=int, default=15, metavar="N", help="timed passes of each (default 15)")
    given = parser.parse_args(argv)
    if given.size < 64 or given.turns < 1:
        raise UsageError("--size must be 64 or more, --turns 1 or more")
    models = _models([given.model, given.baseline])
    judge = Perceptual(Path(given.vgg) if given.vgg else None)
    photos, artworks = (
        list(_pictures(path, role, given.size)) for path, role in ((given.content, "CONTENT"), (given.styles, "STYLES"))
    )
    out = Path(given.out)
    out.mkdir(parents=True, exist_ok=True)
    times = _times(models, photos, artworks, given.turns)
    sheets = model_sheets.Sheets([model.name for model in models], photos, artworks)
    rows = _rows(models, photos, artworks, judge, sheets)
    facts = {
        "vgg_sha256": judge.sha256,
        "long_side_px": str(given.size),
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),
        "cpu": hardware.device_name("cpu"),
    }
    table = pa.Table.from_pandas(rows, preserve_index=False)
    pq.write_table(table.replace_schema_metadata(facts | (table.schema.metadata or {})), out / "rows.parquet")
    text = report(rows, times, models, facts)
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    sheets.write(out)
    print(text)
    print(f"kept in {out}")
    return cli.EXIT_OK


def _models(words: list[str]) -> list[Model]:
    """Named by their methods, or as they were given where both are of one. Raises UsageError if they are the same."""
    if words[0] == words[1]:
        raise UsageError(f"{words[0]} against itself; give one of them other weights, as METHOD=PATH")
    found = [_model(word) for word in words]
    if found[0].method == found[1].method:
        found = [replace(model, name=word) for model, word in zip(found, words, strict=True)]
    return found


def _model(word: str) -> Model:
    name, _, path = word.partition("=")
    if name not in names() or not issubclass(find(name), ArbitraryStyle):
        known = [n for n in names() if issubclass(find(n), ArbitraryStyle)]
        raise UsageError(f"{word}: expected METHOD or METHOD=PATH, METHOD one of {', '.join(known)}")
    stylizer = load(name, weights=path or None, precision="fp32")
    assert isinstance(stylizer, ArbitraryStyle)
    return Model(name, name, path or None, stylizer)


def _pictures(path: str, role: str, size: int) -> Iterator[Picture]:
    root, found = folder(path, role), False
    for one in files_in(LocalPath(root)):
        found = True
        name = local_path(one.uri).relative_to(root).as_posix()
        try:
            pixels = images.decode(read_bytes(one.uri), long_side_px=size).pixels
        except ImageError as error:
            raise UsageError(f"{role}: {name}: {error}") from None
        yield Picture(name, one.type, pixels)
    if not found:
        raise UsageError(f"{role}: no images in {path}")


def _rows(
    models: list[Model], photos: list[Picture], artworks: list[Picture], judge: Perceptual, sheets: model_sheets.Sheets
) -> pd.DataFrame:
    looks = [judge.features(artwork.tensor())[1] for artwork in artworks]
    rows = []
    with torch.inference_mode(), Reporter(RunStats(len(photos) * len(artworks) * len(models))) as shown:
        codes = [[model.stylizer.encode_style(artwork.tensor()) for artwork in artworks] for model in models]
        for photo in photos:
            tensor = photo.tensor()
            content, _ = judge.features(tensor)
            for (number, model), (column, artwork) in itertools.product(enumerate(models), enumerate(artworks)):
                restyle = partial(model.stylizer.stylize, code=codes[number][column])
                result = restyle(tensor)
                pixels = to_pixels(result)
                sheets.add(number, photo, artwork, pixels)
                seen, look = judge.features(result)
                rows.append(
                    {
                        "model": model.name,
                        "weights_sha256": model.stylizer.weights_sha256,
                        "content": photo.name,
                        "content_type": photo.kind,
                        "style": artwork.name,
                        "style_type": artwork.kind,
                        "content_loss": content_distance(seen, content),
                        **distances(look, looks[column]),
                        "ssim": ssim(photo.pixels, pixels),
                        "flicker": flicker(restyle, tensor, result),
                        "clipped_share": float(((pixels == 0) | (pixels == 255)).mean()),
                    }
                )
                shown.stats.advance()
                shown.tick()
    return pd.DataFrame(rows)


def distances(ours: StyleFeatures, theirs: StyleFeatures) -> dict[str, float]:
    """`moments` and `gram`: sums over the layers, and each layer's own as `moments_relu1_1` and so on."""
    found: dict[str, float] = {}
    for kind, layers in (("moments", ours.moments_distance(theirs)), ("gram", ours.gram_distance(theirs))):
        found[kind] = sum(layers.values())
        found |= {f"{kind}_{layer}": value for layer, value in layers.items()}
    return found


def flicker(restyle: Callable[[Tensor], Tensor], photo: Tensor, result: Tensor) -> float:
    """Mean difference, in levels of 255, of the picture from the one made of the photo one pixel further left.

    0 for a network that moves its strokes along with the photo. Borders are left out.
    """
    moved = restyle(photo[:, :, 1:])
    inner = slice(BORDER_PX, -BORDER_PX)
    return float((moved - result[:, :, 1:])[:, inner, inner].abs().mean() * 255)


def _times(models: list[Model], photos: list[Picture], artworks: list[Picture], turns: int) -> dict[str, list[float]]:
    """Seconds of passes over a photo of TIMED_SIZE, in turns."""
    height, width = TIMED_SIZE
    pixels = photos[0].pixels
    tiled = np.pad(pixels, ((0, max(0, height - len(pixels))), (0, max(0, width - pixels.shape[1])), (0, 0)), "wrap")
    photo, artwork = to_tensor(tiled[:height, :width], torch.device("cpu")), artworks[0].tensor()
    calls: dict[str, Callable[[], Tensor]] = {}
    for model in models:
        calls[model.name] = partial(model.stylizer.stylize, photo, model.stylizer.encode_style(artwork))
        if model.method in reference_models.NETWORKS and model is not models[0]:
            (calls[f"{model.name}, as published"],) = reference_models.calls(
                model.method, model.weights, [photo], [artwork]
            )
    times: dict[str, list[float]] = {name: [] for name in calls}
    with torch.inference_mode():
        for turn in range(-2, turns):
            for name, call in calls.items():
                with timed("cpu") as clock:
                    call()
                if turn >= 0:
                    times[name].append(clock.seconds)
    return times


def report(rows: pd.DataFrame, times: dict[str, list[float]], models: list[Model], facts: dict[str, str]) -> str:
    """The table as Markdown: means over all pairs, and ours over the baseline's."""
    ours, theirs = (rows[rows["model"] == model.name] for model in models)
    pairs = len(ours)
    lines = [
        f"{ours['content'].nunique()} photos x {ours['style'].nunique()} artworks = {pairs} pairs, "
        f"{facts['long_side_px']} px, both in eager fp32, means over pairs; VGG19 {facts['vgg_sha256'][:12]}",
        "",
        f"| | `{models[0].name}` | `{models[1].name}` | ratio | pairs where ours is lower |",
        "|---|---|---|---|---|",
    ]
    kinds = {"content_loss": "content loss, relu4_1", "moments": "style loss, mean/std", "gram": "style loss, Gram"}
    for layer in STYLE_LAYERS:
        kinds |= {f"{kind}_{layer}": f"{what}, {layer}" for kind, what in (("moments", "mean/std"), ("gram", "Gram"))}
    kinds |= {"flicker": "flicker, levels", "clipped_share": "clipped share", "ssim": "SSIM against content"}
    for column, what in sorted(kinds.items(), key=lambda item: item[0].rsplit("_relu")[1:]):
        a, b = ours[column].to_numpy(float), theirs[column].to_numpy(float)
        ratio, lower = a.mean() / b.mean(), int((a < b).sum())
        lines.append(f"| {what} | {a.mean():.4g} | {b.mean():.4g} | {ratio:.3f} | {lower} of {pairs} |")
    mine = statistics.median(times[models[0].name])
    for name, seconds in times.items():
        if name != models[0].name:
            theirs_s = statistics.median(seconds)
            what = f"stylize_s at {TIMED_SIZE[1]}x{TIMED_SIZE[0]} ({name})"
            lines.append(f"| {what} | {mine:.4f} | {theirs_s:.4f} | {mine / theirs_s:.3f} | |")
    lines += ["", f"{facts['cpu']}, {facts['threads']} threads, torch {facts['torch']}"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.argv[0] = "compare_models"
    cli.run(main)
