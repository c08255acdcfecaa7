"""Log lines that say when, where, which worker and which task:

    2026-03-01T12:00:00.123Z node-7 worker-3 WARNING task 5f2c...: stylize.pipeline.failures: corrupt: cut short

A row's `error` is in such a line word for word, so it or the first digits of `task_id` find it among Ray's logs on
the row's `node`: in `worker-*.err` what a worker said, in `stylize-driver-RUN.log` what the driver said of tasks
whose worker could not.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from stylize.measure.hardware import node_name
from stylize.pipeline.log_context import current_task
from stylize.terminal import LogFormatter, say

DRIVER = "driver"


class Formatter(LogFormatter):
    """One line a record, and below it the traceback if there is one. Times are UTC."""

    def __init__(self, worker: str) -> None:
        super().__init__(f"%(asctime)s.%(msecs)03dZ %(host)s {worker} %(levelname)s %(task)s%(name)s: %(message)s")
        self.datefmt = "%Y-%m-%dT%H:%M:%S"
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with the host and the task that the thread is at."""
        task = current_task.get()
        record.host, record.task = node_name(), f"task {task}: " if task else ""
        return super().format(record)


class _Stderr(logging.Handler):
    """To what is standard error at that moment: a progress bar puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        say(*self.format(record).split("\n"), file=sys.stderr)


def configure(worker: str) -> None:
    """Let this process log so to standard error from now on, which Ray keeps in a file of the worker's own."""
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, _Stderr)]:
        root.removeHandler(old)
    handler = _Stderr()
    handler.setFormatter(Formatter(worker))
    root.addHandler(handler)


@contextlib.contextmanager
def among_rays(run_id: str) -> Iterator[None]:
    """Write the driver's lines also to a file beside those of Ray's workers on this machine; Ray is up already."""
    folder = logs_folder()
    if folder is None:
        yield
        return
    handler = logging.FileHandler(folder / f"stylize-driver-{run_id}.log", delay=True)
    handler.setFormatter(Formatter(DRIVER))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def logs_folder() -> Path | None:
    """Return where Ray on this machine logs to; None where that is elsewhere or somebody else's."""
    import ray

    context = ray.get_runtime_context()
    folder = Path(context.get_temp_dir()) / context.get_session_name() / "logs"
    return folder if os.access(folder, os.W_OK) else None
