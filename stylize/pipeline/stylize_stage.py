"""The second stage: content and style through the stylizer, timed and with its memory measured."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from stylize import devices
from stylize.config import JobConfig
from stylize.errors import UnsupportedImageError
from stylize.measure.clock import timed
from stylize.measure.flicker import flicker
from stylize.measure.load import MachineLoad
from stylize.measure.memory import PeakMemory, exact_peaks
from stylize.pipeline.failures import FailureHandler, NotFiniteError
from stylize.pipeline.in_flight import InFlight
from stylize.pipeline.own_settings import OwnSettings
from stylize.pipeline.style_cache import StyleCache
from stylize.results.schema import Row
from stylize.stylizers.base import RANDOM, Stylizer, to_pixels, to_tensor

WARM_UP_BELOW_S = 2.0
"""Longer calls of isolated mode are timed without a call to warm up: they would gain less than a hundredth."""


class StylizeStage:
    """Has the device; to be called from one thread."""

    def __init__(
        self, config: JobConfig, stylizer: Stylizer, styles: StyleCache, own: OwnSettings, failures: FailureHandler
    ) -> None:
        self._config, self._stylizer, self._styles, self._failures = config, stylizer, styles, failures
        self._own = own
        self._device = str(stylizer.device)
        self._peak = PeakMemory(self._device)
        self._load = MachineLoad(self._device) if config.measure_mode == "isolated" else None
        self._images_begun = 0

    def run(self, items: list[InFlight]) -> None:
        """Stylize items of one style and the same settings in place, neighbours of one size in one call.

        What failed before stays so.
        """
        ready = [item for item in items if item.content is not None]
        for _, same_size in itertools.groupby(ready, key=lambda item: _size(item)):
            self._run_together(list(same_size))

    def _run_together(self, items: list[InFlight]) -> None:
        """Stylize items of one style and size; one by one if they do not go together."""
        if len(items) > 1:
            try:
                self._call(items)
            except Exception as error:
                # Which one it was, and whether a single one fits, shows one by one.
                devices.free_memory(error)
            else:
                return
        for item in items:
            if not item.failed:
                with self._failures.handled(item):
                    self._call([item])

    def _call(self, items: list[InFlight]) -> None:
        first = items[0]
        assert first.style is not None
        width, height = _size(first)
        if min(width, height) < self._stylizer.least_px:
            needed = f"{self._stylizer.name} needs {self._stylizer.least_px} px a side"
            raise UnsupportedImageError(f"{width} x {height} px: {needed}")
        stylizer = self._own.stylizer(first.task.pair)
        warmup = self._images_begun < self._config.warmup_images
        self._images_begun += len(items)
        with torch.inference_mode():
            code, first.row["style_s"] = self._styles.code(first.style)
            contents = [to_tensor(item.content, self._stylizer.device) for item in items if item.content is not None]
            alone = (
                self._measured_alone(stylizer, contents[0], code) if self._config.measure_mode == "isolated" else None
            )
            self._peak.start()
            if self._load is not None:
                self._load.start()
            with timed(self._device) as clock:
                images = _stylized(stylizer, contents, code)
            shared = (asdict(self._load.stop()) if self._load is not None else {}) | (
                alone or asdict(self._peak.stop())
            )
            for name in ("image_host_bytes", "image_device_bytes"):
                # What was measured is the call's. A row says what one more image takes.
                shared[name] = None if shared[name] is None else shared[name] // len(items)
            if self._stylizer.weights_sha256 != RANDOM:
                shared |= stylizer.outcome()
            shared |= {"warmup": warmup, "stylize_s": clock.seconds / len(items), "batch_size": len(items)}
            for item, content, image in zip(items, contents, images, strict=True):
                item.row.update(shared)
                with self._failures.handled(item):
                    _take(item, image)
                    if "flicker" in self._config.scores and self._stylizer.weights_sha256 != RANDOM:
                        item.row["flicker"] = flicker(lambda photo: stylizer.stylize(photo, code), content, image)

    def _measured_alone(self, stylizer: Stylizer, content: Tensor, code: Any) -> Row:
        """Measure an isolated image's memory, in a call of its own, as exactly it is slow; leave all warm for the next.

        After a pause, such as scoring, caches are cold and the heap's pages are gone: a call of 40 ms took 75 to 130.
        """
        if devices.is_accelerator(stylizer.device):
            self._peak.start()
            stylizer.stylize(content, code)
            return asdict(self._peak.stop())
        start = time.perf_counter()
        # In a thread of its own: no holes of other work in its heap, and its OpenMP threads end with it.
        with ThreadPoolExecutor(1, "memory") as own:
            peak = own.submit(self._exact_peak, stylizer, content, code).result()
        if time.perf_counter() - start < WARM_UP_BELOW_S:
            stylizer.stylize(content, code)
        return peak

    def _exact_peak(self, stylizer: Stylizer, content: Tensor, code: Any) -> Row:
        with torch.inference_mode(), exact_peaks():
            self._peak.start()
            stylizer.stylize(content, code)
            return asdict(self._peak.stop())


def _stylized(stylizer: Stylizer, contents: list[Tensor], code: Any) -> list[Tensor]:
    if len(contents) == 1:
        return [stylizer.stylize(contents[0], code)]
    return list(stylizer.stylize_batch(torch.stack(contents), code))


def _size(item: InFlight) -> tuple[int, int]:
    """Return width and height of the decoded photo."""
    assert item.content is not None
    height, width = item.content.shape[:2]
    return width, height


def _take(item: InFlight, image: Tensor) -> None:
    # A sum is finite only if every value is: one pass, no mask in memory.
    if not torch.isfinite(image.sum()):
        raise NotFiniteError("the result has NaN or infinity in it; try precision fp32 or other settings")
    item.result = to_pixels(image)
    item.row["height_px"], item.row["width_px"] = item.result.shape[:2]
