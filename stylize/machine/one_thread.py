"""Keeps torch's operations on the calling thread, for work of a few milliseconds that many threads do at once."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any


@contextmanager
def on_this_thread_alone() -> Iterator[None]:
    """Keep torch's operations in the block on the calling thread; other threads keep their number of threads.

    What is done in small pieces is not to be shared out: on two busy cores a team of two threads, waiting for each
    other, made one call of SSIM take 70 times as long. torch.set_num_threads would also decide for threads started
    later; OpenMP's own setting is the calling thread's alone, and it is put back. Without OpenMP this does nothing.
    """
    import torch

    openmp = _openmp()
    threads = torch.get_num_threads()  # also makes torch do its first-use set-up of this thread now, not later
    if openmp is None or threads == 1:
        yield
        return
    openmp.omp_set_num_threads(1)
    try:
        yield
    finally:
        openmp.omp_set_num_threads(threads)


@cache
def _openmp() -> Any | None:
    """Return the OpenMP runtime that torch itself is linked to, or None."""
    import torch

    for path in (Path(torch.__file__).parent / "lib").glob("libtorch_cpu.*"):
        try:
            library = ctypes.CDLL(str(path))
            library.omp_set_num_threads.restype = None
        except (OSError, AttributeError):
            continue
        return library
    return None
