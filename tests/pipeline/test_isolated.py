"""Isolated mode: each image by itself, with memory and time of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import stylize
from stylize.stylizers.base import Settings
from stylize.stylizers.identity import Identity
from tests.support.inline_runs import make


def test_isolated_mode_says_what_scoring_took_and_how_long_others_had_the_processors(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    runner, tasks = make(folders, tmp_path / "out", measure_mode="isolated")
    row = runner.run([tasks[0]]).to_pylist()[0]
    assert (row["score_peak_rss_bytes"] is None) == (row["host_peak_rss_bytes"] is None)
    assert (row["cpu_wait_s"] is None) != Path("/proc/self/schedstat").exists()


def test_stages_of_an_image_by_itself_take_no_longer_than_all_of_it(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runner, tasks = make(folders, tmp_path / "out", measure_mode="isolated", format="jpg")
    row = runner.run_one(tasks[0])
    stages = ("read_s", "decode_s", "style_s", "stylize_s", "encode_s", "score_s", "write_s")
    assert 0 < sum(row[name] for name in stages) <= row["total_s"]


class CompilingOnce(Identity):
    """Takes memory to compile at its first call."""

    calls = 0

    def stylize(self, content: torch.Tensor, code: Any) -> torch.Tensor:
        self.calls += 1
        work = torch.ones(2**23 if self.calls == 1 else 1)
        return content * work[0]

    def compiled_anew(self) -> bool:
        return self.calls == 1


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="no peaks here")
def test_what_compiling_takes_is_not_an_isolated_images_memory(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runner, tasks = make(folders, tmp_path / "out", CompilingOnce(Settings()), measure_mode="isolated", warmup_images=0)
    row = runner.run_one(tasks[0])
    assert (row["status"], row["warmup"]) == ("ok", False)
    assert row["image_host_bytes"] is None or row["image_host_bytes"] < 2**24


class Consuming(Identity):
    """Works in the tensor that it is given."""

    def stylize(self, content: torch.Tensor, code: Any) -> torch.Tensor:
        """The photo, a quarter as light."""
        return content.mul_(0.25)


def test_isolated_mode_gives_each_of_its_calls_the_photo_anew(folders: tuple[Path, Path], tmp_path: Path) -> None:
    hashes = []
    for mode in ("isolated", "throughput"):
        method = Consuming(Settings(), device="cpu")
        runner, tasks = make(folders, tmp_path / mode, method, measure_mode=mode, scores=["flicker"])
        hashes.append([(row["output_sha256"], row["flicker"]) for row in runner.run(tasks[:2]).to_pylist()])
    assert hashes[0] == hashes[1]


def test_isolated_and_overlapped_give_the_same_images(folders: tuple[Path, Path], tmp_path: Path) -> None:
    hashes = []
    for mode in ("isolated", "throughput"):
        runner, tasks = make(folders, tmp_path / mode, stylize.load(), measure_mode=mode)
        hashes.append([row["output_sha256"] for row in runner.run(tasks).to_pylist()])
    assert hashes[0] == hashes[1]
