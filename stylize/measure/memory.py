"""Peak memory of one stretch of work, in bytes: the process's resident memory, and the accelerator's.

Both peaks belong to the whole process: work that other threads do in the meantime is in them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ALL_BLOCKS, SMALL_BLOCKS, TINY_BLOCKS = 2**31 - 1, 8 * 2**20, 2**20
"""For `keep_blocks`: of any size; those of less than a large image; those of less than a strip."""
_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Peak:
    """Highest memory between start and stop, in bytes; None for what this machine cannot measure."""

    host_peak_rss_bytes: int | None
    device_peak_allocated_bytes: int | None
    device_peak_reserved_bytes: int | None
    image_host_bytes: int | None
    """The host's peak above what was held at the start."""
    image_device_bytes: int | None
    """The accelerator's allocated peak above what was held at the start."""


class PeakMemory:
    """Peak memory between `start()` and `stop()`, on the host and on `device` ("cpu", "cuda", "cuda:N", ...).

    Costs 0.2 to 0.4 ms on a CPU (AMD EPYC). The host's peak needs Linux; it is None elsewhere.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._held: tuple[int | None, int | None] = (None, None)

    def start(self) -> None:
        """Forget earlier peaks: from here on the peak begins at what is held now."""
        if _host_peak_can_be_reset():
            _try_reset()
        if self._device != "cpu":
            from stylize.machine import devices

            devices.forget_peaks(self._device)
        self._held = held_bytes(self._device)

    def stop(self) -> Peak:
        """Return the peaks since `start()`; measuring goes on, so it may be called again."""
        host, held = _host_peak_rss_bytes(), _on_device(self._device)
        device, reserved = held.get("allocated_peak"), held.get("reserved_peak")
        return Peak(host, device, reserved, *map(_above, (host, device), self._held))


def give_back() -> None:
    """Return memory that was freed to the system, so that what is held is what is in use: glibc keeps some of it."""
    with contextlib.suppress(OSError, AttributeError):
        _libc().malloc_trim(0)


@contextlib.contextmanager
def exact_peaks() -> Iterator[None]:
    """Make a peak what the calling thread has in use: each larger block comes from the system and goes back to it.

    Else glibc serves them from a heap that it keeps, in which freed blocks leave holes: up to twice the memory for
    small pictures, none for large ones, so that nothing could be said of how memory grows. It is slow (a time of its
    own is worth nothing); afterwards the heap keeps what it gets, as in a worker that is not being measured.
    """
    held_bytes: list[int] = []
    with contextlib.suppress(OSError, AttributeError):
        _empty_this_threads_heap()
        # From here on no thread's heap shrinks: what another one gave back would be missing from this one's peak.
        _libc().mallopt(_TRIM_THRESHOLD, ALL_BLOCKS)
        _libc().mallopt(_MMAP_THRESHOLD, _LEAST_BLOCK_BYTES)
        _libc().mallopt(_MMAP_MAX, _MOST_BLOCKS)
        give_back()
        held_bytes = _holes_of_this_threads_heap()
    try:
        yield
    finally:
        with contextlib.suppress(OSError, AttributeError):
            for block in held_bytes:
                _libc().free(block)
            _libc().mallopt(_MMAP_THRESHOLD, _MOST_BLOCK_BYTES)


def keep_blocks(below_bytes: int = ALL_BLOCKS) -> None:
    """Let a process that keeps freed memory for later, as workers do, keep smaller blocks alone, and give others back.

    In the kept heaps large blocks leave holes: images of 6 megapixels and images in strips took twice what they had in
    use (docs/decisions.md). Does nothing in a process that was not told to keep memory, as by `MALLOC_MMAP_THRESHOLD_`.
    """
    if "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        return
    with contextlib.suppress(OSError, AttributeError):
        _libc().mallopt(_MMAP_THRESHOLD, below_bytes)
        if below_bytes < ALL_BLOCKS:
            give_back()


def _empty_this_threads_heap() -> None:
    """Give back the end of the calling thread's heap, which `malloc_trim` leaves alone in all but the main thread's.

    A new thread inherits the heap of one that ended, and a block of several MB would come from there unseen.
    Freeing a block next to that end trims it; blocks this large come from there, not from a hole.
    """
    libc = _libc()
    libc.mallopt(_MMAP_THRESHOLD, _MOST_BLOCK_BYTES)
    libc.mallopt(_TRIM_THRESHOLD, _LEAST_BLOCK_BYTES)
    blocks = [libc.malloc(_MOST_BLOCK_BYTES - _LEAST_BLOCK_BYTES) for _ in range(2)]
    for block in reversed(blocks):
        libc.free(block)


def _holes_of_this_threads_heap() -> list[int]:
    """Take all that is free in the calling thread's heap, so that nothing else does; its pages stay untouched."""
    libc, taken = _libc(), []
    size = _MOST_BLOCK_BYTES
    while size >= _LEAST_BLOCK_BYTES:
        block = libc.malloc(size)
        if block is None:
            break
        if ctypes.c_size_t.from_address(block - ctypes.sizeof(ctypes.c_size_t)).value & _IS_MMAPPED:
            libc.free(block)  # no hole is this large any more
            size //= 2
        else:
            taken.append(block)
    return taken


# mallopt(3)
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_LEAST_BLOCK_BYTES = 64 * 1024
_MOST_BLOCK_BYTES = 32 * 1024 * 1024
"""glibc's own limit."""
_IS_MMAPPED = 2
"""The bit that glibc sets in the size before a block which it took from the system."""
_MOST_BLOCKS = 65536


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL("libc.so.6")
    libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    libc.free.argtypes, libc.free.restype = [ctypes.c_void_p], None
    return libc


def held_bytes(device: str = "cpu") -> tuple[int | None, int | None]:
    """Return (resident, allocated on the accelerator) in bytes now; None for what this machine has not."""
    return _status_bytes(b"VmRSS:"), _on_device(device).get("allocated_current")


def _on_device(device: str) -> dict[str, int]:
    if device == "cpu":
        return {}
    from stylize.machine import devices

    return devices.memory(device)


def _above(peak: int | None, held_bytes: int | None) -> int | None:
    return None if peak is None or held_bytes is None else max(0, peak - held_bytes)


@cache
def _host_peak_can_be_reset() -> bool:
    """Return whether it can, decided once per process: some kernels and sandboxes have no clear_refs or forbid it."""
    return _try_reset() and _status_bytes(b"VmHWM:") is not None


def _host_peak_rss_bytes() -> int | None:
    # A peak that was never reset is the process's, not the image's: better none than that one.
    return _status_bytes(b"VmHWM:") if _host_peak_can_be_reset() else None


def _try_reset() -> bool:
    try:
        _CLEAR_REFS.write_bytes(b"5")  # proc(5): 5 resets the peak resident set size
    except OSError:
        return False
    return True


def _status_bytes(name: bytes) -> int | None:
    try:
        status = _STATUS.read_bytes()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return None
