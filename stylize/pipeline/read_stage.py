"""The first stage: read and decode a photo and its artwork, with what a row says of them."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from stylize.config import JobConfig
from stylize.errors import CorruptImageError
from stylize.images import decode, decoding_bytes, refuse_too_large
from stylize.io.files import read_bytes
from stylize.machine.memory_limit import most_of_picture
from stylize.measure.hardware import share_of_machine
from stylize.pipeline.cores import Cores
from stylize.pipeline.failures import FailureHandler, task_columns
from stylize.pipeline.in_flight import InFlight
from stylize.pipeline.own_settings import OwnSettings
from stylize.pipeline.style_cache import StyleCache
from stylize.tasks.task import Task


class ReadStage:
    """Reads inputs, in several threads at once."""

    def __init__(
        self, config: JobConfig, styles: StyleCache, own: OwnSettings, failures: FailureHandler, cores: Cores
    ) -> None:
        self._config, self._styles, self._own, self._failures = config, styles, own, failures
        self._cores = cores

    def run(self, task: Task, admit: Callable[[int], None] = lambda size_bytes: None) -> InFlight:
        """Begin a task: return it with its pictures, or with why there are none.

        `admit` is told before a photo is decoded how many bytes that takes; it returns when there is room for them.
        """
        began_s = time.perf_counter()
        row = self._own.columns(task.pair) | task_columns(self._config, task)
        row |= {"started_at": datetime.now(UTC), "status": "ok"}
        item = InFlight(task, row, began_s)
        with self._failures.handled(item):
            self._read(item, admit)
        return item

    def _read(self, item: InFlight, admit: Callable[[int], None]) -> None:
        row, pair = item.row, item.task.pair
        if pair.problem:
            raise CorruptImageError(pair.problem)
        config = self._config
        side, limit = self._own.resolution_px(pair), config.max_pixels
        check_header = functools.partial(refuse_too_large, long_side_px=side, max_pixels=limit)
        start = time.perf_counter()
        data = read_bytes(pair.content.uri, check_header)
        row["content_sha256"] = hashlib.sha256(data).hexdigest()
        row["read_s"] = time.perf_counter() - start
        item.style = style = self._styles.get(pair)
        read_s, style_decode_s = style.taken_s()
        row["read_s"] += read_s
        row["style_sha256"] = style.sha256
        if self._styles.are_weights:
            row["weights_sha256"] = style.sha256
        if style.error is not None:
            raise style.error.with_traceback(None)
        # Before a core is taken, as it may wait for earlier images.
        admit(needed := decoding_bytes(data, long_side_px=side, max_pixels=limit))
        with self._cores.one():
            start = time.perf_counter()
            decoded = decode(
                data,
                long_side_px=side,
                max_pixels=limit,
                truncated=config.truncated,
                metadata=not config.strip,
                alpha=not config.strip,
                most_in_memory=most_of_picture(needed, config.max_memory, share_of_machine(config.cpus)),
            )
            row["decode_s"] = time.perf_counter() - start + style_decode_s
        row["truncated"] = decoded.truncated
        row["source_width_px"], row["source_height_px"] = decoded.source_width_px, decoded.source_height_px
        item.content, item.carried = decoded.pixels, decoded.carried
        if item.carried is not None:
            row["opaque"] = config.format == "jpg" and item.carried.alpha is not None
            if row["opaque"]:
                item.carried = replace(item.carried, alpha=None)  # a byte per pixel that nobody needs
