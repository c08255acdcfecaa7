"""Two arbitrary-style models side by side, VGG19 and the measures of `picture_faults` judging both:

    python -m tools.bench.compare_models CONTENT STYLES OUT --baseline microast=FOLDER --vgg VGG19

Every photo takes every artwork's style with both models, in eager fp32, and with those of `--beside`. OUT gets
`table.md`, `rows.parquet` (one row per model and pair) and contact sheets. `tools.bench.precision` times them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

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
from stylize.machine import devices
from stylize.measure import hardware
from stylize.measure.perceptual import Perceptual, StyleFeatures, content_distance
from stylize.measure.ssim import ssim
from stylize.stylizers import find, load, names
from stylize.stylizers._arbitrary import ArbitraryStyle
from stylize.stylizers.base import Stylizer, to_pixels
from stylize.tasks.listing import folder, some_files_in
from tools.bench.models import fault_sheet, model_sheets, model_table, picture_faults
from tools.bench.models.model_sheets import Picture
from tools.bench.models.picture_faults import Planes


@dataclass(frozen=True)
class Model:
    """A method with its weights; `name` tells it from the others, which may be the same method."""

    name: str
    method: str
    stylizer: Stylizer

    def restyle(self, photo: Tensor, artwork: Tensor) -> Tensor:
        """Return the picture of a photo and an artwork, (3, H, W) in [0, 1] each, all on the CPU."""
        device = self.stylizer.device
        with torch.inference_mode():
            return self.stylizer.stylize(photo.to(device), self.stylizer.encode_style(artwork.to(device))).cpu()


def main(argv: Sequence[str]) -> int:
    """Compare, write OUT, print the table; returns 0."""
    parser = cli.Parser(
        prog="python -m tools.bench.compare_models",
        description="Two arbitrary-style models side by side, VGG19 judging.",
    )
    parser.add_argument("content", metavar="CONTENT", help="folder of photos")
    parser.add_argument("styles", metavar="STYLES", help="folder of artworks")
    parser.add_argument("out", metavar="OUT", help="folder for the table, the rows and the sheets")
    parser.add_argument("--model", default="compact", metavar="METHOD[=PATH]", help="ours (default compact)")
    parser.add_argument("--baseline", required=True, metavar="METHOD[=PATH]", help="what it is held against")
    parser.add_argument(
        "--beside", action="append", default=[], metavar="METHOD[=PATH]", help="another to show, such as gatys=VGG19"
    )
    parser.add_argument("--vgg", metavar="PATH", help="VGG19 weights that judge; none: torchvision's")
    parser.add_argument("--size", type=int, default=512, metavar="N", help="long side in pixels (default 512)")
    parser.add_argument("--device", default="cpu", metavar="NAME", help="where networks run (default cpu)")
    given = parser.parse_args(argv)
    if given.size < 64:
        raise UsageError("--size must be 64 or more")
    device = devices.find(given.device)
    devices.forbid_tf32()
    models = _models([given.model, given.baseline], given.beside, device)
    judge = Perceptual(Path(given.vgg) if given.vgg else None, device, option="--vgg")
    photos, artworks = (
        list(_pictures(path, role, given.size)) for path, role in ((given.content, "CONTENT"), (given.styles, "STYLES"))
    )
    out = Path(given.out)
    out.mkdir(parents=True, exist_ok=True)
    sheets = model_sheets.Sheets([model.name for model in models], photos, artworks)
    rows = _rows(models, photos, artworks, judge, sheets)
    facts = {
        "vgg_sha256": judge.sha256,
        "long_side_px": str(given.size),
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),
        "device": hardware.device_name(str(device)),
    }
    table = pa.Table.from_pandas(rows, preserve_index=False)
    pq.write_table(table.replace_schema_metadata(facts | (table.schema.metadata or {})), out / "rows.parquet")
    text = model_table.report(rows, [model.name for model in models], facts | _own_faults(photos, artworks))
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    sheets.write(out)
    restyles = {model.name: model.restyle for model in models}
    fault_sheet.write(out / "faults.jpg", rows, restyles, photos, artworks)
    print(text)
    print(f"kept in {out}")
    return cli.EXIT_OK


def _models(compared: list[str], beside: list[str], device: torch.device) -> list[Model]:
    """Return the models, named by their methods, or as they were given where two are of one.

    Raises UsageError if two are the same.
    """
    words = [*compared, *beside]
    twice = [word for number, word in enumerate(words) if word in words[:number]]
    if twice:
        raise UsageError(f"{twice[0]} against itself; give one of them other weights, as METHOD=PATH")
    models = [_model(word, word in compared, device) for word in words]
    methods = [model.method for model in models]
    return [
        replace(model, name=word) if methods.count(model.method) > 1 else model
        for model, word in zip(models, words, strict=True)
    ]


def _model(word: str, any_style: bool, device: torch.device) -> Model:
    """Return a model. any_style: whether it has to be a method that takes any picture as a style in one pass."""
    name, _, path = word.partition("=")
    known = [
        n for n in names() if (issubclass(find(n), ArbitraryStyle) if any_style else not find(n).styles_are_weights)
    ]
    if name not in known:
        raise UsageError(f"{word}: expected METHOD or METHOD=PATH, METHOD one of {', '.join(known)}")
    return Model(name, name, load(name, weights=path or None, precision="fp32", device=str(device)))


def _pictures(path: str, role: str, size: int) -> Iterator[Picture]:
    root = folder(path, role)
    for one in some_files_in(LocalPath(root)):
        name = local_path(one.uri).relative_to(root).as_posix()
        try:
            pixels = images.decode(read_bytes(one.uri), long_side_px=size).pixels
        except ImageError as error:
            raise UsageError(f"{role}: {name}: {error}") from None
        yield Picture(name, one.type, pixels)


def _rows(
    models: list[Model], photos: list[Picture], artworks: list[Picture], judge: Perceptual, sheets: model_sheets.Sheets
) -> pd.DataFrame:
    device = models[0].stylizer.device
    styles = [artwork.tensor(device) for artwork in artworks]
    looks = [judge.features(style)[1] for style in styles]
    rows = []
    with torch.inference_mode(), Reporter(RunStats(len(photos) * len(artworks) * len(models))) as shown:
        codes = [[model.stylizer.encode_style(style) for style in styles] for model in models]
        for photo in photos:
            tensor, planes = photo.tensor(device), Planes.of(photo.pixels)
            content, _ = judge.features(tensor)
            for (number, model), (column, artwork) in itertools.product(enumerate(models), enumerate(artworks)):
                restyle = partial(model.stylizer.stylize, code=codes[number][column])
                result = restyle(tensor)
                pixels = to_pixels(result)
                sheets.add(number, photo, artwork, pixels)
                seen, look = judge.features(result)
                # An optimisation starts anew for each photo, which is all that its flicker would show.
                moves = isinstance(model.stylizer, ArbitraryStyle)
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
                        **picture_faults.measure(planes, Planes.of(pixels)),
                        "flicker": picture_faults.mean_flicker(restyle, tensor, result) if moves else float("nan"),
                        "clipped_share": float(((pixels == 0) | (pixels == 255)).mean()),
                    }
                )
                shown.stats.advance()
                shown.tick()
    return pd.DataFrame(rows)


def _own_faults(photos: list[Picture], artworks: list[Picture]) -> dict[str, str]:
    """Return the artworks' own weave and the photos' own weave and blotches, medians, to hold the pictures' against."""
    measured = [picture_faults.measure(planes, planes) for planes in (Planes.of(photo.pixels) for photo in photos)]
    own = pd.Series([picture_faults.own_weave(Planes.of(artwork.pixels)) for artwork in artworks])
    photo = pd.DataFrame(measured).median()
    return {
        "artworks_weave": f"{own.median():.3g}",
        "photos_weave": f"{photo['weave']:.3g}",
        "photos_blotch": f"{photo['blotch']:.3g}",
    }


def distances(ours: StyleFeatures, theirs: StyleFeatures) -> dict[str, float]:
    """Return `moments` and `gram`: sums over the layers, and each layer's own as `moments_relu1_1` and so on."""
    by_layer: dict[str, float] = {}
    for kind, layers in (("moments", ours.moments_distance(theirs)), ("gram", ours.gram_distance(theirs))):
        by_layer[kind] = sum(layers.values())
        by_layer |= {f"{kind}_{layer}": value for layer, value in layers.items()}
    return by_layer


if __name__ == "__main__":
    cli.run(main)
