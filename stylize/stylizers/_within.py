"""A stylizer's images within its `max_memory`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch

from stylize import devices
from stylize.memory_limit import allowed_bytes
from stylize.stylizers._plan import Plan

ALWAYS_WHOLE_PX = 2**21
"""Images of so many pixels are not asked what they take, where nobody sets a limit."""
PICTURE_BYTES = 6
"""Of a photo's pixel and of its result's, as 8-bit colours."""


class Within:
    """Plans under a limit. max_memory: the bytes that an image may take, or auto: a share of what is free."""

    device: torch.device
    max_memory: int | str = "auto"

    @abstractmethod
    def plan(self, width: int, height: int, code: Any, max_bytes: int | None = None, *, whole: bool = True) -> Plan:
        """See `base.Stylizer`."""

    def plan_within(self, width: int, height: int, code: Any, share: float = 1.0) -> Plan:
        """As `plan`, within `max_memory`; `share` is this worker's of what is free, for auto."""
        pixels = width * height
        if self.max_memory == "auto" and pixels <= ALWAYS_WHOLE_PX:
            return Plan(0)
        return self.plan(width, height, code, self._allowed(pixels, share))

    def plan_after(self, error: Exception, width: int, height: int, code: Any, share: float = 1.0) -> Plan:
        """Return how to do in strips what was taken whole until memory ran out; raises any other `error` again."""
        if not devices.out_of_memory(error):
            raise error
        devices.free_memory(error)
        return self.plan(width, height, code, self._allowed(width * height, share), whole=False)

    def _allowed(self, pixels: int, share: float) -> int | None:
        allowed = allowed_bytes(self.max_memory, self.device, share)
        held = 0 if devices.is_accelerator(self.device) else PICTURE_BYTES * pixels
        return None if allowed is None else allowed - held
