"""What an accelerator does for a result after the network: its bytes, sent to the host, and its scores."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from stylize import devices
from stylize.images import Pixels
from stylize.measure import on_device
from stylize.pipeline.failures import NOT_FINITE, NotFiniteError
from stylize.pipeline.transfers import Download, Transfers, Upload
from stylize.results.schema import Row
from stylize.stylizers.base import to_levels


@dataclass(frozen=True, slots=True)
class Times:
    """Points in a device's work: the last image's end, if that is known, this one's begin, and the call of a batch."""

    free: devices.Mark | None
    begun: devices.Mark
    started: devices.Mark
    ended: devices.Mark
    batch: int

    def columns(self) -> Row:
        """Return the columns of one of the batch's rows, once the device has passed all of them."""
        row: Row = {"stylize_s": self.ended.seconds_since(self.started) / self.batch}
        if self.free is not None:
            row["device_wait_s"] = self.begun.seconds_since(self.free) / self.batch
        return row


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """One result of a batch that is on its way to the host, and when the device worked on it."""

    download: Download
    index: int
    times: Times

    def take(self) -> Pixels:
        """Wait for it, in any thread, and return its pixels. Raises NotFiniteError."""
        pixels, finite = self.download.arrays()
        if not finite[self.index]:
            raise NotFiniteError(NOT_FINITE)
        picture: Pixels = pixels[self.index]
        return picture


def sent_back(transfers: Transfers, results: Tensor, times: Times) -> list[OnItsWay]:
    """Send (N, 3, H, W) in [0, 1] to the host as bytes, and with them whether they are finite."""
    # A sum is finite only if every value is: one pass, no mask in memory.
    finite = torch.isfinite(results.sum((1, 2, 3)))
    download = transfers.download(to_levels(results), finite)
    return [OnItsWay(download, index, times) for index in range(len(results))]


class DeviceScores:
    """SSIM and statistics on an accelerator, beside its work where it has streams; to be called from any thread."""

    def __init__(self, device: torch.device) -> None:
        self._transfers = Transfers(device)
        self._stream = torch.Stream(device) if devices.has_streams(device) else None

    def compare(self, photo: Upload, result: Pixels) -> Row | None:
        """Return the columns of a result (H, W, 3) beside its photo; None where the device has no room for it."""
        try:
            with torch.inference_mode(), self._stream or contextlib.nullcontext():
                there = self._transfers.upload(result)
                scores = on_device.scores(photo.tensor()[None], there.tensor()[None])
                (values,) = self._transfers.download(scores, hold=there).arrays()
        except RuntimeError as error:
            if not devices.out_of_memory(error):
                raise
            devices.free_memory(error)
            return None
        named = zip(on_device.NAMES, values[0].tolist(), strict=True)
        return {name: value for name, value in named if not math.isnan(value)}
