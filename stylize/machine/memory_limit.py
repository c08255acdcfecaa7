"""How much memory one image may take: what was asked for, or a worker's share of what is free."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

import torch

from stylize.machine import cgroups
from stylize.machine.devices import is_accelerator, memory

log = logging.getLogger(__name__)

ALWAYS_IN_MEMORY_BYTES = 16 * 2**20
"""A picture of so many bytes is never put into a mapped file."""
PICTURE_SHARE = 8
"""The part of what an image may take that its photo may, and its result as much again."""
_CGROUPS = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Versions 2 and 1: files with the limit and what is taken, and the name of that part of it which can be dropped."""
_USED_OF_FREE = 0.8
"""The part of what is free that images may take."""


def free_bytes(device: torch.device | str) -> int | None:
    """Return the memory that a device, or this machine for a CPU, could still give; None where nobody tells."""
    if is_accelerator(device):
        try:
            free_there = int(torch.accelerator.get_memory_info(torch.device(device))[0])
        except (AssertionError, RuntimeError, ValueError) as error:
            log.debug("no free memory of %s: %s", device, error)
            return None
        # What this process's allocator keeps for the next image counts as taken there.
        held = memory(device)
        return free_there + max(0, held.get("reserved_current", 0) - held.get("allocated_current", 0))
    free = [_number(cgroups.ROOT / "proc/meminfo", "MemAvailable:", 1024)]
    for folder, (limit, used, cached) in itertools.product(cgroups.folders("memory"), _CGROUPS):
        most, now = _number(folder / limit), _number(folder / used)
        # Files that were read lately count as taken there, and are dropped as soon as memory is asked for.
        dropped = _number(folder / "memory.stat", f"{cached} ") or 0
        free.append(most - max(0, now - dropped) if most is not None and now is not None else None)
    known = [one for one in free if one is not None]
    return max(0, min(known)) if known else None


def allowed_bytes(max_memory: int | str, device: torch.device | str, share: float) -> int | None:
    """Return what one worker's image may take: `max_memory`, or for auto its share of most of what is free."""
    if isinstance(max_memory, int):
        return max_memory
    free = free_bytes(device)
    return None if free is None else int(free * _USED_OF_FREE * min(1.0, share))


def most_of_picture(size_bytes: int, max_memory: int | str, share: float = 1.0) -> int | None:
    """Return how many bytes a picture may have that is held in memory, not in a mapped file; None for any.

    `size_bytes` is what it has at most, as what is free need not be asked for every small picture.
    """
    if size_bytes <= ALWAYS_IN_MEMORY_BYTES:
        return None
    allowed = allowed_bytes(max_memory, "cpu", share)
    return None if allowed is None else max(ALWAYS_IN_MEMORY_BYTES, allowed // PICTURE_SHARE)


def _number(path: Path, name: str = "", unit: int = 1) -> int | None:
    words = next((line.removeprefix(name).split() for line in cgroups.lines(path) if line.startswith(name)), [])
    # A group's own word for no limit is `max`.
    return int(words[0]) * unit if words and words[0].isdigit() else None
