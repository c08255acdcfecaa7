"""What an isolated image takes in memory, measured in calls of its own: exactly it is slow."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from stylize.machine import devices
from stylize.measure.memory import PeakMemory, exact_peaks
from stylize.results.schema import Row
from stylize.stylizers.base import Stylizer

WARM_UP_BELOW_S = 2.0
"""Longer calls of isolated mode are timed without a call to warm up: they would gain less than a hundredth."""


class PeakAlone:
    """Measures by `peak` what one image takes on a device."""

    def __init__(self, peak: PeakMemory, device: torch.device) -> None:
        self._peak, self._on_accelerator = peak, devices.is_accelerator(device)

    def columns(self, stylizer: Stylizer, photo: Callable[[], Tensor], code: Any) -> Row:
        """Return the columns of an image's memory; leave all warm for the next call.

        After a pause, such as scoring, caches are cold and the heap's pages are gone: a call of 40 ms took 75 to 130.
        `photo` gives (3, H, W) in [0, 1] anew for each call, as a method may change what it is given.
        """
        gc.collect()  # what was garbage before and is freed meanwhile would be missing from the peak
        for _ in range(2):
            start = time.perf_counter()
            peak = self._of_a_call(stylizer, photo, code)
            if not stylizer.compiled_anew():
                break  # what compiling takes is no image's
        if not self._on_accelerator and time.perf_counter() - start < WARM_UP_BELOW_S:
            stylizer.stylize(photo(), code)
        return peak

    def _of_a_call(self, stylizer: Stylizer, photo: Callable[[], Tensor], code: Any) -> Row:
        if self._on_accelerator:
            devices.empty_cache()  # else what scoring took of the image before counts as held
            return self._measured(stylizer, photo(), code)
        # In a thread of its own: no holes of other work in its heap, and its OpenMP threads end with it.
        with ThreadPoolExecutor(1, "memory") as own:
            return own.submit(self._exact, stylizer, photo(), code).result()

    def _exact(self, stylizer: Stylizer, content: Tensor, code: Any) -> Row:
        stylizer.release(code)
        with torch.inference_mode(), exact_peaks():
            return self._measured(stylizer, content, code)

    def _measured(self, stylizer: Stylizer, content: Tensor, code: Any) -> Row:
        self._peak.start()
        stylizer.stylize(content, code)
        return asdict(self._peak.stop())
