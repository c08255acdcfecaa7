"""One task, one row, inline: no Ray."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import stylize
from stylize import images
from stylize.errors import CannotContinueError
from stylize.measure.ssim import ssim
from stylize.measure.statistics import statistics
from stylize.results.schema import SCHEMA
from stylize.stylizers._runtimes import sessions
from stylize.stylizers.base import Settings
from stylize.stylizers.identity import Identity
from tests.support.inline_runs import make
from tests.support.samples import picture


def test_rows_come_back_in_order_and_are_ok(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runner, tasks = make(folders, tmp_path / "out")
    rows = runner.run(tasks).to_pylist()
    assert [row["task_id"] for row in rows] == [task.task_id for task in tasks]
    assert {row["status"] for row in rows} == {"ok"}
    assert len(rows) == 8


def test_identity_in_png_gives_the_photo_back(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runner, tasks = make(folders, tmp_path / "out")
    row = runner.run_one(tasks[0])
    result = Path(row["output_uri"]).read_bytes()
    photo = images.decode(Path(tasks[0].pair.content.uri).read_bytes()).pixels
    assert (images.decode(result).pixels == photo).all()
    assert row["ssim"] == pytest.approx(1.0, abs=1e-6)
    assert row["output_sha256"] == hashlib.sha256(result).hexdigest()


@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
def test_scores_are_of_what_the_file_shows(folders: tuple[Path, Path], tmp_path: Path, format: str) -> None:
    runner, tasks = make(folders, tmp_path / "out", format=format, quality=30)
    row = runner.run_one(tasks[0])
    photo, result = (images.decode(Path(row[name]).read_bytes()).pixels for name in ("content_uri", "output_uri"))
    assert row["ssim"] == ssim(photo, result)
    assert (row["ssim"] > 0.9999) == (format == "png")
    assert row["output_colourfulness"] == statistics(result).colourfulness


@pytest.mark.parametrize(
    ("format", "strip", "opaque"), [("jpg", False, True), ("png", False, False), ("jpg", True, None)]
)
def test_a_photo_whose_transparency_is_left_out_is_marked(
    folders: tuple[Path, Path], tmp_path: Path, format: str, strip: bool, opaque: bool | None
) -> None:
    Image.new("RGBA", (64, 48), (255, 0, 0, 9)).save(folders[0] / "clear.png")
    runner, tasks = make(folders, tmp_path / "out", format=format, strip=strip)
    marks = {row["photo"]: row["opaque"] for row in runner.run(tasks).to_pylist()}
    assert marks.pop("clear") is opaque
    assert set(marks.values()) == {None if strip else False}


def test_flicker_is_measured_where_asked_for(folders: tuple[Path, Path], tmp_path: Path) -> None:
    class Striped(Identity):
        def stylize(self, content: torch.Tensor, code: Any) -> torch.Tensor:
            return content * 0 + torch.arange(content.shape[2]) % 2

    for stylizer, expected in ((stylize.load("identity"), 0), (Striped(Settings()), 255)):
        runner, tasks = make(folders, tmp_path / "out", stylizer, scores=["flicker"], resolution_px=128)
        assert runner.run_one(tasks[0])["flicker"] == pytest.approx(expected, abs=1e-3)
        small, tasks = make(folders, tmp_path / "out", stylizer, scores=["flicker"], resolution_px=64)
        assert small.run_one(tasks[0]).get("flicker") is None


def test_every_column_that_can_be_known_is_filled(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runner, tasks = make(folders, tmp_path / "out", resolution_px=32)
    row = runner.run([tasks[0]]).to_pylist()[0]
    unknown = {name for name, value in row.items() if value is None}
    assert unknown == {
        "backbone", "weights_sha256", "content_weight", "style_weight", "iterations", "alpha", "error", "stretch",
        "device_peak_allocated_bytes", "device_peak_reserved_bytes", "content_loss", "style_loss", "variation_loss",
        "image_device_bytes", "model_device_bytes", "model_host_bytes", "lpips", "lpips_variant",
        "content_distance", "gram_distance", "moments_distance", "perceptual_variant",
        "variant", "repeat", "workers", "gpu_ids", "style_uris", "style_weights", "score_peak_rss_bytes", "cpu_wait_s",
        "clock_mhz", "throttled", "ssim_uniform", "cfsd", "flicker", "device_wait_s",
    }  # fmt: skip
    assert (row["width_px"], row["height_px"], row["source_width_px"]) == (32, 24, 64)
    assert (row["photo"], row["style"]) == ("day/a", "ink/wash")
    assert json.loads(row["settings_json"])["resolution_px"] == 32
    assert set(row) == set(SCHEMA.names)


def test_what_loading_the_scores_networks_took_is_told(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = iter([(1000, None), (1700, None)])
    monkeypatch.setattr("stylize.pipeline.runner.held_bytes", lambda: next(held))
    runner, tasks = make(folders, tmp_path / "out")
    assert runner.run([tasks[0]]).to_pylist()[0]["scorer_host_bytes"] == 700


def test_what_loading_the_method_took_is_told_of_host_and_device(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runner, tasks = make(folders, tmp_path / "out", model_bytes=(3000, 500))
    row = runner.run_one(tasks[0])
    assert (row["model_host_bytes"], row["model_device_bytes"]) == (3000, 500)


def test_style_is_encoded_once_and_null_when_kept(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runner, tasks = make(folders, tmp_path / "out")
    rows = runner.run(tasks).to_pylist()
    assert [row["style_s"] is not None for row in rows] == [True, False, False, False] * 2


def test_only_the_first_image_of_a_worker_is_warmup(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runner, tasks = make(folders, tmp_path / "out")
    assert [row["warmup"] for row in runner.run(tasks).to_pylist()] == [True] + [False] * 7


def test_a_task_that_warms_up_counts_nowhere(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runner, tasks = make(folders, tmp_path / "out")
    warm = [replace(task, warms_up=number < 2) for number, task in enumerate(tasks)]
    assert [row["warmup"] for row in runner.run(warm).to_pylist()] == [True] * 2 + [False] * 6


@pytest.mark.skipif(not sessions.installed("openvino"), reason="openvino is not installed")
def test_so_is_the_first_of_a_size_that_is_compiled(folders: tuple[Path, Path], tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, height, width in (("a", 32, 40), ("b", 40, 32), ("c", 32, 40)):
        (photos / f"{name}.png").write_bytes(images.encode(picture(1, height, width), "png", 95))
    compact = stylize.load("compact", runtime="openvino", precision="fp32", compile=True)
    runner, tasks = make((photos, folders[1]), tmp_path / "out", compact, warmup_images=0)
    rows = runner.run(tasks).to_pylist()
    assert {row["status"] for row in rows} == {"ok"}
    assert [row["warmup"] for row in rows] == [True, True, *[False] * (len(rows) - 2)]


class Faulty(Identity):
    """Raises what it is given."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__(Settings())

    def stylize(self, content: torch.Tensor, code: Any) -> torch.Tensor:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MemoryError(), "oom"),
        (torch.OutOfMemoryError("CUDA out of memory"), "oom"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "oom"),
        (RuntimeError("other"), "failed"),
        (KeyError("x"), "failed"),
        (GeneratorExit(), "failed"),
    ],
)
def test_what_a_stylizer_raises_becomes_its_rows_status(
    folders: tuple[Path, Path], tmp_path: Path, error: BaseException, status: str
) -> None:
    runner, tasks = make(folders, tmp_path / "out", Faulty(error))
    row = runner.run_one(tasks[0])
    assert row["status"] == status
    assert ("identity takes an image at once" if status == "oom" else type(error).__name__) in row["error"]
    assert row["output_uri"] is None
    assert row["total_s"] > 0


def test_broken_style_is_said_to_be_the_styles_fault(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (folders[1] / "ink" / "wash.jpg").write_bytes(b"no image")
    runner, tasks = make(folders, tmp_path / "out")
    rows = runner.run(tasks).to_pylist()
    bad = [row for row in rows if row["status"] != "ok"]
    assert len(bad) == 4
    assert all(row["status"] == "corrupt" and row["error"].startswith("style: ") for row in bad)


def test_a_photo_is_too_small_for_a_method_by_its_short_side(folders: tuple[Path, Path], tmp_path: Path) -> None:
    class Needy(Identity):
        least_px = 20

    (folders[0] / "day" / "b.png").write_bytes(images.encode(picture(1, 64, 19), "png", 95))
    runner, tasks = make(folders, tmp_path / "out", Needy(Settings()))
    rows = {row["photo"]: row for row in runner.run(tasks[:2]).to_pylist()}
    assert (rows["day/a"]["status"], rows["day/b"]["status"]) == ("ok", "unsupported")
    assert "64 x 19 px: identity needs 20 px a side" in rows["day/b"]["error"]


def test_a_file_gone_since_listing_is_a_row(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runner, tasks = make(folders, tmp_path / "out")
    Path(tasks[1].pair.content.uri).unlink()
    assert [row["status"] for row in runner.run(tasks[:3]).to_pylist()] == ["ok", "corrupt", "ok"]


def test_a_photo_cut_within_its_pixels_is_restyled_and_marked_only_where_that_is_accepted(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    photo = folders[0] / "day" / "a.jpg"
    photo.write_bytes(photo.read_bytes()[:-600])
    for truncated, status, marked in (("refuse", "corrupt", None), ("accept", "ok", True)):
        runner, tasks = make(folders, tmp_path / truncated, truncated=truncated)
        rows = {Path(row["content_uri"]).name: row for row in runner.run(tasks[:2]).to_pylist()}
        assert (rows["a.jpg"]["status"], rows["a.jpg"]["truncated"]) == (status, marked)
        assert rows["b.png"]["truncated"] is False


def test_a_file_too_large_is_refused_before_it_is_read(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runner, tasks = make(folders, tmp_path / "out", max_pixels=10_000)
    # Sparse: 500 MB that take no room on the disk, but would in memory.
    with (folders[0] / "day" / "a.jpg").open("r+b") as file:
        file.truncate(500_000_000)
    row = runner.run_one(tasks[0])
    assert row["status"] == "unsupported"
    assert "500 MB is over the limit" in row["error"]
    assert "content_sha256" not in row


def test_results_of_a_fenced_off_run_are_dropped(folders: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    runner, tasks = make(folders, out, token="mine")
    (out).mkdir()
    (out / ".run").write_text("another's")
    with pytest.raises(CannotContinueError, match="another run"):
        runner.run(tasks)
    assert not list(out.rglob("*.png"))
