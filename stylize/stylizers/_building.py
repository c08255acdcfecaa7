"""Networks are built alike, and run alike, whatever the calling program has set in torch."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import torch

_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def as_by_default() -> Iterator[None]:
    """Build on the CPU, in fp32 and with random numbers that are the same each time; leave the caller's as they were.

    What is set here is of the whole process: threads that load at once wait for each other.
    """
    # torch looks at each call while a device is set, which takes as long as a fourth of the bundled model's load.
    usual = torch.get_default_device() == torch.device("cpu")
    device = contextlib.nullcontext() if usual else torch.device("cpu")
    with _one_at_a_time, device, torch.random.fork_rng(devices=[]):
        dtype = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        torch.default_generator.manual_seed(0)  # torch.manual_seed would set those of cards, too
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)


def in_own_precision(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Compute in the precision that a method was loaded in: the caller's torch.autocast would choose another."""
    if not torch.is_autocast_enabled(device.type):
        return contextlib.nullcontext()
    return torch.autocast(device.type, enabled=False)
