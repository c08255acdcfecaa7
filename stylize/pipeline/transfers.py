"""Pictures on their way to the device and back: beside its work, from and into pinned memory, where it has streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylize.images import Pixels
from stylize.machine import devices

Array = np.ndarray[Any, Any]


class Upload:
    """A picture on its way to the device, (H, W, 3) uint8."""

    def __init__(self, there: Tensor, arrived: torch.Event | None = None, pinned: Tensor | None = None) -> None:
        self._there, self._arrived, self._pinned = there, arrived, pinned

    @property
    def shape(self) -> torch.Size:
        """Return the picture's shape."""
        return self._there.shape

    def tensor(self) -> Tensor:
        """Return it on the device; what this thread queues from here on begins when it is all there.

        The tensor's memory is another stream's: hold this object until what reads it is done.
        """
        if self._arrived is not None:
            self._arrived.wait()
        return self._there


class Download:
    """Tensors on their way to the host."""

    def __init__(self, hosts: list[Tensor], arrived: torch.Event | None = None, held: Any = None) -> None:
        self._hosts, self._arrived, self._held = hosts, arrived, held

    def arrays(self) -> list[Array]:
        """Wait for them, in any thread, and return them."""
        if self._arrived is not None:
            self._arrived.synchronize()
        self._held = None
        return [host.numpy() for host in self._hosts]


class Transfers:
    """Copies to and from one device. `upload` may be called from any thread, `download` from the device's."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        streams = devices.has_streams(device)
        self._up, self._down = (torch.Stream(device) if streams else None for _ in range(2))

    def upload(self, pixels: Pixels) -> Upload:
        """Send (H, W, 3) uint8 to the device. Raises as torch does where there is no room for it."""
        plain = torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy())
        if self._up is None:
            return Upload(plain.to(self._device))
        pinned = torch.empty(plain.shape, dtype=plain.dtype, pin_memory=True).copy_(plain)
        with entered(self._up):
            there = pinned.to(self._device, non_blocking=True)
            arrived = devices.waitable(self._device, self._up)
        return Upload(there, arrived, pinned)

    def upload_if_room(self, pixels: Pixels) -> Upload | None:
        """Do as `upload`; None where there is no room for it."""
        try:
            return self.upload(pixels)
        except RuntimeError as error:
            if not devices.out_of_memory(error):
                raise
            devices.free_memory(error)
            return None

    def download(self, *tensors: Tensor, hold: Any = None) -> Download:
        """Send tensors to the host once what this thread has queued is done; `hold` is kept until they are there."""
        if self._down is None:
            return Download([tensor.cpu() for tensor in tensors])
        self._down.wait_stream(torch.accelerator.current_stream(self._device))
        with entered(self._down):
            hosts = [torch.empty(one.shape, dtype=one.dtype, pin_memory=True) for one in tensors]
            for host, tensor in zip(hosts, tensors, strict=True):
                host.copy_(tensor, non_blocking=True)
            arrived = devices.waitable(self._device, self._down)
        return Download(hosts, arrived, (tensors, hold))


def entered(stream: torch.Stream) -> torch.Stream:
    """Return a stream to be entered by `with`, once: what it is to go back to, torch keeps in the object itself.

    So of threads that enter one object each goes back to the other's stream, or finds the object in use.
    """
    return torch.Stream(stream.stream_id, stream.device_index, stream.device_type)
