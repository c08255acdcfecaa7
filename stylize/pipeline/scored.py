"""What an accelerator does for a result after the network: its bytes, sent to the host, and its scores."""

from __future__ import annotations

import contextlib
import math
import threading
from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor

from stylize.errors import NotFiniteError
from stylize.images import Pixels
from stylize.machine import devices
from stylize.measure import on_device
from stylize.pipeline.transfers import Download, Transfers, Upload, entered
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

    def take(self, row: Row) -> Pixels:
        """Wait for it, in any thread, put its times into its row and return its pixels. Raises NotFiniteError."""
        pixels, finite = self.download.arrays()
        row.update(self.times.columns())
        if not finite[self.index]:
            raise NotFiniteError
        picture: Pixels = pixels[self.index]
        return picture


def sent_back(transfers: Transfers, results: Tensor, times: Times) -> list[OnItsWay]:
    """Send (N, 3, H, W) in [0, 1] to the host as bytes, and with them whether they are finite."""
    # A sum is finite only if every value is: one pass, no mask in memory.
    finite = torch.isfinite(results.sum((1, 2, 3)))
    download = transfers.download(to_levels(results), finite)
    return [OnItsWay(download, index, times) for index in range(len(results))]


MOST_SCORED_PX, MOST_SCORED = 2**22, 8
"""Pixels and results that are scored together: a pixel takes some 200 bytes meanwhile."""


@dataclass(eq=False, slots=True)
class _Pair:
    """A photo and its result on the device, and what becomes of them."""

    photo: Upload
    result: Upload
    done: bool = False
    row: Row | None = None
    error: Exception | None = None

    @property
    def shapes(self) -> tuple[torch.Size, torch.Size]:
        return self.photo.shape, self.result.shape


class DeviceScores:
    """SSIM and statistics on an accelerator, beside its work where it has streams; to be called from any thread.

    A thread whose turn it is also scores the pictures of the same size that wait by then: what takes time is launching
    operations, not the card's work.
    """

    def __init__(self, device: torch.device) -> None:
        self._transfers = Transfers(device)
        self._stream = torch.Stream(device) if devices.has_streams(device) else None
        self._turn = threading.Lock()
        self._waiting: deque[_Pair] = deque()

    def compare(self, photo: Upload, result: Pixels) -> Row | None:
        """Return the columns of a result (H, W, 3) beside its photo; None where the device has no room for it."""
        there = self._transfers.upload_if_room(result)
        if there is None:
            return None
        pair = _Pair(photo, there)
        self._waiting.append(pair)
        with self._turn:
            while not pair.done:
                self._score(self._first())
        if pair.error is not None:
            raise pair.error
        return pair.row

    def _first(self) -> list[_Pair]:
        """Take the first that wait, as many as go together."""
        first = self._waiting.popleft()
        most = min(MOST_SCORED, MOST_SCORED_PX // max(1, first.result.shape.numel() // 3))
        taken = [first]
        while len(taken) < most and self._waiting and self._waiting[0].shapes == first.shapes:
            taken.append(self._waiting.popleft())
        return taken

    def _score(self, pairs: list[_Pair]) -> None:
        try:
            rows: list[Row | None] = list(self._rows(pairs))
        except Exception as error:
            if devices.out_of_memory(error):
                devices.free_memory(error)
                if len(pairs) > 1:
                    for pair in pairs:
                        self._score([pair])
                    return
                rows = [None]
            else:
                rows = [None] * len(pairs)
                for pair in pairs:
                    pair.error = error
        for pair, row in zip(pairs, rows, strict=True):
            pair.row, pair.done = row, True

    def _rows(self, pairs: list[_Pair]) -> list[Row]:
        beside = contextlib.nullcontext() if self._stream is None else entered(self._stream)
        with torch.inference_mode(), beside:
            photos, results = (
                torch.stack([one.tensor() for one in uploads])
                for uploads in ([pair.photo for pair in pairs], [pair.result for pair in pairs])
            )
            (values,) = self._transfers.download(on_device.scores(photos, results), hold=pairs).arrays()
        named = (zip(on_device.NAMES, of_one, strict=True) for of_one in values.tolist())
        return [{name: value for name, value in one if not math.isnan(value)} for one in named]
