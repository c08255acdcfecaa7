"""Tasks whose pictures are there already to rows: read, score, nothing written. What a Runner is for what we make."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pyarrow as pa
import torch

from stylize.config import JobConfig
from stylize.errors import CorruptImageError, ImageError, one_line
from stylize.images import Decoded, decode, refuse_too_large, resize
from stylize.io.files import read_bytes
from stylize.machine import devices
from stylize.pipeline.failures import FailureHandler, scored_columns, task_columns
from stylize.pipeline.in_flight import InFlight
from stylize.pipeline.quality import Scorer
from stylize.pipeline.runner import worker_columns
from stylize.pipeline.style_cache import StyleCache
from stylize.pipeline.transfers import Transfers
from stylize.results.schema import Row, to_batch
from stylize.tasks.task import Task, settings_of


class ScoreRunner:
    """Scores pictures that were made elsewhere, as a Runner scores its own. device: where networks judge."""

    def __init__(
        self, config: JobConfig, device: torch.device, *, run_id: str, worker_id: str, gpu_ids: str | None = None
    ) -> None:
        self._config, self._failures = config, FailureHandler()
        self._scorer = Scorer(config, str(device))
        self._styles = StyleCache(config, None, self._scorer.style_features)
        # Where the job that makes pictures scores on its card, so that both come to the same.
        self._transfers = Transfers(device) if devices.is_accelerator(device) else None
        self._columns = worker_columns(run_id, worker_id, gpu_ids, device)
        self.accelerator = devices.facts(device)
        """What networks judge on, for the record; None for a CPU."""
        self._pool = ThreadPoolExecutor(config.readers, "score")

    def submit(self, tasks: list[Task]) -> Callable[[], pa.RecordBatch]:
        """Begin tasks and return the call that waits for their rows, in order. Raises as `Runner.run` does."""
        futures = [self._pool.submit(self.run_one, task) for task in tasks]

        def rows() -> pa.RecordBatch:
            batch = to_batch([future.result() for future in futures])
            if self._failures.fatal is not None:
                raise self._failures.fatal
            return batch

        return rows

    def run_one(self, task: Task) -> Row:
        """Return one task's row."""
        pair, config = task.pair, self._config
        settings = settings_of(config.result_settings(), pair.own, pair.shares)
        row = self._columns | task_columns(config, task) | scored_columns(config, task)
        row |= {"settings_json": json.dumps(settings, sort_keys=True), "started_at": datetime.now(UTC), "status": "ok"}
        item = InFlight(task, row, time.perf_counter())
        with self._failures.handled(item):
            self._score(item)
        return item.row

    def _score(self, item: InFlight) -> None:
        row, pair = item.row, item.task.pair
        if pair.problem:
            raise CorruptImageError(pair.problem)
        assert pair.result is not None
        try:
            result, row["output_sha256"] = self._read(pair.result.uri, None)
        except ImageError as error:
            name = one_line(pair.result.uri)
            raise type(error)(f"result: {error}" if name in str(error) else f"result {name}: {error}") from None
        row["height_px"], row["width_px"] = height, width = result.pixels.shape[:2]
        style = self._styles.get(pair)
        row["style_sha256"] = style.sha256
        if style.error is not None:
            raise style.error.with_traceback(None)
        side = max(height, width)
        photo, row["content_sha256"] = self._read(pair.content.uri, side)
        row["truncated"] = photo.truncated
        row["source_width_px"], row["source_height_px"] = photo.source_width_px, photo.source_height_px
        row["resolution_px"] = None if side == max(photo.source_width_px, photo.source_height_px) else side
        content = resize(photo.pixels, width, height)
        if content.shape != photo.pixels.shape:
            row["stretch"] = (width / height) / (photo.source_width_px / photo.source_height_px)
        start = time.perf_counter()
        features = self._styles.features(style)
        uploaded = None if self._transfers is None else self._transfers.upload_if_room(content)
        row |= self._scorer.score(content, row["content_sha256"], result.pixels, features, uploaded)
        row["score_s"] = time.perf_counter() - start

    def _read(self, uri: str, long_side_px: int | None) -> tuple[Decoded, str]:
        """Return a picture as the main job reads it, and its file's SHA-256."""
        limit, photo = self._config.max_pixels, long_side_px is not None
        data = read_bytes(uri, functools.partial(refuse_too_large, long_side_px=long_side_px, max_pixels=limit))
        truncated = self._config.truncated if photo else "refuse"
        decoded = decode(data, long_side_px=long_side_px, max_pixels=limit, truncated=truncated)
        return decoded, hashlib.sha256(data).hexdigest()
