"""Tasks to rows, one row each: read, stylize, score and write. The same inline, in a notebook, in an actor."""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import torch

from stylize.config import JobConfig
from stylize.machine import devices
from stylize.measure.hardware import device_name, node_name
from stylize.measure.memory import held_bytes
from stylize.pipeline.cores import Cores
from stylize.pipeline.failures import FailureHandler
from stylize.pipeline.finish_stage import FinishStage
from stylize.pipeline.in_flight import InFlight
from stylize.pipeline.own_settings import OwnSettings
from stylize.pipeline.quality import Scorer
from stylize.pipeline.read_stage import ReadStage
from stylize.pipeline.room import Place, Room, ahead_bytes
from stylize.pipeline.style_cache import StyleCache
from stylize.pipeline.stylize_stage import MOST_TOGETHER, StylizeStage
from stylize.results.schema import Row, to_batch
from stylize.stylizers.base import RANDOM, Stylizer
from stylize.tasks.task import Task

AHEAD = 2
"""Images read before the device is free for them, where there is room for their pictures: enough to hide reading."""
WAITING = 4
"""As many more, and threads that finish images, on an accelerator: those wait for it most of the time, at no core."""
JOINED_PX = 2**21
"""Larger images keep an accelerator busy one by one, and how they are to be done is planned one by one."""


class Runner:
    """A loaded stylizer and the settings of a run. `run_one` does a task inline; `run` overlaps several.

    `token` is the run's fence: once another driver holds OUT, results are no longer put in place. `gpu_ids` names
    the node's cards that this worker was given. `model_bytes` is what loading the stylizer took, on the host and on the
    accelerator.
    """

    def __init__(
        self, config: JobConfig, stylizer: Stylizer, *, run_id: str, worker_id: str, token: str | None,
        gpu_ids: str | None = None, model_bytes: tuple[int | None, int | None] = (None, None),
    ) -> None:  # fmt: skip
        self._isolated = config.measure_mode == "isolated"
        self._config, self._stylizer = config, stylizer
        self._failures = FailureHandler()
        scorer, scorer_bytes = _scorer(config, str(stylizer.device))
        trained = stylizer.weights_sha256 != RANDOM
        styles = StyleCache(config, stylizer, scorer.style_features if trained else lambda artwork: None)
        self.accelerator = devices.facts(stylizer.device)
        """What it computes on, for the record; None for a CPU."""
        columns = worker_columns(run_id, worker_id, gpu_ids, stylizer.device) | {
            "measure_mode": config.measure_mode,
            "batch_size": 1,
            "workers": config.workers,
            "model_host_bytes": model_bytes[0],
            "model_device_bytes": model_bytes[1],
            "scorer_host_bytes": scorer_bytes,
        }
        self._own = OwnSettings(config, stylizer, columns)
        self._joins = self.accelerator is not None and config.batch_size == "auto" and config.max_memory == "auto"
        """Whether images that wait for the device at the same time go through the network together."""
        self._cores = Cores(torch.get_num_threads())
        self._read = ReadStage(config, styles, self._own, self._failures, self._cores)
        ahead = 0 if self._isolated else ahead_bytes(config.readers, config.max_memory)
        self._stylize = StylizeStage(config, stylizer, styles, self._own, self._failures, ahead)
        self._finish = FinishStage(config, scorer if trained else None, token, self._failures, self._cores)
        self._readers = ThreadPoolExecutor(config.readers, "read")
        self._device_thread = ThreadPoolExecutor(1, "stylize")
        waiting = 0 if self.accelerator is None else WAITING
        finishers = config.readers + waiting
        self._finishers = ThreadPoolExecutor(finishers, "finish")
        # One by one nothing overlaps: the device's own queue must not run empty while files are written.
        images_ahead = AHEAD + finishers + waiting
        together = MOST_TOGETHER if self._joins else self._batch_size(config.resolution_px)
        self._room = Room(images_ahead + together, ahead)
        self._in_order = threading.Lock()

    def run(self, tasks: list[Task]) -> pa.RecordBatch:
        """Return a row for each task, in order; stages overlap unless `measure_mode` is isolated.

        Raises CannotContinueError when results can no longer be written, DeviceLostError when none can be made here.
        """
        return self.submit(tasks)()

    def submit(self, tasks: list[Task]) -> Callable[[], pa.RecordBatch]:
        """Begin tasks as `run` does and return the call that waits for their rows, so that batches overlap.

        Tasks go through the stages in the order they are submitted in: one that hangs holds up no earlier one.
        """
        if self._isolated:
            rows = [self.run_one(task) for task in tasks]
            return lambda: self._batch_of(rows)
        submit = self._submit_to_join if self._joins else self._submit
        futures = [future for group in self._groups(tasks) for future in submit(group)]
        return lambda: self._batch_of([future.result() for future in futures])

    def run_one(self, task: Task) -> Row:
        """Return one task's row, nothing overlapping."""
        item = self._read_one(task)
        if self.accelerator is None:
            self._stylize.run([item])
        else:
            # In one lasting thread: CUDA's libraries keep plans for each thread that calls them, and for good.
            self._device_thread.submit(self._stylize.run, [item]).result()
        return self._finish.run(item)

    def _read_one(self, task: Task, place: Place | None = None) -> InFlight:
        try:
            item = self._read.run(task, lambda size: None if place is None else self._room.enter(place, size))
            if place is not None:
                self._room.settle(place, item.picture_bytes)
        except BaseException:
            # Later images wait for their turn.
            if place is not None:
                self._room.settle(place, 0)
            raise
        if not item.failed:
            with self._failures.handled(item):
                self._stylize.upload(item)
        return item

    def close(self, wait: bool = False) -> None:
        """End the worker's threads; `wait` for what they still hold to be freed."""
        for pool in (self._readers, self._device_thread, self._finishers):
            pool.shutdown(wait=wait, cancel_futures=True)

    def _batch_of(self, rows: list[Row]) -> pa.RecordBatch:
        if self._failures.fatal is not None:
            raise self._failures.fatal
        return to_batch(rows)

    def _groups(self, tasks: list[Task]) -> Iterator[list[Task]]:
        """Yield neighbours of one style and the same settings, at most a batch of them where that is known."""
        for _, alike in itertools.groupby(tasks, key=_what_is_shared):
            group = list(alike)
            if self._joins:
                yield group
                continue
            size = min(self._room.most, self._batch_size(self._own.resolution_px(group[0].pair)))
            yield from (group[start : start + size] for start in range(0, len(group), size))

    def _batch_size(self, side: int | None) -> int:
        if self._isolated:
            return 1
        if isinstance(self._config.batch_size, int):
            return self._config.batch_size
        # On an accelerator they join, or a limit is for one by one.
        return self._stylizer.worth_batching(side * side) if side and self.accelerator is None else 1

    def _submit(self, group: list[Task]) -> list[Future[Row]]:
        """Put tasks that may share a call of the stylizer through the stages, as soon as there is room for them."""
        with self._in_order:
            places = self._room.places(len(group))
            reads = [self._readers.submit(self._read_one, *one) for one in zip(group, places, strict=True)]
            stylized = self._device_thread.submit(self._stylize_read, reads)
            return [self._submit_finish(stylized, *one) for one in zip(reads, places, strict=True)]

    def _submit_to_join(self, group: list[Task]) -> list[Future[Row]]:
        """Do as `_submit`, each by itself: those that have been read when it is the first one's turn go with it."""
        waiting: deque[Future[InFlight]] = deque()
        rows = []
        for task in group:
            with self._in_order:
                (place,) = self._room.places(1)
                read = self._readers.submit(self._read_one, task, place)
                waiting.append(read)
                stylized = self._device_thread.submit(self._stylize_waiting, waiting, read)
                rows.append(self._submit_finish(stylized, read, place))
        return rows

    def _stylize_waiting(self, waiting: deque[Future[InFlight]], first: Future[InFlight]) -> None:
        """Stylize an image, unless an earlier one took it along, and those that it takes along itself."""
        if not waiting or waiting[0] is not first:
            return
        reads = [waiting.popleft()]
        item = first.result()
        if item.content is not None and (pixels := item.content.size // 3) <= JOINED_PX:
            most = min(self._stylize.batch_limit, self._stylizer.worth_batching(pixels))
            ready = list(waiting)[: most - 1]
            alike = sum(1 for _ in itertools.takewhile(lambda read: _is_like(item, read), ready))
            # Libraries plan for each size of a batch anew, in up to 0.2 s: of 1, 2, 4 and 8 there are few.
            reads += [waiting.popleft() for _ in range(2 ** int(math.log2(1 + alike)) - 1)]
        self._stylize_read(reads)

    def _stylize_read(self, reads: list[Future[InFlight]]) -> None:
        items = [read.result() for read in reads]
        with self._cores.all() if self.accelerator is None else contextlib.nullcontext():
            self._stylize.run(items)

    def _submit_finish(self, stylized: Future[None], read: Future[InFlight], place: Place) -> Future[Row]:
        def finish() -> Row:
            stylized.result()
            return self._finish.run(read.result())

        row = self._finishers.submit(finish)
        row.add_done_callback(lambda _: self._room.leave(place))
        return row


def _scorer(config: JobConfig, device: str) -> tuple[Scorer, int | None]:
    """Return what judges results, loaded, and the bytes of the host that this took; None where that is not known."""
    held, _ = held_bytes()
    scorer = Scorer(config, device)
    return scorer, None if held is None else max(0, (held_bytes()[0] or 0) - held)


def _is_like(item: InFlight, read: Future[InFlight]) -> bool:
    """Return whether an image has been read and is as large as another."""
    if not read.done() or read.exception() is not None:
        return False
    other = read.result().content
    return item.content is not None and other is not None and other.shape == item.content.shape


def _what_is_shared(task: Task) -> tuple[Any, ...]:
    return (task.pair.styles, task.pair.shares, task.pair.own)


def worker_columns(run_id: str, worker_id: str, gpu_ids: str | None, device: torch.device) -> Row:
    """Return the columns that say which worker made a row, of which run and where."""
    name = devices.full_name(device)
    return {
        "run_id": run_id,
        "worker_id": worker_id,
        "gpu_ids": gpu_ids,
        "device": name,
        "device_name": device_name(name),
        "node": node_name(),
        "threads": torch.get_num_threads(),
    }
