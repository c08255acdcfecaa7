from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize.results.read import read_rows
from tests.support.main_job import job_here, plain, rows, stamps


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(disk)], capture_output=True)
    if made.returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_is_one_line_and_the_same_command_resumes(local_ray: str, tmp_path: Path, small_disk: Path) -> None:
    random = np.random.default_rng(0)
    (tmp_path / "content").mkdir()
    for number in range(60):
        Image.fromarray(random.integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / "content" / f"{number}.png")
    plain(tmp_path / "styles" / "s.png", (1, 2, 3))
    out = small_disk / "out"
    words = (tmp_path / "content", tmp_path / "styles", out, "--stylizer", "identity", "--format", "png")
    done = job_here(local_ray, *words, "--actors", 2)
    assert done.returncode == 1, done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert "no space left to write" in done.stderr
    assert "free space, then run the same command again" in done.stderr
    before, images = read_rows(out, ["task_id", "status", "output_uri"]).to_pylist(), stamps(out)
    assert {row["status"] for row in before} <= {"ok"}
    for row in before:
        with Image.open(row["output_uri"]) as image:
            image.load()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    again = job_here(local_ray, *words)
    assert again.returncode == 0, again.stderr
    frame = rows(out)
    assert len(frame) == 60
    assert set(frame["status"]) == {"ok"}
    for row in before:
        assert stamps(out)[row["output_uri"]] == images[row["output_uri"]]
