"""A stylizer's images within its `max_memory`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch

from stylize import images
from stylize.errors import NotFiniteError
from stylize.images import COPIED_BYTES, PICTURE_BYTES
from stylize.machine import devices
from stylize.machine.memory_limit import allowed_bytes, most_of_picture
from stylize.stylizers._strips.plan import HOLES, Budget, Plan

ALWAYS_WHOLE_PX = 2**21
"""Images of so many pixels are not asked what they take, where nobody sets a limit."""


class Within:
    """Plans under a limit. max_memory: the bytes that an image may take, or auto: a share of what is free."""

    device: torch.device
    max_memory: int | str = "auto"

    @abstractmethod
    def plan(self, width: int, height: int, code: Any, max_bytes: int | None = None, *, whole: bool = True) -> Plan:
        """See `base.Stylizer`."""

    @abstractmethod
    def restyle(self, photo: images.Pixels, code: Any, plan: Plan) -> torch.Tensor | None:
        """See `base.Stylizer`."""

    @abstractmethod
    def worth_batching(self, pixels: int) -> int:
        """See `base.Stylizer`."""

    def most_together(self, width: int, height: int, code: Any) -> int:
        """Return how many images of a size go faster together than singly and have room together."""
        most = self.worth_batching(width * height)
        if most == 1 or not isinstance(self.max_memory, int):
            return most
        return max(1, min(most, self.max_memory // self.plan(width, height, code).bytes))

    def bounded(self, photo: images.Pixels, code: Any) -> Any:
        """Return (H, W, 3) uint8 restyled, at once where there is memory for it, else in strips.

        Raises NotFiniteError where the result has NaN or infinity in it.
        """
        height, width = photo.shape[:2]
        plan = self.plan_within(width, height, code)
        try:
            result = self.restyle(photo, code, plan)
        except (MemoryError, RuntimeError) as error:
            if plan.in_parts:
                raise
            result = self.restyle(photo, code, self.plan_within(width, height, code, after=error))
        if result is None:
            raise NotFiniteError
        return result.numpy()

    def plan_within(
        self,
        width: int,
        height: int,
        code: Any,
        share: float = 1.0,
        ahead_bytes: int = 0,
        *,
        pixel_bytes: float = PICTURE_BYTES,
        after: Exception | None = None,
    ) -> Plan:
        """Plan as `plan`, within `max_memory`; `share` is this worker's of what is free, for auto.

        `ahead_bytes` is what pictures of this and other images may take together, where this one's take less.
        `pixel_bytes`: what a pixel of this one's take; less where they are in mapped files. `after`: what the image
        taken whole ended with; where memory ran out it goes in strips, any other error is raised again.
        """
        pixels = width * height
        if after is not None:
            if not devices.out_of_memory(after):
                raise after
            devices.free_memory(after)
        elif self.max_memory == "auto" and pixels <= ALWAYS_WHOLE_PX:
            return Plan(0)
        allowed = self._allowed(round(pixel_bytes * pixels), share, ahead_bytes)
        return self.plan(width, height, code, allowed, whole=after is None)

    def forecast(
        self, width: int, height: int, code: Any, share: float = 1.0, ahead_bytes: int = 0, format: str = "jpg"
    ) -> tuple[Plan, int]:
        """Return the plan of an image of any size, and what it takes with its pixels and its result's, in bytes.

        `format` is that of the result's file.
        """
        pictures, one = PICTURE_BYTES * width * height, PICTURE_BYTES // 2 * width * height
        most = most_of_picture(one, self.max_memory, share)
        if most is not None and one > most:
            copied = round(COPIED_BYTES[format] * width * height)
            plan = self.plan(width, height, code, self._allowed(copied, share, ahead_bytes))
            taken = HOLES * plan.bytes if plan.has_ample_room(self.max_memory) else plan.bytes
            return plan, max(taken, copied)
        plan = self.plan(width, height, code, self._allowed(pictures, share, ahead_bytes))
        if devices.is_accelerator(self.device):
            pictures = 0
        return plan, max((plan.last_bytes or plan.bytes) + pictures, plan.bytes + pictures // 2)

    def _allowed(self, pictures: int, share: float, ahead_bytes: int) -> Budget | None:
        allowed = allowed_bytes(self.max_memory, self.device, share)
        held = 0 if devices.is_accelerator(self.device) else pictures
        if self.max_memory != "auto":
            # What is free, for auto, is counted beside what others hold already.
            held = max(held, ahead_bytes)
        return None if allowed is None else Budget.within(self.max_memory, allowed, held)
