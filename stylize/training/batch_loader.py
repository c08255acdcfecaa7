"""Batches with what the loss compares against, and how long the device waited for them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor

from stylize.measure.perceptual import CONTENT_LAYER, StyleFeatures
from stylize.training.config import JohnsonConfig, TrainConfig
from stylize.training.data import Crops, Folder, style_image
from stylize.training.judge import Judge

AHEAD = 2
CONTENT_ZOOM, STYLE_ZOOM = 2.0, 1.8


class Reusable(Protocol):
    """What a batch is made into."""

    def smaller(self) -> Self:
        """Return it in half precision, for keeping many."""


@dataclass(frozen=True)
class Content:
    """Photos (N, 3, H, W) in [0, 1] and their scaled features at CONTENT_LAYER."""

    image: Tensor
    features: Tensor

    def smaller(self) -> Content:
        """Return it in half precision, for keeping many."""
        return Content(self.image.half(), self.features.bfloat16())


@dataclass(frozen=True)
class StyleTarget:
    """Artworks (N, 3, H, W) in [0, 1] and what their features are like."""

    image: Tensor
    target: StyleFeatures

    def smaller(self) -> StyleTarget:
        """Return it in half precision, for keeping many."""
        moments = {name: (mean.bfloat16(), std.bfloat16()) for name, (mean, std) in self.target.moments.items()}
        return StyleTarget(
            self.image.half(), StyleFeatures(moments, {name: x.bfloat16() for name, x in self.target.grams.items()})
        )


T = TypeVar("T", bound=Reusable)


class BatchLoader(Generic[T]):
    """What step n trains on: a function of the seed and n alone, so that a resumed run sees what an unbroken one does.

    Threads read and crop ahead (Pillow lets go of Python's lock). With `reuse`, as many batches are kept with their
    features and drawn from: then VGG sees the result alone, not the photo and the artwork too.
    """

    def __init__(
        self, crops: Crops, batch: int, make: Callable[[Tensor], T], reuse: int, loaders: int, device: torch.device
    ) -> None:
        self.wait_s = 0.0
        self._crops, self._batch, self._make, self._reuse, self._device = crops, batch, make, reuse, device
        self._pool = ThreadPoolExecutor(loaders, thread_name_prefix="crops")
        self._depth = loaders + AHEAD
        self._loading: dict[int, Future[Tensor]] = {}
        self._kept: dict[int, T] = {}

    def get(self, step: int) -> T:
        """Return step `step`'s batch; steps count from 0."""
        for ahead in range(step, step + self._depth):
            key = self._key(ahead)
            if key not in self._kept and key not in self._loading:
                self._loading[key] = self._pool.submit(self._load, key)
        key = self._key(step)
        if key in self._kept:
            return self._kept[key]
        start = time.perf_counter()
        batch = self._loading.pop(key).result()
        self.wait_s += time.perf_counter() - start
        made = self._make(_put(batch, self._device))
        if self._reuse:
            made = self._kept[key] = made.smaller()
        return made

    def skip(self, step: int) -> None:
        """Drop step `step`'s batch: the step does without."""
        unused = self._loading.pop(self._key(step), None)
        if unused is not None:
            unused.cancel()

    def close(self) -> None:
        """Stop reading ahead."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _key(self, step: int) -> int:
        return random.Random(f"{self._crops.seed}/{step}").randrange(self._reuse) if self._reuse else step

    def _load(self, key: int) -> Tensor:
        batch = self._crops.batch(key, self._batch)
        return batch.pin_memory() if self._device.type == "cuda" else batch


class Batches:
    """What each step trains on, photos and styles, and for how long the device waited for them."""

    def __init__(
        self, config: TrainConfig, photos: Folder, artworks: Folder, judge: Judge, rank: int, device: torch.device
    ) -> None:
        """Have the judge measure its scales, on the same photos on every worker, if it has none yet."""
        self._config, self._judge, self._rank, self._device = config, judge, rank, device
        if not judge.scales:
            crops = Crops(photos.files, config.crop_px, CONTENT_ZOOM, f"{config.seed}/scales")
            judge.measure(_put(crops.batch(key, config.batch), device) for key in range(8))
        self._contents = self._loader(photos.files, CONTENT_ZOOM, "content", self._content, config.batch)
        self._styles: BatchLoader[StyleTarget] | None = None
        if isinstance(config, JohnsonConfig):
            self._style = self._style_target(_put(style_image(config.styles, config.style_px), device))
        else:
            # Photos serve as styles, too: a few thousand artworks are few.
            count = config.batch // config.photos_of_a_style
            files = artworks.files + photos.files[::8]
            self._styles = self._loader(files, STYLE_ZOOM, "style", self._style_target, count)

    def get(self, step: int) -> tuple[Content, StyleTarget]:
        """Return step `step`'s, counted from 0. Now and then the photos are their own style, the same tensor."""
        content = self._contents.get(step)
        if self._styles is None:
            return content, self._style
        coin = random.Random(f"{self._config.seed}/{self._rank}/{step}").random()
        if coin >= self._config.identity_share:
            return content, self._styles.get(step)
        self._styles.skip(step)
        return content, StyleTarget(content.image, self._style_target(content.image.float()).target)

    @property
    def wait_s(self) -> float:
        """Return the seconds waited so far."""
        return self._contents.wait_s + (self._styles.wait_s if self._styles else 0.0)

    def close(self) -> None:
        """Stop reading ahead."""
        self._contents.close()
        if self._styles:
            self._styles.close()

    def _loader(
        self, files: tuple[Path, ...], zoom: float, what: str, make: Callable[[Tensor], T], count: int
    ) -> BatchLoader[T]:
        config = self._config
        crops = Crops(files, config.crop_px, zoom, f"{config.seed}/{self._rank}/{what}")
        return BatchLoader(crops, count, make, config.reuse, _reader_threads(config, self._device), self._device)

    def _content(self, image: Tensor) -> Content:
        return Content(image, self._judge.target_features(image)[CONTENT_LAYER])

    def _style_target(self, image: Tensor) -> StyleTarget:
        return StyleTarget(image, StyleFeatures.of(self._judge.target_features(image)))


def _put(batch: Tensor, device: torch.device) -> Tensor:
    return batch.to(device, non_blocking=True, memory_format=torch.channels_last)


def _reader_threads(config: TrainConfig, device: torch.device) -> int:
    """Return how many threads read photos, and artworks: one where the CPU trains, else as many as keep a GPU busy."""
    if config.loaders is not None:
        return config.loaders
    return 1 if device.type == "cpu" else max(1, min(8, torch.get_num_threads() - 1))
