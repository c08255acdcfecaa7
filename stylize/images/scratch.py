"""Pictures too large for a bound of memory, in files that are mapped into it: the system takes back what is not in use.

Such a file has no name, so that it goes with its last user, whatever ends that.
"""

from __future__ import annotations

import logging
import mmap
import os
import tempfile
import threading
import weakref
from typing import IO, Any

import numpy as np

log = logging.getLogger(__name__)

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

ON_DISK = "/var/tmp"
"""Where files are that outlive a restart, so not in memory, as those of /tmp are on many systems."""
_BLOCK_BYTES = 2**20


def empty(shape: tuple[int, ...], most_in_memory: int | None = None) -> Bytes:
    """Return an array of bytes of a shape, in a mapped file if it has more than `most_in_memory`; None: never."""
    size = int(np.prod(shape))
    if most_in_memory is None or size <= most_in_memory:
        return np.empty(shape, np.uint8)
    try:
        with _file() as file:
            # Room that is missing is to show here: where a mapping finds none, the process ends.
            _fill(file, size)
            mapping = mmap.mmap(file.fileno(), size)
        pixels = np.frombuffer(mapping, np.uint8).reshape(shape)
        with _LOCK:
            _MAPPINGS[pixels.ctypes.data] = mapping
        return pixels
    except OSError as error:
        log.warning("no room on the disk for %d MB of a picture, which take memory: %s", size // 10**6, error)
        return np.empty(shape, np.uint8)


def is_mapped(pixels: Bytes) -> bool:
    """Return whether an array, or what it is a part of, is in a mapped file."""
    return _mapping(pixels) is not None


def let_go(pixels: Bytes) -> None:
    """Take a mapped array's pages out of the process, where they stay in the file; does nothing to any other array."""
    found = _mapping(pixels)
    if found is None or not pixels.flags.c_contiguous:
        return
    start, mapping = found
    offset = pixels.ctypes.data - start
    first = offset // mmap.PAGESIZE * mmap.PAGESIZE
    mapping.madvise(mmap.MADV_DONTNEED, first, offset + pixels.nbytes - first)


_MAPPINGS: weakref.WeakValueDictionary[int, mmap.mmap] = weakref.WeakValueDictionary()
"""By the address of their first byte: torch's arrays do not say what they are a part of."""
_LOCK = threading.Lock()


def _mapping(pixels: Bytes) -> tuple[int, mmap.mmap] | None:
    with _LOCK:
        found = list(_MAPPINGS.items())
    address = pixels.ctypes.data
    return next((one for one in found if one[0] <= address < one[0] + len(one[1])), None)


def free_on_disk() -> int:
    """Return how many bytes more the disk with the files has room for."""
    try:
        with _file() as file:
            disk = os.fstatvfs(file.fileno())
    except OSError as error:
        log.debug("no room on a disk: %s", error)
        return 0
    return disk.f_bavail * disk.f_frsize


def _fill(file: IO[bytes], size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    block = bytes(_BLOCK_BYTES)  # macOS has no such call
    for start in range(0, size, _BLOCK_BYTES):
        file.write(block[: size - start])
    file.flush()


def _file() -> IO[bytes]:
    for folder in (os.environ.get("TMPDIR"), ON_DISK):
        try:
            if folder:
                return tempfile.TemporaryFile(dir=folder)
        except OSError as error:
            log.debug("no file in %s: %s", folder, error)
    return tempfile.TemporaryFile()
