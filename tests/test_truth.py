"""Numbers in rows against what is known from outside: durations, memory, scikit-image, a profiler, the same bytes."""

from __future__ import annotations

import cProfile
import gc
import pstats
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import stylize
from stylize import images
from stylize.measure.memory import exact_peaks
from stylize.stylizers.base import Settings
from stylize.stylizers.identity import Identity
from tests.support.inline_runs import make
from tools.bench.ssim_speed import reference_ssim


class Slow(Identity):
    """Takes a known time, and notes how long it really was."""

    taken_s: list[float]

    def stylize(self, content: Tensor, code: Any) -> Tensor:
        begin = time.perf_counter()
        time.sleep(0.05)
        self.taken_s.append(time.perf_counter() - begin)
        return content


class Hungry(Identity):
    """Takes a known amount of memory for a moment."""

    block_bytes: int

    def stylize(self, content: Tensor, code: Any) -> Tensor:
        block = np.ones(self.block_bytes, np.uint8)
        return content * float(block[0])


def rows(
    folders: tuple[Path, Path], out: Path, loaded: Any, most: int | None = None, **settings: Any
) -> list[dict[str, Any]]:
    runner, tasks = make(folders, out, loaded, **({"measure_mode": "isolated"} | settings))
    return [runner.run_one(task) for task in tasks[:most]]


@pytest.mark.parametrize("mode", ["isolated", "throughput"])
def test_a_known_duration_is_in_stylize_s_and_nothing_else_is(
    folders: tuple[Path, Path], tmp_path: Path, mode: str
) -> None:
    slow = Slow(Settings())
    slow.taken_s = []
    found = rows(folders, tmp_path, slow, measure_mode=mode)
    # Isolated, each image is made twice before: for its memory, and to warm up.
    taken_s = slow.taken_s[2::3] if mode == "isolated" else slow.taken_s
    # Other work may come between the two clocks at any image, and only adds.
    more_s = [row["stylize_s"] - taken for row, taken in zip(found, taken_s, strict=True)]
    assert 0 <= min(more_s) < 0.01
    for row in found:
        others = sum(row[name] or 0 for name in ("read_s", "decode_s", "style_s", "score_s", "encode_s", "write_s"))
        assert row["stylize_s"] + others <= row["total_s"] * 1.001


def test_a_profiler_outside_agrees_on_stylize_s(folders: tuple[Path, Path], tmp_path: Path) -> None:
    stylizer = stylize.load("compact", precision="fp32")
    for attempt in range(5):  # other work may come between the two clocks
        profile = cProfile.Profile()
        profile.enable()
        found = rows(folders, tmp_path / str(attempt), stylizer, resolution_px=256, measure_mode="throughput")
        profile.disable()
        calls = pstats.Stats(profile).get_stats_profile().func_profiles["stylize"]
        ours = sum(row["stylize_s"] for row in found)
        assert calls.ncalls == str(len(found))
        if calls.cumtime == pytest.approx(ours, rel=0.02):
            return
    pytest.fail(f"the profiler says {calls.cumtime} s, the rows {ours} s")


@pytest.mark.skipif(sys.platform != "linux", reason="the host's peak is read from Linux's /proc")
@pytest.mark.parametrize("block_bytes", [4_000_000, 150_000_000])
def test_a_known_amount_of_memory_is_in_every_images_columns(
    folders: tuple[Path, Path], tmp_path: Path, block_bytes: int
) -> None:
    # The small one stays with the allocator when it is freed: the next image would take it from there unseen.
    hungry = Hungry(Settings())
    hungry.block_bytes = block_bytes
    end_threads_that_freed_much()
    for row in rows(folders, tmp_path, hungry, 3):
        if row["image_host_bytes"] is None:
            pytest.skip("this kernel does not let a process reset its peak")
        # The kernel counts a process's pages in batches, one a processor: some 100 kB either way.
        assert block_bytes - 500_000 < row["image_host_bytes"] < 1.1 * block_bytes + 1_000_000
        assert row["host_peak_rss_bytes"] > row["image_host_bytes"]


@pytest.mark.skipif(sys.platform != "linux", reason="the host's peak is read from Linux's /proc")
def test_what_another_thread_kept_of_its_heap_is_not_taken_from_an_images_memory(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    # A thread that gave back 24 MB at its next free, in the middle of an image, hid as much of the image's own.
    begin, go, done = threading.Event(), threading.Event(), threading.Event()

    def live_on() -> None:
        blocks = [np.ones(6_000_000, np.uint8) for _ in range(4)]
        del blocks
        begin.set()
        go.wait(60)
        small = np.ones(60_000, np.uint8)
        del small
        done.set()

    class Disturbed(Hungry):
        def stylize(self, content: Tensor, code: Any) -> Tensor:
            go.set()
            assert done.wait(60)
            return super().stylize(content, code)

    with exact_peaks():
        pass  # from here on heaps keep what is freed
    other = threading.Thread(target=live_on)
    other.start()
    assert begin.wait(60)
    hungry = Disturbed(Settings())
    hungry.block_bytes = 150_000_000
    (row,) = rows(folders, tmp_path, hungry, 1)
    other.join()
    if row["image_host_bytes"] is None:
        pytest.skip("this kernel does not let a process reset its peak")
    assert row["image_host_bytes"] > hungry.block_bytes - 500_000


@pytest.mark.skipif(sys.platform != "linux", reason="the host's peak is read from Linux's /proc")
def test_garbage_that_is_collected_meanwhile_is_not_taken_from_an_images_memory(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    class Collecting(Hungry):
        def encode_style(self, style: Tensor) -> None:
            garbage: list[Any] = [np.ones(20_000_000, np.uint8)]
            garbage.append(garbage)

        def stylize(self, content: Tensor, code: Any) -> Tensor:
            gc.collect()
            return super().stylize(content, code)

    hungry = Collecting(Settings())
    hungry.block_bytes = 50_000_000
    (row,) = rows(folders, tmp_path, hungry, 1)
    if row["image_host_bytes"] is None:
        pytest.skip("this kernel does not let a process reset its peak")
    assert row["image_host_bytes"] > hungry.block_bytes - 500_000


def end_threads_that_freed_much() -> None:
    """Leave heaps with freed memory in them, which threads to come inherit."""

    def fill() -> None:
        blocks = [np.ones(6_000_000, np.uint8) for _ in range(4)]
        del blocks

    with exact_peaks():
        pass  # from here on heaps keep what is freed
    threads = [threading.Thread(target=fill) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_ssim_of_real_results_is_scikit_images(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for row in rows(folders, tmp_path, stylize.load("compact")):
        photo, result = (images.decode(Path(row[name]).read_bytes()).pixels for name in ("content_uri", "output_uri"))
        assert row["ssim"] == pytest.approx(reference_ssim(photo, result), abs=1e-4)


@pytest.mark.parametrize("name", ["compact", "gatys"])
def test_two_runs_of_one_seed_give_the_same_bytes(folders: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    made = []
    for run in ("one", "two"):
        settings: dict[str, Any] = (
            {"backbone": "squeezenet1_1", "iterations": 3, "scales": 1, "start": "noise", "seed": 5}
            if name == "gatys"
            else {}
        )
        stylizer = stylize.load(name, weights="random" if name == "gatys" else None, **settings)
        sizes = {"resolution_px": 64, "style_resolution_px": 64}
        found = rows(folders, tmp_path / run, stylizer, 2, measure_mode="throughput", **sizes)
        made.append([row["output_sha256"] for row in found])
    assert made[0] == made[1]
    assert len(set(made[0])) > 1


def test_torch_is_left_as_it_was(folders: tuple[Path, Path], tmp_path: Path) -> None:
    before = torch.get_num_threads(), torch.initial_seed(), torch.is_grad_enabled()
    rows(folders, tmp_path, stylize.load("compact"))
    assert (torch.get_num_threads(), torch.initial_seed(), torch.is_grad_enabled()) == before
