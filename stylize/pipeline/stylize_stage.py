"""The second stage: content and style through the stylizer, timed and with its memory measured."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from stylize.config import JobConfig
from stylize.errors import NoRoomError, NotFiniteError, UnsupportedImageError, named_message, of_a_signal
from stylize.images import pixel_bytes
from stylize.machine import devices
from stylize.measure.clock import timed
from stylize.measure.flicker import flicker
from stylize.measure.hardware import share_of_machine
from stylize.measure.load import MachineLoad
from stylize.measure.memory import ALL_BLOCKS, SMALL_BLOCKS, TINY_BLOCKS, PeakMemory, give_back, keep_blocks
from stylize.pipeline.failures import FailureHandler
from stylize.pipeline.in_flight import InFlight
from stylize.pipeline.own_settings import OwnSettings
from stylize.pipeline.peak_alone import PeakAlone
from stylize.pipeline.scored import Times, sent_back
from stylize.pipeline.style_cache import StyleCache
from stylize.pipeline.transfers import Transfers
from stylize.results.schema import fitting
from stylize.stylizers.base import RANDOM, Plan, Stylizer, in_range

MOST_TOGETHER = 8
"""Images of a batch, until memory has run out for as many."""
LARGE_PX = 2**21
"""Images of more pixels give their memory back to the system, as it comes in blocks too large for a heap."""


class StylizeStage:
    """Has the device; to be called from one thread. ahead_bytes: what pictures of several images may take meanwhile."""

    def __init__(
        self,
        config: JobConfig,
        stylizer: Stylizer,
        styles: StyleCache,
        own: OwnSettings,
        failures: FailureHandler,
        ahead_bytes: int,
    ) -> None:
        self._config, self._stylizer, self._styles, self._failures = config, stylizer, styles, failures
        self._own, self._ahead = own, ahead_bytes
        self._device, self._on_accelerator = str(stylizer.device), devices.is_accelerator(stylizer.device)
        self._transfers = Transfers(stylizer.device)
        self._free: devices.Mark | None = None
        """When the device had done its last image, while stages overlap; None where that was none, or it failed."""
        self._share, self._peak = share_of(config, stylizer.device), PeakMemory(self._device)
        self._alone = PeakAlone(self._peak, stylizer.device)
        self._load = MachineLoad(self._device) if config.measure_mode == "isolated" else None
        self._images_done, self._kept = 0, ALL_BLOCKS
        self.batch_limit = MOST_TOGETHER
        """Images of a batch for which there was memory."""

    def run(self, items: list[InFlight]) -> None:
        """Stylize items of one style and the same settings in place, neighbours of one size in one call.

        What failed before stays so.
        """
        for _, same_size in itertools.groupby((item for item in items if item.content is not None), key=_size):
            self._run_together(list(same_size))

    def _run_together(self, items: list[InFlight]) -> None:
        """Stylize items of one style and size; one by one if they do not go together."""
        if len(items) > 1:
            try:
                return self._call(items)
            except BaseException as error:
                if of_a_signal(error):
                    raise
                # Which one it was, and whether a single one fits, shows one by one.
                devices.free_memory(error)
                if devices.out_of_memory(error):
                    self.batch_limit = max(1, min(self.batch_limit, len(items) // 2))
        for item in items:
            if not item.failed:
                with self._failures.handled(item):
                    self._call_alone(item)

    def _call_alone(self, item: InFlight) -> None:
        try:
            self._call([item])
        except (MemoryError, RuntimeError) as error:
            if not devices.out_of_memory(error):
                raise
            devices.free_memory(error)
            item.ran_out = error
            try:
                self._call([item])
            except NoRoomError as told:
                raise NoRoomError(f"{told} ({named_message(error)})") from None

    def _call(self, items: list[InFlight]) -> None:
        first = items[0]
        assert first.style is not None
        width, height = _size(first)
        if min(width, height) < self._stylizer.least_px:
            needed = f"{self._stylizer.name} needs {self._stylizer.least_px} px a side"
            raise UnsupportedImageError(f"{width} x {height} px: {needed}")
        stylizer = self._own.stylizer(first.task.pair)
        # Of two that warm up one worker may get both: neither counts.
        warmup = self._images_done < self._config.warmup_images or any(item.task.warms_up for item in items)
        with torch.inference_mode():
            begun, free, self._free = devices.Mark(self._stylizer.device), self._free, None
            code, took = self._styles.code(first.style)
            # An earlier call that ran out of memory may have noted it.
            first.row |= {"style_s": first.row.get("style_s"), **took}
            plan = self._planned(stylizer, items, code)
            most = self._stylizer.max_memory
            too_much = isinstance(most, int) and len(items) * plan.bytes > most
            if len(items) > 1 and (plan.in_parts or too_much):
                raise NoRoomError("there is memory for one at a time")
            self._set_heap(len(items) * width * height, plan)
            if plan.in_parts:
                self._in_strips(first, stylizer, code, plan, warmup)
            else:
                self._at_once(items, stylizer, code, warmup=warmup, since=(free, begun))
        # Not before: a call that runs out of memory is followed by another one of the same images.
        self._images_done += len(items)

    def _at_once(
        self,
        items: list[InFlight],
        stylizer: Stylizer,
        code: Any,
        *,
        warmup: bool,
        since: tuple[devices.Mark | None, devices.Mark],
    ) -> None:
        """Do images of one size in one call, measured. since: when the device was free, and when they were begun."""
        isolated = self._config.measure_mode == "isolated"
        alone = self._alone.columns(stylizer, lambda: in_range(self._here(items[0])), code) if isolated else None
        contents = [in_range(self._here(item)) for item in items]
        self._peak.start()
        if self._load is not None:
            self._load.start()
        if isolated:
            devices.synchronize(self._device)
        started = devices.Mark(self._stylizer.device)
        results = _stylized(stylizer, contents, code)
        ended = devices.Mark(self._stylizer.device)
        if isolated:
            ended.wait()
        shared = asdict(self._load.stop()) if self._load is not None else {}
        shared |= alone or asdict(self._peak.stop())
        for name in ("image_host_bytes", "image_device_bytes"):
            # What was measured is the call's. A row says what one more image takes.
            shared[name] = None if shared[name] is None else shared[name] // len(items)
        trained = self._stylizer.weights_sha256 != RANDOM
        shared |= fitting(stylizer.outcome(), f"{stylizer.name}: outcome()") if trained else {}
        shared |= {"batch_size": len(items), "strips": 1, "passes": 1, "warmup": warmup or stylizer.compiled_anew()}
        for item in items:
            item.row.update(shared, height_px=results.shape[2], width_px=results.shape[3])
        if "flicker" in self._config.scores and trained:
            for item, result in zip(items, results, strict=True):
                photo = in_range(self._here(item))
                item.row["flicker"] = flicker(lambda photo: stylizer.stylize(photo, code), photo, result)
        self._hand_over(items, results, Times(*since, started, ended, len(items)))
        if not isolated:
            self._free = devices.Mark(self._stylizer.device)

    def _set_heap(self, pixels: int, plan: Plan) -> None:
        """Have freed memory kept for the next image, or given back where there is much of it for what there is."""
        most = self._stylizer.max_memory
        if plan.has_ample_room(most):
            kept = SMALL_BLOCKS
        elif plan.in_parts or (isinstance(most, int) and 2 * plan.bytes > most):
            kept = TINY_BLOCKS
        else:
            kept = SMALL_BLOCKS if pixels > LARGE_PX else ALL_BLOCKS
        if kept != self._kept:
            keep_blocks(kept)
            self._kept = kept

    def _planned(self, stylizer: Stylizer, items: list[InFlight], code: Any) -> Plan:
        """Return how items are to be taken; one that ran out of memory before is taken in strips."""
        width, height = _size(items[0])
        assert items[0].content is not None
        return stylizer.plan_within(
            width, height, code, self._share, self._ahead,
            pixel_bytes=pixel_bytes(items[0].content, self._config.format),
            after=items[0].ran_out if len(items) == 1 else None,
        )  # fmt: skip

    def _in_strips(self, item: InFlight, stylizer: Stylizer, code: Any, plan: Plan, warmup: bool) -> None:
        assert item.content is not None
        item.uploaded = None
        self._peak.start()
        if self._load is not None:
            self._load.start()
        with timed(self._device) as clock:
            result = stylizer.restyle(item.content, code, plan)
        shared = asdict(self._load.stop()) if self._load is not None else {}
        # Holes in the heap are room for the result's file.
        give_back()
        shared |= asdict(self._peak.stop())
        item.row.update(shared, warmup=warmup, stylize_s=clock.seconds, batch_size=1)
        item.row.update(strips=plan.strips, passes=plan.passes, **stylizer.ran(plan))
        item.row["height_px"], item.row["width_px"] = item.content.shape[:2]
        if result is None:
            raise NotFiniteError
        item.result = result.numpy()

    def upload(self, item: InFlight) -> None:
        """Send an item's photo on its way to an accelerator, from any thread; else `run` does, and waits for it."""
        if self._on_accelerator and item.content is not None:
            # Room there may be by the time it is the image's turn.
            item.uploaded = self._transfers.upload_if_room(item.content)

    def _here(self, item: InFlight) -> Tensor:
        """Return an item's photo on the device, (H, W, 3) uint8."""
        assert item.content is not None
        item.uploaded = item.uploaded or self._transfers.upload(item.content)
        return item.uploaded.tensor()

    def _hand_over(self, items: list[InFlight], results: Tensor, times: Times) -> None:
        if self._on_accelerator:
            # Nobody waits for it here: the next image's work is queued while the device is at this one's.
            for item, coming in zip(items, sent_back(self._transfers, results, times), strict=True):
                item.coming = coming
            return
        from stylize.pipeline.levels import finite_pixels  # which a card has no use for

        for item in items:
            item.row.update(times.columns())
        for item, result in zip(items, results, strict=True):
            with self._failures.handled(item):
                item.result = finite_pixels(result)


def share_of(config: JobConfig, device: torch.device) -> float:
    """Return a worker's share of a device, or of this machine for a CPU."""
    return config.gpus or 1.0 if devices.is_accelerator(device) else share_of_machine(config.cpus)


def _stylized(stylizer: Stylizer, contents: list[Tensor], code: Any) -> Tensor:
    """Return (N, 3, H, W)."""
    if len(contents) == 1:
        return stylizer.stylize(contents[0], code)[None]
    return stylizer.stylize_batch(torch.stack(contents), code)


def _size(item: InFlight) -> tuple[int, int]:
    """Return width and height of the decoded photo."""
    assert item.content is not None
    height, width = item.content.shape[:2]
    return width, height
