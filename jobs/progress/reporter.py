"""What is seen while a job runs: a bar on a terminal, plain lines elsewhere, JSON lines for scripts."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jobs.progress import json_lines
from jobs.progress.stats import RunStats, Snapshot

if TYPE_CHECKING:  # brings Ray, which a tool that only shows a bar does not need
    from jobs.progress.prometheus import Metrics

LINE_EVERY_S = 10.0
EVENT_EVERY_S = 5.0


class Workers(Protocol):
    """What is shown of those who do the work."""

    @property
    def workers(self) -> int:
        """Return how many workers are loaded."""

    @property
    def queued(self) -> int:
        """Return how many tasks workers hold."""


class Reporter:
    """Counts done and failed tasks and shows them, with images/s and the time left."""

    verb = "stylize"
    now = ""

    def __init__(self, total: int, mode: str = "auto") -> None:
        self.total = total
        self.done = 0
        self.failed = 0
        self.earlier = 0
        if mode == "auto":
            mode = "bar" if sys.stdout.isatty() else "plain"
        self._mode = mode
        self._start = self._line_at = time.monotonic()
        self._bar: Progress | None = None
        self.tally = RunStats()
        self._workers: Workers | None = None
        self._metrics: Metrics | None = None

    def __enter__(self) -> Reporter:
        if self._mode == "json":
            json_lines.progress(self.numbers())
        if self._mode == "bar":
            self._bar = Progress(
                TextColumn(self.verb),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("[red]{task.fields[failed]}"),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                console=Console(),
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=self.total, failed="", rate="", left="")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._metrics is not None:
            self._metrics.record(self.numbers())
        if self._bar is not None:
            self._show_bar()
            self._bar.stop()
        elif self._mode == "plain":
            print(self.line(), flush=True)
        elif self._mode == "json":
            json_lines.progress(self.numbers())

    def watch(self, workers: Workers, metrics: Metrics | None = None) -> None:
        """Workers and what they hold are `workers`'s from now on; `metrics` gets all numbers."""
        self._workers, self._metrics = workers, metrics
        self.tally.observe = metrics.observe if metrics is not None else None

    def numbers(self) -> Snapshot:
        """Where the run stands; what `tally` was not given is null."""
        rate = self.tally.images_per_s()
        return Snapshot(
            total=self.total,
            done=self.done,
            kept=self.earlier,
            failed=dict(self.tally.failed),
            images_per_s=rate,
            left_s=(self.total - self.done) / rate if rate else None,
            stylize_s=self.tally.quantiles(),
            device_peak_bytes=self.tally.device_peak_bytes,
            queued=None if self._workers is None else self._workers.queued,
            workers=None if self._workers is None else self._workers.workers,
        )

    def add(self, done: int, failed: int) -> None:
        """Count finished tasks, `failed` of them not ok; shown when it is time."""
        self.done += done
        self.failed += failed
        self.tick()

    def keep(self, tasks: int) -> None:
        """Count tasks that an earlier run finished: done, but no part of this run's pace."""
        self.done += tasks
        self.earlier += tasks

    def tick(self) -> None:
        """Show where things stand, if it is time."""
        if self._metrics is not None and self._metrics.due:
            self._metrics.record(self.numbers())
        if self._bar is not None:
            self._show_bar()
        elif self._mode == "plain" and time.monotonic() - self._line_at >= LINE_EVERY_S:
            self._line_at = time.monotonic()
            print(self.line(), flush=True)
        elif self._mode == "json" and time.monotonic() - self._line_at >= EVENT_EVERY_S:
            self._line_at = time.monotonic()
            json_lines.progress(self.numbers())

    def note(self, text: str) -> None:
        """A line of its own, above the bar if there is one."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        elif self._mode == "json":
            json_lines.emit("note", text=text)
        elif self._mode != "off":
            print(text, flush=True)

    def line(self) -> str:
        """`12 of 48 done, 1 failed, 3.4 images/s, 11 s left`."""
        parts = [f"{self.done} of {self.total} done", f"{self.failed} failed", self._rate()]
        return ", ".join(part for part in (*parts, self._left()) if part)

    def _show_bar(self) -> None:
        assert self._bar is not None
        failed = f"{self.failed} failed" if self.failed else ""
        self._bar.update(self._task, completed=self.done, failed=failed, rate=self._rate(), left=self._left())

    def _per_second(self) -> float:
        return (self.done - self.earlier) / max(1e-9, time.monotonic() - self._start)

    def _rate(self) -> str:
        return f"{self._per_second():.1f} images/s" if self.done > self.earlier else "starting"

    def _left(self) -> str:
        if self.done == self.earlier or self.done >= self.total:
            return ""
        return f"{duration((self.total - self.done) / self._per_second())} left"


class TrainingReporter(Reporter):
    """The same for steps of training, with the loss and what the device waited for."""

    verb = "train"

    def __init__(self, total: int, mode: str = "auto") -> None:
        super().__init__(total, mode)
        self._text = ""

    def at(self, step: int, text: str) -> None:
        """Training stands at `step`; `text` says how it goes."""
        if not self._text:
            self.keep(step - self.done)
            self._start = time.monotonic()  # what came before was no training
        self.done, self._text = step, text
        self.tick()

    def line(self) -> str:
        """`step 120 of 2000, 8.1 images/s, 1 % of the time waiting for images, loss 7.31, 12 min left`."""
        return ", ".join(part for part in (f"step {self.done} of {self.total}", self._rate(), self._left()) if part)

    def _rate(self) -> str:
        return self._text or "starting"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
