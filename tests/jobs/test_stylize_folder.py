from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from jobs.stylize_folder import main
from stylize.errors import UsageError
from stylize.measure import hardware
from stylize.results.schema import SCHEMA
from tests.support.main_job import by_name, call, plain, rows, stamps


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Four photos in two types, two artworks in two types."""
    root = tmp_path_factory.mktemp("in")
    for number in range(4):
        plain(root / "content" / ("cats", "dogs")[number % 2] / f"{number}.png", (number * 50, 100, 30))
    plain(root / "styles" / "ink" / "a.png", (10, 10, 10))
    plain(root / "styles" / "oil" / "b.png", (200, 10, 10))
    return root / "content", root / "styles"


@pytest.fixture(scope="module")
def first_run(
    folders: tuple[Path, Path], local_ray: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run by two workers. Those with a Ray of their own are in test_run_from_python.py and test_local_ray.py."""
    out = tmp_path_factory.mktemp("run") / "out"
    return out, call(main, *folders, out, "--stylizer", "identity", "--format", "png", "--address", local_ray)


def test_a_run_makes_images_and_rows_that_pandas_reads(
    first_run: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    out, done = first_run
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    frame = rows(out)
    assert list(frame.columns) == SCHEMA.names
    assert len(frame) == 8
    assert set(frame["status"]) == {"ok"}
    assert set(zip(frame["content_type"], frame["style_type"], strict=True)) == {
        (c, s) for c in ("cats", "dogs") for s in ("ink", "oil")
    }
    assert all(Path(uri).is_file() for uri in frame["output_uri"])
    assert len(stamps(out)) == 8
    assert (frame["ssim"] == 1).all()
    assert done.stdout.splitlines()[-1] == "8 ok, 0 not ok"
    assert "8 of 8 done, 0 not ok" in done.stdout
    for path in (out / "images", out / "rows", out / "summary.md"):
        assert str(path) in done.stdout
        assert path.exists()


def test_run_json_says_what_was_done(first_run: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, _ = first_run
    record = json.loads((out / "run.json").read_text())
    assert record["config"]["stylizer"] == "identity"
    assert record["config"]["out"] == str(out)
    assert record["counts"] == {"ok": 8}
    assert "jobs.stylize_folder" in record["command"]
    assert {"environment", "git_commit", "started_at", "finished_at"} <= record.keys()
    assert record["code_sha256"] == hardware.code_sha256()


def test_a_second_run_does_nothing_and_says_so(
    folders: tuple[Path, Path], first_run: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    out, _ = first_run
    images, before = stamps(out), rows(out)
    done = call(main, *folders, out, "--stylizer", "identity", "--format", "png")
    assert done.returncode == 0, done.stderr
    assert "nothing to do: all 8 tasks have their rows already" in done.stdout
    assert done.stdout.splitlines()[-1] == "8 ok, 0 not ok"
    assert stamps(out) == images
    assert rows(out).equals(before)


def test_dry_run_counts_what_is_left_and_refuses_what_a_run_would(
    folders: tuple[Path, Path],
    first_run: tuple[Path, subprocess.CompletedProcess[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [*map(str, folders), str(first_run[0]), "--stylizer", "identity", "--format", "png", "--dry-run"]
    assert main(words) == 0
    assert "would restyle 0 of 8 pairs" in capsys.readouterr().out
    with pytest.raises(UsageError, match="int8"):
        main([*words, "--precision", "int8"])


@pytest.mark.usefixtures("worker_here")
def test_yaml_gives_settings_flags_win_and_the_manifest_says_what_to_do(tmp_path: Path) -> None:
    for name in ("a", "b", "s"):
        plain(tmp_path / f"{name}.png", (ord(name), 20, 20), (96, 48))
    (tmp_path / "pairs.csv").write_text(
        "content_uri,style_uri,content_type,style_type\na.png,s.png,tree,ink\nb.png,s.png,,\na.png,s.png,tree,ink\n"
    )
    (tmp_path / "job.yaml").write_text(
        f"manifest: {tmp_path}/pairs.csv\nout: {tmp_path}/out\nstylizer: tests.support.stylizers:Slow\n"
        "settings: {seconds: 0.02}\nresolution_px: 64\nformat: webp\nactors: 1\n"
    )
    done = call(
        main, "--config", tmp_path / "job.yaml", "--format", "png", "--resolution-px", 48, "--set", "seconds=0.01"
    )
    assert done.returncode == 0, done.stderr
    config = json.loads((tmp_path / "out" / "run.json").read_text())["config"]
    assert (config["format"], config["resolution_px"], config["actors"]) == ("png", 48, 1)
    assert config["settings"] == {"seconds": 0.01}
    found = by_name(rows(tmp_path / "out"))
    assert found.keys() == {"a.png", "b.png"}
    assert (found["a.png"]["content_type"], found["a.png"]["style_type"]) == ("tree", "ink")
    assert pd.isna(found["b.png"]["content_type"])
    assert (found["a.png"]["width_px"], found["a.png"]["height_px"]) == (48, 24)
    assert found["a.png"]["output_uri"].endswith(".png")


@pytest.mark.usefixtures("worker_here")
def test_zip_pairs_first_with_first(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        plain(tmp_path / "content" / f"c{name}.png", (int(name), 0, 0))
        plain(tmp_path / "styles" / f"s{name}.png", (int(name), 9, 0))
    folders = (tmp_path / "content", tmp_path / "styles", tmp_path / "out")
    done = call(main, *folders, "--pairing", "zip", "--stylizer", "identity")
    assert done.returncode == 0, done.stderr
    frame = rows(tmp_path / "out")
    assert {(Path(c).name, Path(s).name) for c, s in zip(frame["content_uri"], frame["style_uri"], strict=True)} == {
        ("c1.png", "s1.png"), ("c2.png", "s2.png"), ("c3.png", "s3.png"),
    }  # fmt: skip


@pytest.mark.usefixtures("worker_here")
def test_a_photo_put_right_takes_the_place_of_its_failed_row(tmp_path: Path) -> None:
    plain(tmp_path / "content" / "good.png", (1, 2, 3))
    (tmp_path / "content" / "bad.png").write_bytes(b"broken")
    plain(tmp_path / "styles" / "s.png", (9, 9, 9))
    words = (tmp_path / "content", tmp_path / "styles", tmp_path / "out", "--stylizer", "identity")
    assert call(main, *words).returncode == 3
    assert call(main, *words).returncode == 3
    assert set(rows(tmp_path / "out")["status"]) == {"ok", "corrupt"}
    plain(tmp_path / "content" / "bad.png", (4, 5, 6))
    assert call(main, *words, "--retry-failed").returncode == 0
    assert by_name(rows(tmp_path / "out"))["bad.png"]["status"] == "ok"
    assert len(rows(tmp_path / "out")) == 2


@pytest.mark.usefixtures("worker_here")
def test_a_folder_of_checkpoints_is_a_folder_of_styles(folders: tuple[Path, Path], tmp_path: Path) -> None:
    import torch

    from stylize.stylizers.johnson import TransformerNet

    checkpoints = tmp_path / "checkpoints"
    for style in ("one", "two"):
        (checkpoints / style).mkdir(parents=True)
        torch.save(TransformerNet().state_dict(), checkpoints / style / f"{style}.pth")
    done = call(main, folders[0], tmp_path / "out", "--stylizer", "johnson", "--weights", checkpoints)
    assert done.returncode == 0, done.stderr
    frame = rows(tmp_path / "out")
    assert len(frame) == 8
    assert set(frame["style_type"]) == {"one", "two"}
    assert frame["weights_sha256"].nunique() == 2
    again = call(main, folders[0], checkpoints, tmp_path / "out", "--stylizer", "johnson")
    assert "nothing to do" in again.stdout
