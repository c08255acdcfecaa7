"""Contact sheets of two models: all artworks at a glance, and details at full size to look for artefacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps
from torch import Tensor

from stylize import images
from stylize.images import Pixels
from stylize.io.files import write_atomic
from stylize.stylizers.base import to_tensor

CELL_PX = (168, 126)
GAP_PX, LABEL_PX = 4, 80
DETAIL_PX = 256
PHOTOS, DETAIL_ARTWORKS = 6, 4
CPU = torch.device("cpu")
Row = tuple[str, list[Image.Image | None]]
"""A label and its pictures, None where there is none."""


@dataclass(frozen=True)
class Picture:
    """An image of a folder: its path below it, its type, its pixels."""

    name: str
    kind: str | None
    pixels: Pixels

    def tensor(self, device: torch.device = CPU) -> Tensor:
        """Return (3, H, W) in [0, 1]."""
        return to_tensor(self.pixels, device)


class Sheets:
    """Keeps of the results what the sheets show: of each photo a pair of rows, the first model's above the second's."""

    def __init__(self, models: Sequence[str], photos: Sequence[Picture], artworks: Sequence[Picture]) -> None:
        self._models = models
        self._photos = photos[:: max(1, len(photos) // PHOTOS)][:PHOTOS]
        self._artworks = artworks
        self._detailed = artworks[:: max(1, len(artworks) // DETAIL_ARTWORKS)][:DETAIL_ARTWORKS]
        self._cells: dict[tuple[int, str, str], Image.Image] = {}
        self._details: dict[tuple[int, str, str], Image.Image] = {}

    def add(self, model: int, photo: Picture, artwork: Picture, result: Pixels) -> None:
        """Take a result of the first (0) or second (1) model."""
        if any(photo is one for one in self._photos):
            key = (model, photo.name, artwork.name)
            self._cells[key] = _fit(result)
            if any(artwork is one for one in self._detailed):
                # The corner: borders and flat skies are where artefacts show.
                self._details[key] = Image.fromarray(result[:DETAIL_PX, :DETAIL_PX])

    def write(self, out: Path) -> None:
        """Write `sheet.jpg` and `details.jpg` below `out`."""
        rows: list[Row] = [("", [None, *(_fit(artwork.pixels) for artwork in self._artworks)])]
        for photo in self._photos:
            for model, name in enumerate(self._models):
                first = _fit(photo.pixels) if model == 0 else None
                rows.append((name, [first, *(self._cells[model, photo.name, a.name] for a in self._artworks)]))
        save(out / "sheet.jpg", rows, CELL_PX)
        rows = []
        for photo in self._photos[: PHOTOS // 2]:
            for model, name in enumerate(self._models):
                rows.append((name, [self._details[model, photo.name, a.name] for a in self._detailed]))
        save(out / "details.jpg", rows, (DETAIL_PX, DETAIL_PX))


def _fit(pixels: Pixels) -> Image.Image:
    return ImageOps.fit(Image.fromarray(pixels), CELL_PX, Image.Resampling.LANCZOS)


def save(path: Path, rows: list[Row], cell: tuple[int, int]) -> None:
    """Write rows of pictures, each with its label in front, as one; `cell` is (width, height) in pixels."""
    width, height = (side + GAP_PX for side in cell)
    sheet = Image.new("RGB", (LABEL_PX + width * len(rows[0][1]), GAP_PX + height * len(rows)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(LABEL_PX // 5)
    for line, (label, row) in enumerate(rows):
        top = GAP_PX + line * height
        pen.text((GAP_PX, top), label, "black", font)
        for column, picture in enumerate(row):
            if picture is not None:
                sheet.paste(picture, (LABEL_PX + column * width, top))
    write_atomic(path, images.encode(np.asarray(sheet), "jpg", 82))
