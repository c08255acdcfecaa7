"""What the checks of a device share: loading methods on it, pictures, times with the device synchronised."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylize.gallery import styles_folder, write_demo_photos
from stylize.measure.clock import timed
from stylize.measure.memory import held_bytes
from stylize.stylizers import load
from stylize.stylizers.base import to_tensor

MIB = 2**20
PHOTO_HEIGHT = 2 / 3
"""A test photo's, over its width."""


class Bench:
    """A device, what is loaded on it, and the pictures to try."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self.device, self.small, self.vgg = torch.device(given.device), given.small, given.vgg
        self.cuda = self.device.type == "cuda"
        self.half = "fp16" if self.cuda else "bf16"
        self.weights = {"compact": None, "microast": given.microast, "johnson": "random", "adain": "random"}
        self.folder = folder
        self.photos = write_demo_photos(folder / "photos")
        self.artworks = sorted(styles_folder().rglob("*.jpg"))

    def load(self, method: str, precision: str, **settings: Any) -> Any:
        """Return a method on the device, with the weights that the command line gave or untrained ones."""
        weights = self.vgg or "random" if method == "gatys" else self.weights[method]
        return load(method, device=str(self.device), precision=precision, weights=weights, **settings)

    def picture(self, path: Path, width: int, height: int | None = None) -> Tensor:
        """Return a (3, H, W) picture in [0, 1] on the device, stretched to the size; square without a height."""
        with Image.open(path) as image:
            return to_tensor(np.array(image.convert("RGB").resize((width, height or width))), self.device)

    def photo(self, side: int, number: int = 0) -> Tensor:
        """Return a photo of `side` pixels along its long side."""
        return self.picture(self.photos[number % len(self.photos)], side, int(side * PHOTO_HEIGHT))

    def code(self, stylizer: Any, side: int = 512, artwork: int = 0) -> Any:
        """Return the code of one of the artworks."""
        if stylizer.styles_are_weights:
            return stylizer.code("random")
        return stylizer.encode_style(self.picture(self.artworks[artwork], side))

    def ms(self, call: Callable[[], object], times: int = 20) -> float:
        """Return the median of a call's time in ms, after three that warm up."""
        for _ in range(3):
            call()
        return statistics.median(self.once_ms(call) for _ in range(times))

    def once_ms(self, call: Callable[[], object]) -> float:
        """Return one call's time in ms, the device synchronised at both ends."""
        with timed(str(self.device)) as watch:
            call()
        return watch.seconds * 1e3


def put(**values: Any) -> None:
    """Print one measurement."""
    print(json.dumps({k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}), flush=True)


def rss_mib() -> float:
    """Return this process's resident memory."""
    return (held_bytes()[0] or 0) / MIB


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Let convolutions use TF32 or not, for as long as it is held."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
