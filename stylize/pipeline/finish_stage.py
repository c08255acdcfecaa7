"""The last stage: encode a result, score what its file shows, and put it in place."""

from __future__ import annotations

import contextlib
import hashlib
import time

from stylize.config import JobConfig
from stylize.images import Pixels, decode, encode, shows_all
from stylize.io.files import Folder
from stylize.machine.memory_limit import most_of_picture
from stylize.measure.hardware import share_of_machine
from stylize.measure.memory import PeakMemory
from stylize.pipeline.cores import Cores
from stylize.pipeline.failures import FailureHandler
from stylize.pipeline.in_flight import InFlight
from stylize.pipeline.made_by import row_made_by
from stylize.pipeline.quality import Scorer
from stylize.results.output_lock import Fence
from stylize.results.schema import Row


class FinishStage:
    """Scores and writes results, in several threads at once.

    scorer: None where scores would mean nothing, as of untrained weights. token: the run's fence: once another driver
    holds OUT, results are no longer put in place.
    """

    def __init__(
        self, config: JobConfig, scorer: Scorer | None, token: str | None, failures: FailureHandler, cores: Cores
    ) -> None:
        self._config, self._scorer, self._failures, self._cores = config, scorer, failures, cores
        self._on_accelerator = scorer is not None and scorer.on_accelerator
        self._out = Folder(config.out)
        # While stages overlap a peak would be the stylizer's, too, and asking for it would end the stylizer's own.
        self._peak = PeakMemory() if config.measure_mode == "isolated" else None
        self._fence = None if token is None else Fence(self._out, token)

    def run(self, item: InFlight) -> Row:
        """End a task: return its row, whole, whatever became of it."""
        if not item.failed:
            with self._failures.handled(item):
                item.receive()
                with self._cores.one():
                    data = self._encode(item)
                    seen = self._seen(item, data)
                # Who waits for an accelerator's scores needs no core.
                with contextlib.nullcontext() if self._on_accelerator else self._cores.one():
                    self._score(item, seen)
                self._write(item, data)
        item.row["total_s"] = time.perf_counter() - item.began_s
        if item.failed:
            item.row.update(output_uri=None, output_sha256=None)
        item.drop_pictures()
        return item.row

    def _encode(self, item: InFlight) -> bytes:
        assert item.result is not None
        start = time.perf_counter()
        config, made_by = self._config, row_made_by(item.row)
        data = encode(item.result, config.format, config.quality, carried=item.carried, made_by=made_by)
        item.row["encode_s"] = time.perf_counter() - start
        return data

    def _seen(self, item: InFlight, data: bytes) -> Pixels:
        """Return what a result's file shows, which is what is scored; the result itself is let go of."""
        assert item.result is not None
        result, item.result = item.result, None
        if self._scorer is None or shows_all(self._config.format, item.carried):
            return result
        start, most = time.perf_counter(), result.size
        del result
        in_memory = most_of_picture(most, self._config.max_memory, share_of_machine(self._config.cpus))
        seen = decode(data, max_pixels=most, most_in_memory=in_memory).pixels
        item.row["score_s"] = item.row.get("score_s", 0.0) + time.perf_counter() - start
        return seen

    def _score(self, item: InFlight, seen: Pixels) -> None:
        assert item.content is not None
        assert item.style is not None
        if self._scorer is None:
            return
        start = time.perf_counter()
        if self._peak is not None:
            self._peak.start()
        sha256, features = item.row["content_sha256"], item.style.features
        item.row |= self._scorer.score(item.content, sha256, seen, features, item.uploaded)
        if self._peak is not None:
            item.row["score_peak_rss_bytes"] = self._peak.stop().host_peak_rss_bytes
        item.row["score_s"] = item.row.get("score_s", 0.0) + time.perf_counter() - start

    def _write(self, item: InFlight, data: bytes) -> None:
        row = item.row
        start = time.perf_counter()
        name = f"images/{item.task.output_name}"
        self._out.write(name, data, guard=self._fence)
        row["write_s"] = time.perf_counter() - start
        row["output_uri"] = self._out.at(name)
        row["output_sha256"] = hashlib.sha256(data).hexdigest()
