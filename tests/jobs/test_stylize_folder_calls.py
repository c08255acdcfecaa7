"""The main job's command line: what it refuses, and what it says without doing it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from jobs.run import forecast
from jobs.stylize_folder import main
from stylize import images
from stylize.results.output_lock import OutputLock
from tests.support.image_files import saved
from tests.support.main_job import call, plain
from tests.support.samples import picture


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Four photos in two types, two artworks in two types."""
    root = tmp_path_factory.mktemp("in")
    for number in range(4):
        plain(root / "content" / ("cats", "dogs")[number % 2] / f"{number}.png", (number * 50, 100, 30))
    plain(root / "styles" / "ink" / "a.png", (10, 10, 10))
    plain(root / "styles" / "oil" / "b.png", (200, 10, 10))
    return root / "content", root / "styles"


def test_dry_run_says_what_it_would_do_and_writes_nothing(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*map(str, folders), str(tmp_path / "out"), "--dry-run"]) == 0
    assert list(tmp_path.iterdir()) == []
    told = capsys.readouterr().out
    assert "would restyle 8 of 8 pairs with compact" in told
    assert "4 photos" in told
    assert "time:   not known, as OUT has no rows like it yet" in told


def test_dry_run_forecasts_memory_by_the_plan_of_the_largest_photo(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else a Ray that another test has started in this process would be the cluster to ask.
    monkeypatch.setattr(forecast, "joins_cluster", lambda address: False)
    (tmp_path / "photos").mkdir()
    for number, (width, height) in enumerate([(64, 48), (1100, 800)]):
        data = images.encode(picture(number, width, height), "png", 95)
        (tmp_path / "photos" / f"{number}.png").write_bytes(data)
    (tmp_path / "photos" / "more_bytes_for_fewer_pixels.bmp").write_bytes(saved(Image.new("RGB", (1000, 727)), "BMP"))
    words = [str(tmp_path / "photos"), str(folders[1]), str(tmp_path / "out"), "--dry-run", "--device", "cpu"]
    words += ["--precision", "fp32"]

    def told(*more: str) -> str:
        assert main([*words, *more]) == 0
        (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("memory: ")]
        return line

    whole, strips = told(), told("--max-memory", "100MiB")
    assert "planned for 1100 x 800 px, the largest photo, at once" in whole
    assert "strips, 13 passes" in strips
    # As `planned` is a bound: the limit is 104.9 MB.
    assert float(strips.split()[1]) < 104.9 < float(whole.split()[1])
    assert "100 x 75 px" in told("--resolution-px", "100")  # of the smallest file, which is nearest to a square
    none = told("--max-memory", "22MiB")
    assert none.startswith("memory: too little for the largest photo, which would have an `oom` row: 1100 x 800 px: ")
    assert "; raise max_memory or make the image smaller" in none
    assert none.endswith(" (--max-memory, --resolution-px)")
    refused = "memory: not known, as the largest photo would have a row of status"
    over = f"{refused} unsupported: 1100 x 800 px is over the limit of 879999 pixels; raise --max-pixels to allow it"
    assert told("--max-pixels", "879999") == over

    def full(config: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(forecast, "load_stylizer", full)
    assert told() == "memory: not known: OutOfMemoryError: CUDA out of memory"
    for path in (tmp_path / "photos").iterdir():
        path.write_bytes(b"no image" * 10**6)
    assert told() == f"{refused} corrupt: not an image that can be read"


def test_a_pair_that_a_manifest_lists_again_is_told(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, artwork = (next(path for path in sorted(root.rglob("*")) if path.is_file()) for root in folders)
    listed = tmp_path / "list.csv"
    listed.write_text("content_uri,style_uri\n" + f"{photo},{artwork}\n" * 3)
    assert main(["--manifest", str(listed), str(tmp_path / "out"), "--stylizer", "identity", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "would restyle 1 of 1 pair with identity" in told
    assert "manifest: 2 rows list pairs that other rows list, too; each is done once" in told


def test_dry_run_shows_the_methods_settings_those_not_given_included(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*map(str, folders), str(tmp_path / "out"), "--dry-run", "--set", "alpha=0.25"]) == 0
    (told,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("settings of compact: ")]
    assert "alpha=0.25" in told
    assert "preserve_color=False" in told


def test_dry_run_answers_with_one_json_object(folders: tuple[Path, Path], tmp_path: Path) -> None:
    words = [*folders, tmp_path / "out", "--dry-run", "--progress", "json", "--set", "alpha=0.25"]
    done = call(main, *words)
    assert done.returncode == 0
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert (told["event"], told["status"], told["total"], told["left"], told["kept"]) == ("dry_run", 0, 8, 8, 0)
    assert (told["photos"], told["settings"]["alpha"], told["downloads"]) == (4, 0.25, [])
    assert told["first"][0] == [str(folders[0] / "cats" / "0.png"), str(folders[1] / "ink" / "a.png")]


def test_dry_run_downloads_nothing_and_says_what_a_run_would(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def downloaded(*words: object, **more: object) -> None:
        raise AssertionError("a download was tried")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", downloaded)
    words = [*folders, tmp_path / "out", "--dry-run", "--stylizer", "gatys", "--lpips", "squeeze"]
    done = call(main, *words)
    assert done.returncode == 0, done.stderr
    assert "would restyle 8 of 8 pairs with gatys" in done.stdout
    assert "vgg19's weights, vgg19-dcbb9e9d.pth, would be downloaded" in done.stdout
    assert "lpips: the squeeze weights, squeezenet1_1-b8a52dc0.pth, would be downloaded" in done.stdout
    assert not (tmp_path / "cache").exists()


def test_dry_run_finds_that_out_is_in_use_and_leaves_the_lock_alone(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with OutputLock(tmp_path / "out"):
        before = (tmp_path / "out" / ".lock").read_bytes()
        done = call(main, *folders, tmp_path / "out", "--dry-run")
        assert done.returncode == 1
        assert f"{tmp_path}/out is in use by another run (pid {os.getpid()}" in done.stderr
        assert (tmp_path / "out" / ".lock").read_bytes() == before
    assert call(main, *folders, tmp_path / "out", "--dry-run").returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".lock", ".run"]


def test_dry_run_asks_a_cluster_what_it_has(folders: tuple[Path, Path], tmp_path: Path, local_ray: str) -> None:
    words = [*folders, tmp_path / "out", "--dry-run", "--stylizer", "identity", "--address", local_ray]
    told = call(main, *words).stdout
    assert ": 2 CPU: 2 workers\nno GPU: 2 workers on 2 CPUs" in told
    assert "no machine has room for one" in call(main, *words, "--cpus-per-actor", 3).stdout
    isolated = call(main, *words, "--measure-mode", "isolated").stdout
    assert "no GPU: 1 worker on 2 CPUs" in isolated
    assert list(tmp_path.iterdir()) == []


def test_dry_run_tells_what_it_passes_over_and_takes_globs(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artworks = tmp_path / "artworks"
    plain(artworks / "a.png", (10, 10, 10))
    (artworks / "gone.png").symlink_to("nowhere")
    (artworks / "nothing.png").touch()
    os.mkfifo(artworks / "pipe.png")
    words = [str(folders[0]), str(artworks), str(tmp_path / "out"), "--dry-run", "--exclude", "cats"]
    assert main([*words, "--exclude", "1.*", "--precision", "fp32"]) == 0
    told = capsys.readouterr().out
    assert "would restyle 1 of 4 pairs with compact in precision fp32 on" in told
    assert "\n3 pairs cannot be used, and would have rows that say why\n" in told
    assert f"\nfiles that are not there, such as {artworks / 'gone.png'}\n" in told
    assert f"\nempty files, such as {artworks / 'nothing.png'}\n" in told
    assert f"\ndevices or pipes, not files, such as {artworks / 'pipe.png'}\n" in told
    assert "CONTENT: 3 skipped: 3 .png (by --exclude)" in told


def test_a_cluster_that_does_not_answer_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Else a Ray that another test has started in this process would be joined.
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    plain(tmp_path / "content" / "c.png", (1, 2, 3))
    folders = (tmp_path / "content", tmp_path / "content", tmp_path / "out")
    done = call(main, *folders, "--stylizer", "identity", "--address", "127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("cannot go on: the Ray cluster at 127.0.0.1:1 cannot be reached")
    assert "token" not in done.stderr  # nothing answered
    assert len(done.stderr.splitlines()) == 1
