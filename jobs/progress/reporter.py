"""What is told while a job runs, and when; `jobs.progress.outputs` shows it."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from rich.console import Console

from jobs.progress.outputs import OUTPUTS
from jobs.progress.stats import RunStats, Snapshot

if TYPE_CHECKING:  # brings Ray, which a tool that only shows a bar does not need
    from jobs.progress.prometheus import Metrics

LEAST_IDLE = 0.05


class Workers(Protocol):
    """What is shown of those who do the work."""

    @property
    def workers(self) -> int:
        """Return how many workers are loaded."""

    @property
    def queued(self) -> int:
        """Return how many tasks workers hold."""


class Reporter:
    """Shows where a run stands: `with Reporter(stats) as reporter: ...`. Modes are those of the option `progress`."""

    verb = "stylize"

    def __init__(self, stats: RunStats, mode: str = "auto") -> None:
        self.stats = stats
        if mode == "auto":
            # A dumb terminal cannot draw over a line, and would show a bar at the end alone.
            mode = "bar" if sys.stdout.isatty() and not Console().is_dumb_terminal else "plain"
        self._output = OUTPUTS[mode](self)
        self._shown_at = time.monotonic()
        self._workers: Workers | None = None
        self._begun = False
        self._metrics: Metrics | None = None

    def __enter__(self) -> Reporter:
        self._output.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._record()
        self._show()
        self._output.end()

    def watch(self, workers: Workers, metrics: Metrics | None = None) -> None:
        """Take the numbers of workers and of what they hold from `workers`; give all numbers to `metrics`."""
        self._workers, self._metrics = workers, metrics
        self.stats.observe = metrics.observe if metrics is not None else None

    def tick(self) -> None:
        """Show where things stand, if it is time; call it a few times a second."""
        if not self._begun and self._workers is not None and self._workers.workers:
            self._begun = True
            self.stats.begin()  # what starting Ray and loading took tells nothing of what is left
        if self._metrics is not None and self._metrics.due:
            self._record()
        if time.monotonic() - self._shown_at >= self._output.every_s:
            self._show()

    def note(self, text: str) -> None:
        """Show a line of its own."""
        self._output.note(text)

    def announce(self, text: str) -> None:
        """Show a line on what comes before the run."""
        self._output.announce(text)

    def line(self) -> str:
        """Return `12 of 48 done (8 before), 1 not ok, 11 s left, 3.4 images/s`."""
        stats = self.stats
        before = f" ({stats.kept} before)" if stats.kept else ""
        parts = (f"{stats.done} of {stats.total} done{before}", f"{self.not_ok()} not ok", self.left(), self.rate())
        return ", ".join(part for part in parts if part)

    def snapshot(self) -> Snapshot:
        """Return all numbers, those of the workers included."""
        workers = self._workers
        return self.stats.snapshot(*(None, None) if workers is None else (workers.queued, workers.workers))

    def not_ok(self) -> int:
        """Return how many images are not ok, those of earlier runs included, as the end of the run counts them."""
        return sum(number for status, number in self.stats.counts.items() if status != "ok")

    def rate(self) -> str:
        """Return `3.4 images/s`, with the share of its time that an accelerator waited for images."""
        rate = self.stats.images_per_s()
        if rate is None:
            return self._awaited()
        idle = self.stats.device_idle()
        waits = "" if idle is None or idle < LEAST_IDLE else f", device idle {idle * 100:.0f} %"
        return f"{rate:.1f} images/s{waits}"

    def _awaited(self) -> str:
        """Say what the first rows wait for: each takes seconds, on a busy machine many."""
        if self._workers is None:
            return "starting"
        return "first images under way" if self._workers.workers else "workers are loading"

    def left(self) -> str:
        """Return `11 s left`, or nothing while that is not known."""
        left_s = self.stats.left_s()
        return f"{duration(left_s)} left" if left_s else ""

    def _record(self) -> None:
        if self._metrics is not None:
            self._metrics.record(self.snapshot())

    def _show(self) -> None:
        self._shown_at = time.monotonic()
        self._output.show()


class TrainingReporter(Reporter):
    """Shows where training stands: its steps, with the loss and what the device waited for."""

    verb = "train"

    def __init__(self, steps: int, mode: str = "auto") -> None:
        super().__init__(RunStats(steps), mode)
        self._text = ""

    def at(self, step: int, text: str) -> None:
        """Note that training stands at `step`; `text` says how it goes."""
        if self._text and step >= self.stats.done:
            self.stats.advance(step - self.stats.done)
        else:  # the first that is heard of it, or a step back to a checkpoint: the pace begins here
            self.stats = RunStats(self.stats.total)
            self.stats.keep("ok", step)
        self._text = text
        self.tick()

    def line(self) -> str:
        """Return `step 120 of 2000, 12 min left, 8.1 images/s, 1% of the time waiting for images, loss 7.31`."""
        # Until the workers are heard of, nobody here knows at which step they go on.
        step = f"step {self.stats.done} of {self.stats.total}" if self._text else f"{self.stats.total} steps"
        return ", ".join(part for part in (step, self.left(), self.rate()) if part)

    def rate(self) -> str:
        return self._text or "starting"


def duration(seconds: float) -> str:
    """Return `45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
