"""Folders of images as random square crops."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from stylize.errors import UsageError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


def list_images(folder: Path) -> list[Path]:
    """Every image below `folder`, sorted. Raises UsageError if there is none."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not found:
        raise UsageError(f"{folder}: holds no images ({', '.join(sorted(SUFFIXES))})")
    return found


class Crops(IterableDataset[Tensor]):
    """An endless stream of (3, size, size) crops in [0, 1] at random scale, mirrored half of the time."""

    def __init__(self, files: list[Path], size: int, largest: float, seed: int) -> None:
        super().__init__()
        self.files = files
        self.size = size
        self.largest = largest
        self.seed = seed

    def __iter__(self) -> Iterator[Tensor]:
        worker = get_worker_info()
        rng = random.Random(f"{self.seed}/{worker.id if worker else 0}")
        while True:
            path = rng.choice(self.files)
            try:
                yield self._crop(path, rng)
            except OSError:
                continue  # a broken file costs a draw, not the run

    def _crop(self, path: Path, rng: random.Random) -> Tensor:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened.convert("RGB"))
        short = min(image.size)
        scaled = max(self.size, round(self.size * rng.uniform(1.0, self.largest)))
        scaled = min(scaled, max(short, self.size))
        width, height = (max(self.size, round(side * scaled / short)) for side in image.size)
        left, top = rng.randint(0, width - self.size), rng.randint(0, height - self.size)
        # Resize only what is kept.
        ratio_x, ratio_y = image.width / width, image.height / height
        box = (
            left * ratio_x,
            top * ratio_y,
            (left + self.size) * ratio_x,
            (top + self.size) * ratio_y,
        )
        crop = image.resize((self.size, self.size), Image.Resampling.BICUBIC, box=box)
        if rng.random() < 0.5:
            crop = ImageOps.mirror(crop)
        pixels = torch.frombuffer(bytearray(crop.tobytes()), dtype=torch.uint8)
        return pixels.view(self.size, self.size, 3).permute(2, 0, 1).float() / 255
