"""Copies beside the device's work: in which order, with streams that only take notes."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import torch

from stylize.machine import devices
from stylize.pipeline import transfers as copies
from stylize.pipeline.scored import Times
from stylize.pipeline.transfers import Transfers, entered

CPU = torch.device("cpu")


def test_on_a_cpu_pictures_go_there_and_back() -> None:
    transfers, pixels = Transfers(CPU), np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    pixels.setflags(write=False)
    tensor = transfers.upload(pixels).tensor()
    (again,) = transfers.download(tensor).arrays()
    assert np.array_equal(again, pixels)


class Stream:
    """Notes what is done with it."""

    notes: list[str]
    made = 0

    def __init__(self, device: object = None) -> None:
        Stream.made += 1
        self.name = ("main", "up", "down")[Stream.made % 3]

    def __enter__(self) -> None:
        self.notes.append(f"in {self.name}")

    def __exit__(self, *_: object) -> None:
        self.notes.append("out")

    def wait_stream(self, other: Stream) -> None:
        self.notes.append(f"{self.name} waits for {other.name}")


class Event:
    """The end of what a stream had."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def wait(self) -> None:
        Stream.notes.append(f"main waits for {self.stream.name}")

    def synchronize(self) -> None:
        Stream.notes.append(f"host waits for {self.stream.name}")


def test_with_streams_each_side_waits_for_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    Stream.notes, Stream.made = [], 0
    empty = torch.empty

    def pinned(*shape: Any, pin_memory: bool = False, **more: Any) -> torch.Tensor:
        Stream.notes.append("pinned")
        assert pin_memory
        return empty(*shape, **more)

    main = Stream()
    main.name = "main"
    Stream.made = 0
    monkeypatch.setattr(devices, "has_streams", lambda device: True)
    monkeypatch.setattr(copies, "entered", lambda stream: stream)
    monkeypatch.setattr(devices, "waitable", lambda device, stream: Event(stream))
    monkeypatch.setattr(torch, "Stream", Stream)
    monkeypatch.setattr(torch, "empty", pinned)
    monkeypatch.setattr(torch.accelerator, "current_stream", lambda device: main)
    transfers, pixels = Transfers(CPU), np.full((4, 5, 3), 7, np.uint8)
    tensor = transfers.upload(pixels).tensor()
    assert Stream.notes == ["pinned", "in up", "out", "main waits for up"]
    Stream.notes.clear()
    download = transfers.download(tensor, tensor[0], hold=pixels)
    assert Stream.notes == ["down waits for main", "in down", "pinned", "pinned", "out"]
    whole, row = download.arrays()
    assert Stream.notes[-1] == "host waits for down"
    assert (whole == 7).all()
    assert row.shape == (5, 3)


def test_threads_enter_a_stream_each_by_an_object_of_its_own() -> None:
    stream = torch.Stream(5, 0, 1)
    first, second = entered(stream), entered(stream)
    assert first == second == stream
    assert len({id(one) for one in (first, second, stream)}) == 3


def test_an_image_of_a_batch_has_its_share_of_the_batchs_times() -> None:
    class Mark:
        def __init__(self, at_s: float) -> None:
            self.at_s = at_s

        def seconds_since(self, other: Mark) -> float:
            return self.at_s - other.at_s

    free, begun, started, ended = (cast("devices.Mark", Mark(at_s)) for at_s in (1, 3, 4, 12))
    assert Times(free, begun, started, ended, 4).columns() == {"stylize_s": 2, "device_wait_s": 0.5}
    assert Times(None, begun, started, ended, 4).columns() == {"stylize_s": 2}
