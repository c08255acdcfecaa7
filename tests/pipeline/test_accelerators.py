"""The stages on an accelerator: a pretended one, whose work is the CPU's."""

from __future__ import annotations

import itertools
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

import stylize
from stylize.errors import DeviceLostError
from stylize.machine import devices
from stylize.measure import on_device
from stylize.measure.memory import PeakMemory
from stylize.measure.perceptual import STYLE_LAYERS, StyleFeatures
from stylize.pipeline.scored import DeviceScores
from stylize.pipeline.transfers import Transfers
from stylize.stylizers.base import Settings
from stylize.stylizers.identity import Identity
from tests.support.accelerators import Pretended
from tests.support.card_runs import Recorded
from tests.support.card_runs import card as card
from tests.support.inline_runs import make


def test_isolated_images_are_all_made_by_one_thread(
    folders: tuple[Path, Path], tmp_path: Path, card: Pretended
) -> None:
    stylizer = Recorded()
    runner, tasks = make(folders, tmp_path / "out", stylizer, measure_mode="isolated")
    rows = runner.run(tasks).to_pylist()
    assert {row["status"] for row in rows} == {"ok"}
    assert len(stylizer.threads) == 2 * len(tasks)  # once for its memory and to warm up, once for its time
    assert len(set(stylizer.threads)) == 1


@pytest.mark.parametrize("mode", ["isolated", "throughput"])
def test_an_isolated_images_memory_is_measured_without_what_the_one_before_left_in_the_cache(
    mode: str, folders: tuple[Path, Path], tmp_path: Path, card: Pretended
) -> None:
    class Noted(Identity):
        def stylize(self, content: torch.Tensor, code: Any) -> torch.Tensor:
            card.calls.append("stylize")
            return content

    runner, tasks = make(folders, tmp_path / "out", Noted(Settings(), device="cpu"), measure_mode=mode, batch_size=1)
    card.calls.clear()
    runner.run(tasks[:2])
    steps = [call for call in card.calls if call in ("empty_cache", "stylize")]
    alone = ["empty_cache", "stylize"] if mode == "isolated" else []
    assert steps == [*alone, "stylize"] * 2


def test_rows_name_the_card_and_the_record_its_software(
    folders: tuple[Path, Path], tmp_path: Path, card: Pretended
) -> None:
    runner, tasks = make(folders, tmp_path / "out", Recorded())
    row = runner.run(tasks[:1]).to_pylist()[0]
    assert row["device"] == "cpu:0"  # as cuda:0 of a card
    assert runner.accelerator is not None
    assert runner.accelerator["memory_bytes"] == card.total_bytes
    assert runner.accelerator["torch"] == torch.__version__


def test_an_accelerators_scores_and_pictures_are_the_cpus(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for name in ("cpu", "card"):
        if name == "card":
            monkeypatch.setattr(devices, "is_accelerator", lambda device: True)
            Pretended().put(monkeypatch)
        runner, tasks = make(folders, tmp_path / name, stylize.load(device="cpu"), batch_size=4)
        found[name] = runner.run(tasks).to_pylist()
    assert len(found["card"]) == 8
    for ours, theirs in zip(found["card"], found["cpu"], strict=True):
        assert ours["output_sha256"] == theirs["output_sha256"]
        assert (ours["batch_size"], ours["width_px"]) == (theirs["batch_size"], theirs["width_px"])
        assert ours["score_s"] > 0
        for column in on_device.NAMES:
            assert ours[column] == pytest.approx(theirs[column], abs=1e-4, rel=1e-4)


def test_more_images_wait_for_an_accelerators_scores_than_there_are_threads(
    folders: tuple[Path, Path], tmp_path: Path, card: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(4)

    def compare(self: object, photo: object, result: object) -> dict[str, float]:
        together.wait(30)
        return dict.fromkeys(on_device.NAMES, 0.5)

    monkeypatch.setattr(DeviceScores, "compare", compare)
    runner, tasks = make(folders, tmp_path / "out", Recorded(), io_threads=1)
    assert [row["status"] for row in runner.run(tasks).to_pylist()] == ["ok"] * 8


def test_networks_that_judge_results_are_called_by_one_thread(
    folders: tuple[Path, Path], tmp_path: Path, card: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    class Judge:
        sha256 = "0" * 64

        def __init__(self, *given: object, **more: object) -> None:
            pass

        def layers(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            threads.append(threading.get_ident())
            return dict.fromkeys(STYLE_LAYERS, image[None])

        def features(self, image: torch.Tensor) -> tuple[torch.Tensor, StyleFeatures]:
            return image, StyleFeatures.of(self.layers(image))

    monkeypatch.setattr("stylize.pipeline.quality.Perceptual", Judge)
    runner, tasks = make(folders, tmp_path / "out", Recorded(), perceptual="torchvision")
    rows = runner.run(tasks).to_pylist()
    assert [row["content_distance"] for row in rows] == [0.0] * len(tasks)
    assert len(threads) == 2 + 2 * len(tasks)  # two artworks; of each result it and its photo
    assert len(set(threads)) == 1


def test_what_is_not_finite_shows_on_an_accelerator_too(
    folders: tuple[Path, Path], tmp_path: Path, card: Pretended
) -> None:
    class Half(Identity):
        def stylize_batch(self, contents: torch.Tensor, code: Any) -> torch.Tensor:
            return torch.cat([contents[:1], contents[1:] / 0 * 0])

    runner, tasks = make(folders, tmp_path / "out", Half(Settings(), device="cpu"), batch_size=2)
    rows = runner.run(tasks[:2]).to_pylist()
    assert [row["status"] for row in rows] == ["ok", "nan"]
    assert [row["ssim"] is None for row in rows] == [False, True]
    assert all(row["stylize_s"] >= 0 for row in rows)  # one of many in the batch took its time


def test_a_photo_that_finds_no_room_ahead_of_its_turn_is_sent_in_its_turn(
    folders: tuple[Path, Path], tmp_path: Path, card: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, refused = Transfers.upload, []

    def full(self: Transfers, pixels: Any) -> Any:
        if threading.current_thread().name.startswith("read"):
            refused.append(pixels)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return upload(self, pixels)

    monkeypatch.setattr(Transfers, "upload", full)
    runner, tasks = make(folders, tmp_path / "out", Recorded())
    assert {row["status"] for row in runner.run(tasks).to_pylist()} == {"ok"}
    assert len(refused) == len(tasks)


@pytest.mark.parametrize("size", [1, 2])
def test_how_long_the_device_waited_is_the_time_since_its_last_image(
    size: int, folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count()

    class Ticking:
        def __init__(self, device: object) -> None:
            self.at = next(ticks)

        def wait(self) -> None:
            pass

        def seconds_since(self, earlier: Ticking) -> float:
            return self.at - earlier.at

    monkeypatch.setattr(devices, "Mark", Ticking)
    runner, tasks = make(folders, tmp_path / "out", Recorded(), batch_size=size)
    waits = [row["device_wait_s"] for row in runner.run(tasks[:4]).to_pylist()]
    assert waits == [None] * size + [1 / size] * (4 - size)
    alone, _ = make(folders, tmp_path / "alone", Recorded(), measure_mode="isolated")
    assert [row["device_wait_s"] for row in alone.run(tasks[:2]).to_pylist()] == [None, None]


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


def test_a_device_that_is_lost_in_a_batch_ends_it_although_its_cache_cannot_be_emptied_either(
    folders: tuple[Path, Path], tmp_path: Path, card: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> torch.Tensor:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    class Breaks(Identity):
        def stylize(self, content: torch.Tensor, code: Any) -> torch.Tensor:
            return lost()

    monkeypatch.setattr(torch.accelerator, "empty_cache", lost)
    runner, tasks = make(folders, tmp_path / "out", Breaks(Settings(), device="cpu"), batch_size=2)
    with pytest.raises(DeviceLostError, match="illegal memory access"):
        runner.run(tasks)


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
    assert len(left) >= 3  # once for both together, then one by one
    assert not any(left)
