"""Methods of one network pass within a bound of memory: an image at once where that fits, else in strips."""

from __future__ import annotations

import contextlib
from typing import Any, Self

import torch
from torch import Tensor

from stylize import images
from stylize.errors import NoRoomError, counted
from stylize.images import scratch
from stylize.machine import devices
from stylize.stylizers import base
from stylize.stylizers._pictures import to_pixels, to_tensor
from stylize.stylizers._strips import compute
from stylize.stylizers._strips.plan import BASE_BYTES, STRIP_BASE_BYTES, Plan, no_room, strip_plan, whole_plan
from stylize.stylizers._strips.trace import Graph, NotTraceableError, trace

_TRIED_PX = 1024
"""The side of the image that says what a pixel takes."""


class Bounded(base.Stylizer):
    """A method whose `picture` can be traced."""

    def picture(self, contents: Tensor, code: Any) -> Tensor:
        """Turn (N, 3, H, W) in [0, 1] and a code into (N, 3, H, W), about [0, 1]."""
        raise NotImplementedError

    def settled(self, code: Any, photo: images.Pixels | None) -> Any:
        """Return the code as a photo takes it, (H, W, 3) uint8; without one, a code of the same kind to plan with."""
        return code

    def plan(self, width: int, height: int, code: Any, max_bytes: int | None = None, *, whole: bool = True) -> Plan:
        """Return how an image is to be taken so that it needs no more than `max_bytes`: at once, or in strips.

        `max_bytes` is beside the photo and the result as 8-bit pixels. `whole`: it may be taken at once; else there was
        no room for that, and strips take no more than half of it where they can. Raises NoRoomError for an image that
        needs more in any way.
        """
        if self.runtime != "torch":
            return self._plan_of_runtime(width, height, code, max_bytes, whole)
        code = self.settled(code, None)
        try:
            needed = self._whole_bytes(width * height, code)
        except NotTraceableError:  # a method of somebody's own
            return super().plan(width, height, code, max_bytes, whole=whole)
        if whole and (max_bytes is None or needed <= max_bytes):
            return Plan(needed)
        half = (needed - BASE_BYTES) // 2 + STRIP_BASE_BYTES
        try:
            limit = max_bytes if whole else min(half, half if max_bytes is None else max_bytes)
            plan = strip_plan(self._traced(width, height, code), limit, files=self._has_files())
        except NotTraceableError:
            way = "at once, as it must with these settings"
            raise no_room(self.name, (width, height), way, needed, max_bytes) from None
        if max_bytes is not None and plan.bytes > max_bytes:
            raise no_room(
                self.name, (width, height), f"in {counted(plan.strips, 'strip')}", plan.bytes, max_bytes, strips=True
            )
        return plan

    def in_torch(self, code: Any) -> tuple[Self, Any] | None:
        """Return this method and a code as torch runs them, for images in strips; None where there is no such way."""
        return None

    def ran(self, plan: Plan) -> dict[str, str]:
        """Return which runtime does an image as planned, and in which precision: strips are torch's."""
        if plan.graph is None or self.runtime == "torch":
            return super().ran(plan)
        return {"runtime": "torch", "precision": self.precision_in_strips}

    @property
    def precision_in_strips(self) -> str:
        """Return the precision in which torch does what another runtime has no room for."""
        return "bf16" if self.precision == "bf16" else "fp32"

    def _plan_of_runtime(self, width: int, height: int, code: Any, max_bytes: int | None, whole: bool) -> Plan:
        try:
            return super().plan(width, height, code, max_bytes, whole=whole)
        except NoRoomError:
            if (torchs := self.in_torch(code)) is None:
                raise
        stylizer, code = torchs
        return stylizer.plan(width, height, code, max_bytes, whole=False)

    def restyle(self, photo: images.Pixels, code: Any, plan: Plan) -> Tensor | None:
        """Turn (H, W, 3) uint8 into the same on the CPU, as planned; None where there is NaN or infinity in it."""
        if plan.graph is not None and (own := self.settled(code, photo)) is not code:
            # It was planned with a code of other numbers.
            plan = strip_plan(self._traced(photo.shape[1], photo.shape[0], own), plan.bytes, files=self._has_files())
        if (graph := plan.graph) is None:
            return super().restyle(photo, code, plan)
        result = torch.from_numpy(scratch.empty(photo.shape, 0 if scratch.is_mapped(photo) else None))
        finite = True

        def rows(a: int, b: int) -> Tensor:
            taken = to_tensor(photo[a:b], self.device)[None]
            scratch.let_go(photo[a:b])
            return taken

        def take(first: int, image: Tensor) -> None:
            nonlocal finite
            finite = finite and bool(torch.isfinite(image.sum()))
            done = result[first : first + image.shape[2]]
            done[:] = torch.from_numpy(to_pixels(image[0]))
            scratch.let_go(done.numpy())

        with torch.inference_mode():
            compute.run(graph, plan.ways, plan.strip_px, rows, take, mapped=plan.mapped)
        return result if finite else None

    def _has_files(self) -> bool:
        return not devices.is_accelerator(self.device)

    def _traced(self, width: int, height: int, code: Any) -> Graph:
        # Asking for eager mode imports torch's compiler, which takes seconds.
        eager = torch.compiler.set_stance("force_eager") if getattr(self.settings, "compile", False) else None
        stylizer, code = self.in_torch(code) or (self, code)
        with eager or contextlib.nullcontext():
            return trace(lambda content: stylizer.picture(content, code), (1, 3, height, width))

    def _whole_bytes(self, pixels: int, code: Any) -> int:
        if self.__dict__.get("_measured_for") is not self.settings:
            tried = self._traced(_TRIED_PX, _TRIED_PX, code)
            self._per_pixel = (whole_plan(tried).bytes - BASE_BYTES) / _TRIED_PX**2
            self._measured_for = self.settings
        return round(self._per_pixel * pixels) + BASE_BYTES
