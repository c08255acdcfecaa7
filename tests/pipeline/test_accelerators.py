"""The stages on an accelerator: a pretended one, whose work is the CPU's."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from stylize import config as configs
from stylize import devices
from stylize.errors import DeviceLostError
from stylize.measure.memory import PeakMemory
from stylize.pipeline.runner import Runner
from stylize.stylizers.base import Settings
from stylize.stylizers.identity import Identity
from stylize.tasks import pairing
from stylize.tasks.task import Task
from tests.support.accelerators import Pretended


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    """The CPU, taken for an accelerator."""
    monkeypatch.setattr(devices, "is_accelerator", lambda device: True)
    return Pretended().put(monkeypatch)


def make(folders: tuple[Path, Path], out: Path, stylizer: Any, **more: Any) -> tuple[Runner, list[Task]]:
    values = {"content": str(folders[0]), "styles": str(folders[1]), "out": str(out), "format": "png"}
    config = configs.build(values | {"stylizer": "identity"} | more)
    runner = Runner(config, stylizer, run_id="r", worker_id="w", token=None)
    return runner, list(pairing.tasks(pairing.pairs(config), config.result_settings(), None, config.format))


class Recorded(Identity):
    """Keeps the threads that call it."""

    def __init__(self) -> None:
        super().__init__(Settings(), device="cpu")
        self.threads: list[int] = []

    def stylize(self, content: torch.Tensor, code: Any) -> torch.Tensor:
        self.threads.append(threading.get_ident())
        return content


def test_isolated_images_are_all_made_by_one_thread(
    folders: tuple[Path, Path], tmp_path: Path, card: Pretended
) -> None:
    stylizer = Recorded()
    runner, tasks = make(folders, tmp_path / "out", stylizer, measure_mode="isolated")
    rows = runner.run(tasks).to_pylist()
    assert {row["status"] for row in rows} == {"ok"}
    assert len(stylizer.threads) == 2 * len(tasks)  # once for its memory and to warm up, once for its time
    assert len(set(stylizer.threads)) == 1


def test_rows_name_the_card_and_the_record_its_software(
    folders: tuple[Path, Path], tmp_path: Path, card: Pretended
) -> None:
    runner, tasks = make(folders, tmp_path / "out", Recorded())
    row = runner.run(tasks[:1]).to_pylist()[0]
    assert row["device"] == "cpu:0"  # as cuda:0 of a card
    assert runner.accelerator is not None
    assert runner.accelerator["memory_bytes"] == card.total_bytes
    assert runner.accelerator["torch"] == torch.__version__


def test_images_of_a_batch_share_what_it_took(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peak = PeakMemory().stop()
    monkeypatch.setattr(PeakMemory, "stop", lambda self: type(peak)(100, 80, 90, 40, 20))
    for size in (1, 2):
        runner, tasks = make(folders, tmp_path / str(size), Recorded(), batch_size=size)
        row = runner.run(tasks[:2]).to_pylist()[0]
        assert (row["batch_size"], row["image_host_bytes"], row["image_device_bytes"]) == (size, 40 // size, 20 // size)
        assert (row["host_peak_rss_bytes"], row["device_peak_allocated_bytes"]) == (100, 80)


def test_an_error_that_loses_the_device_ends_the_batch_and_not_each_image(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    class Breaks(Identity):
        made = 0

        def stylize(self, content: torch.Tensor, code: Any) -> torch.Tensor:
            self.made += 1
            if self.made >= 3:
                raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
            return content

    runner, tasks = make(folders, tmp_path / "out", Breaks(Settings(), device="cpu"))
    with pytest.raises(DeviceLostError, match="illegal memory access"):
        runner.run(tasks)
    with pytest.raises(DeviceLostError):
        runner.run(tasks[:1])


def test_after_running_out_of_memory_nothing_holds_the_images_tensors(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Pretended().put(monkeypatch)
    made: list[Any] = []
    left: list[bool] = []
    monkeypatch.setattr(torch.accelerator, "empty_cache", lambda: left.append(made[-1]() is not None))

    class Big(Identity):
        def stylize(self, content: torch.Tensor, code: Any) -> torch.Tensor:
            big = content.clone()
            made.append(weakref.ref(big))
            raise torch.OutOfMemoryError("CUDA out of memory")

    runner, tasks = make(folders, tmp_path / "out", Big(Settings(), device="cpu"), batch_size=2)
    rows = runner.run(tasks[:2]).to_pylist()
    assert [row["status"] for row in rows] == ["oom", "oom"]
    assert left == [False] * 3  # once for both together, then one by one
