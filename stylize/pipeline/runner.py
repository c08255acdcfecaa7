"""One task to one row: read, decode, stylize, score, encode, write. The same inline, in a notebook, in an actor."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from stylize.config import JobConfig
from stylize.errors import (
    CannotContinueError,
    ImageError,
    StylizeError,
    UnsupportedImageError,
    WeightsError,
    message_of,
    named_message,
)
from stylize.images import Pixels, decode, encode, refuse_too_large
from stylize.io.files import Folder, read_bytes
from stylize.measure.clock import timed
from stylize.measure.hardware import device_name, node_name
from stylize.measure.memory import PeakMemory, exact_peaks
from stylize.pipeline.failures import free_memory, out_of_memory, task_columns
from stylize.pipeline.log_context import at_task
from stylize.pipeline.quality import Scorer
from stylize.pipeline.style_cache import CachedStyle, StyleCache
from stylize.results.output_lock import Fence
from stylize.results.schema import Row, to_batch
from stylize.stylizers.base import RANDOM, Stylizer, to_pixels, to_tensor
from stylize.tasks.task import Task

log = logging.getLogger(__name__)

AHEAD = 2
"""Images read before the device is free for them: enough to hide reading, few enough to bound memory."""

WARM_UP_BELOW_S = 2.0
"""Longer calls of isolated mode are timed without a call to warm up: they would gain less than a hundredth."""


class NotFiniteError(StylizeError):
    """The stylizer's result has NaN or infinity in it."""


@dataclass(slots=True)
class _Work:
    """A task on its way through the stages."""

    task: Task
    row: Row
    begin: float
    style: CachedStyle | None = None
    pixels: Pixels | None = None
    result: Pixels | None = None
    failed: bool = False


class Runner:
    """A loaded stylizer and the settings of a run. `run_one` does a task inline; `run` overlaps several.

    `token` is the run's fence: once another driver holds OUT, results are no longer put in place. `gpu_ids` names
    the node's cards that this worker was given. `model_bytes` is what loading the stylizer took, on the host and on the
    accelerator.
    """

    def __init__(
        self,
        config: JobConfig,
        stylizer: Stylizer,
        *,
        run_id: str,
        worker_id: str,
        token: str | None,
        gpu_ids: str | None = None,
        model_bytes: tuple[int | None, int | None] = (None, None),
    ) -> None:
        self.config = config
        self.stylizer = stylizer
        self.out = Folder(config.out)
        self._fence = None if token is None else Fence(self.out, token)
        self.device = str(stylizer.device)
        self._scorer = Scorer(config, self.device)
        self._styles = StyleCache(config, stylizer, self._scorer.look)
        self._peak = PeakMemory(self.device)
        self._done = 0
        self._batch = self._batch_size()
        self._room = threading.Semaphore(AHEAD + config.io_threads + self._batch)
        self._fatal: CannotContinueError | None = None
        self._constant: Row = {
            "run_id": run_id,
            "worker_id": worker_id,
            "node": node_name(),
            "device": self.device,
            "gpu_ids": gpu_ids,
            "device_name": device_name(self.device),
            "threads": torch.get_num_threads(),
            "measure_mode": config.measure_mode,
            "batch_size": 1,
            "workers": None if config.actors == "auto" else config.actors,
            "model_host_bytes": model_bytes[0],
            "model_device_bytes": model_bytes[1],
            "seed": config.seed,
            "resolution_px": config.resolution_px,
            "settings_json": json.dumps(
                config.result_settings()
                | {"stylizer_settings": stylizer.settings.model_dump(), "weights_files": stylizer.weights_files},
                sort_keys=True,
            ),
            **stylizer.columns(),
        }
        threads = config.io_threads
        self._readers = ThreadPoolExecutor(threads, "read")
        self._stage = ThreadPoolExecutor(1, "stylize")
        self._finishers = ThreadPoolExecutor(threads, "finish")

    def _batch_size(self) -> int:
        if self.config.measure_mode == "isolated":
            return 1
        if isinstance(self.config.batch_size, int):
            return self.config.batch_size
        side = self.config.resolution_px
        return self.stylizer.worth_batching(side * side) if side else 1

    def run(self, tasks: list[Task]) -> pa.RecordBatch:
        """Tasks to a batch of as many rows, in order; stages overlap unless `measure_mode` is isolated.

        Raises CannotContinueError when results can no longer be written.
        """
        return self.submit(tasks)()

    def submit(self, tasks: list[Task]) -> Callable[[], pa.RecordBatch]:
        """As `run`, but the rows are waited for by the call that is returned, so that batches overlap.

        Tasks go through the stages in the order they are submitted in: one that hangs holds up no earlier one.
        """
        if self.config.measure_mode == "isolated":
            rows = [self.run_one(task) for task in tasks]
            return lambda: self._batch_of(rows)
        futures = [future for group in self._groups(tasks) for future in self._submit(group)]
        return lambda: self._batch_of([future.result() for future in futures])

    def _batch_of(self, rows: list[Row]) -> pa.RecordBatch:
        if self._fatal is not None:
            raise self._fatal
        return to_batch(rows)

    def run_one(self, task: Task) -> Row:
        """One task, one row, nothing overlapping."""
        work = self._read(task)
        self._stylize([work])
        return self._finish(work)

    def close(self, wait: bool = False) -> None:
        """End the worker's threads; `wait` for what they still hold to be freed."""
        for pool in (self._readers, self._stage, self._finishers):
            pool.shutdown(wait=wait, cancel_futures=True)

    def _submit(self, tasks: list[Task]) -> list[Future[Row]]:
        """Put tasks that may share a call of the stylizer through the stages."""
        for _ in tasks:
            self._room.acquire()
        reads = [self._readers.submit(self._read, task) for task in tasks]
        styled = self._stage.submit(self._stylize_read, reads)
        return [self._submit_finish(styled, i) for i in range(len(tasks))]

    def _submit_finish(self, styled: Future[list[_Work]], index: int) -> Future[Row]:
        done = self._finishers.submit(lambda: self._finish(styled.result()[index]))
        done.add_done_callback(lambda _: self._room.release())
        return done

    def _groups(self, tasks: list[Task]) -> Iterator[list[Task]]:
        """Neighbours of one style, at most a batch of them."""
        for _, same in itertools.groupby(tasks, key=lambda task: task.pair.style):
            while group := list(itertools.islice(same, self._batch)):
                yield group

    def _read(self, task: Task) -> _Work:
        begin = time.perf_counter()
        pair = task.pair
        row: Row = {
            **self._constant,
            **task_columns(task),
            "started_at": datetime.now(UTC),
            "status": "ok",
        }
        work = _Work(task, row, begin)
        with self._outcome(work):
            start = time.perf_counter()
            side, limit = self.config.resolution_px, self.config.max_pixels
            look = functools.partial(refuse_too_large, long_side_px=side, max_pixels=limit)
            data = read_bytes(pair.content.uri, look)
            row["content_sha256"] = hashlib.sha256(data).hexdigest()
            work.style = self._styles.get(pair.style)
            row["read_s"] = time.perf_counter() - start
            row["style_sha256"] = work.style.sha256
            if self._styles.are_weights:
                row["weights_sha256"] = work.style.sha256
            if work.style.error is not None:
                raise work.style.error.with_traceback(None)
            start = time.perf_counter()
            decoded = decode(data, long_side_px=side, max_pixels=limit, truncated=self.config.truncated)
            row["decode_s"] = time.perf_counter() - start
            row["truncated"] = decoded.truncated
            row["source_width_px"], row["source_height_px"] = decoded.source_width_px, decoded.source_height_px
            work.pixels = decoded.pixels
        return work

    def _stylize_read(self, reads: list[Future[_Work]]) -> list[_Work]:
        """Stylize what was read, those of one size together."""
        works = [read.result() for read in reads]
        ready = [work for work in works if work.pixels is not None]
        for _, same in itertools.groupby(ready, key=lambda work: work.pixels.shape if work.pixels is not None else ()):
            self._stylize(list(same))
        return works

    def _stylize(self, works: list[_Work]) -> None:
        """Works of one style and size through the stylizer; together if there are several and that goes well."""
        if len(works) > 1:
            try:
                self._call(works)
            except Exception:
                # Which one it was, and whether a single one fits, shows one by one.
                free_memory(self.device)
            else:
                return
        for work in works:
            if not work.failed:
                with self._outcome(work):
                    self._call([work])

    def _call(self, works: list[_Work]) -> None:
        first = works[0]
        assert first.pixels is not None
        assert first.style is not None
        height, width = first.pixels.shape[:2]
        if min(height, width) < self.stylizer.least_px:
            raise UnsupportedImageError(
                f"{width} x {height} px: {self.stylizer.name} needs {self.stylizer.least_px} px a side"
            )
        warmup = self._done < self.config.warmup_images
        self._done += len(works)
        with torch.inference_mode():
            code, first.row["style_s"] = self._styles.code(first.style)
            contents = [to_tensor(work.pixels, self.stylizer.device) for work in works if work.pixels is not None]
            alone = self._measured_alone(contents[0], code) if self.config.measure_mode == "isolated" else None
            self._peak.start()
            with timed(self.device) as clock:
                if len(works) == 1:
                    images = [self.stylizer.stylize(contents[0], code)]
                else:
                    images = list(self.stylizer.stylize_batch(torch.stack(contents), code))
            peak = alone or asdict(self._peak.stop())
            for work, image in zip(works, images, strict=True):
                work.row.update(peak)
                if self.stylizer.weights_sha256 != RANDOM:
                    work.row.update(self.stylizer.outcome())
                work.row.update(warmup=warmup, stylize_s=clock.seconds / len(works), batch_size=len(works))
                with self._outcome(work):
                    self._take(work, image)

    def _measured_alone(self, content: Tensor, code: Any) -> Row:
        """An isolated image's memory, in a call of its own, as exactly it is slow; then all is warm for the timed one.

        After a pause, such as scoring, caches are cold and the heap's pages are gone: a call of 40 ms took 75 to 130.
        """
        start = time.perf_counter()
        # In a thread of its own: no holes of other work in its heap, and its OpenMP threads end with it.
        with ThreadPoolExecutor(1, "memory") as own:
            peak = own.submit(self._peak_alone, content, code).result()
        if time.perf_counter() - start < WARM_UP_BELOW_S:
            self.stylizer.stylize(content, code)
        return peak

    def _peak_alone(self, content: Tensor, code: Any) -> Row:
        with torch.inference_mode(), exact_peaks():
            self._peak.start()
            self.stylizer.stylize(content, code)
            return asdict(self._peak.stop())

    def _take(self, work: _Work, image: Tensor) -> None:
        # A sum is finite only if every value is: one pass, no mask in memory.
        if not torch.isfinite(image.sum()):
            raise NotFiniteError("the result has NaN or infinity in it; try precision fp32 or other settings")
        work.result = to_pixels(image)
        work.row["height_px"], work.row["width_px"] = work.result.shape[:2]

    def _finish(self, work: _Work) -> Row:
        row = work.row
        if not work.failed:
            with self._outcome(work):
                self._score_and_write(work)
        row["total_s"] = time.perf_counter() - work.begin
        if work.failed:
            row.update(output_uri=None, output_sha256=None)
        work.pixels = work.result = None
        return row

    def _score_and_write(self, work: _Work) -> None:
        row, result = work.row, work.result
        assert result is not None
        assert work.pixels is not None
        start = time.perf_counter()
        if self.stylizer.weights_sha256 != RANDOM:
            assert work.style is not None
            row |= self._scorer.score(work.pixels, row["content_sha256"], result, work.style.look)
        row["score_s"] = time.perf_counter() - start
        start = time.perf_counter()
        data = encode(result, self.config.format, self.config.quality)
        row["encode_s"] = time.perf_counter() - start
        start = time.perf_counter()
        name = f"images/{work.task.output_name}"
        self.out.write(name, data, guard=self._fence)
        row["write_s"] = time.perf_counter() - start
        row["output_uri"] = self.out.at(name)
        row["output_sha256"] = hashlib.sha256(data).hexdigest()

    @contextlib.contextmanager
    def _outcome(self, work: _Work) -> Iterator[None]:
        """The one place that catches broadly: whatever a task raises becomes its row's status and error."""
        with at_task(work.task.task_id), self._caught(work):
            yield

    @contextlib.contextmanager
    def _caught(self, work: _Work) -> Iterator[None]:
        try:
            yield
        except CannotContinueError as error:
            self._fatal = self._fatal or error
            self._fail(work, "failed", error)
        except ImageError as error:
            self._fail(work, error.status, error)
        except WeightsError as error:  # of a style that is a checkpoint
            self._fail(work, "corrupt", error)
        except NotFiniteError as error:
            self._fail(work, "nan", error)
        except Exception as error:
            if out_of_memory(error):
                self._fail(work, "oom", error)
                free_memory(self.device)
            else:
                self._fail(work, "failed", error, unexpected=not isinstance(error, StylizeError))

    @staticmethod
    def _fail(work: _Work, status: str, error: Exception, unexpected: bool = False) -> None:
        known = isinstance(error, StylizeError)
        work.row["status"] = status
        work.row["error"] = message_of(error, 1000) if known else named_message(error, 1000)
        log.warning("%s: %s", status, work.row["error"], exc_info=error if unexpected else None)
        work.failed = True
        work.pixels = work.result = None
