"""Wall time around work on a device, with the device synchronised at both ends."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Stopwatch:
    """`seconds` is the wall time of the block `timed` was put around; NaN until it ends, or if it raises."""

    seconds: float = math.nan


def synchronize(device: str) -> None:
    """Wait until `device` ("cpu", "cuda", "cuda:N", ...) has done what this thread has queued; a CPU queues nothing."""
    if device != "cpu":
        from stylize.machine import devices

        devices.synchronize(device)


@contextmanager
def timed(device: str) -> Iterator[Stopwatch]:
    """Time a block in seconds: `with timed(device) as watch: ...`, then read `watch.seconds`."""
    watch = Stopwatch()
    synchronize(device)
    start = time.perf_counter()
    yield watch
    synchronize(device)
    watch.seconds = time.perf_counter() - start
