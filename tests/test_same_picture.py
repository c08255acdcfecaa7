"""Python, the command and the job make the same picture of the same two files, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import stylize
from stylize.commands.restyle import main
from stylize.stylizers import load
from tests.support.samples import finished_run, picture


def save(path: Path, width: int, height: int, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(len(path.name), width, height)).save(path, **options)
    return path


def turned(path: Path) -> Path:
    exif = Image.Exif()
    exif[274] = 6  # a phone's portrait
    return save(path, 96, 64, exif=exif)


def with_alpha(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.dstack([picture(3), np.arange(64, dtype=np.uint8)[None].repeat(48, 0) * 4])
    Image.fromarray(pixels).save(path)
    return path


def grey(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(4)[..., 0]).save(path)
    return path


@pytest.mark.parametrize("photo", [turned, with_alpha, grey], ids=["turned", "alpha", "grey"])
def test_three_ways_to_one_picture(photo: Callable[[Path], Path], tmp_path: Path) -> None:
    content = photo(tmp_path / "content" / "photo.png")
    # Larger than twice the size at which artworks are looked at, where a JPEG could be scaled as it is decoded.
    artwork = save(tmp_path / "styles" / "artwork.jpg", 1200, 900, quality=90)
    with Image.open(content) as ours, Image.open(artwork) as style:
        python = np.asarray(stylize.load(device="cpu")(ours, style))
    assert main([str(content), str(artwork), str(tmp_path / "command.png"), "--device", "cpu"]) == 0
    finished_run(tmp_path / "content", tmp_path / "styles", tmp_path / "out", stylizer="compact", format="png")
    (job,) = (tmp_path / "out" / "images").rglob("*.png")
    for path in (tmp_path / "command.png", job):
        with Image.open(path) as other:
            assert np.array_equal(np.asarray(other), python), path


def test_defaults_are_the_jobs() -> None:
    from stylize.config import JobConfig

    style_side = JobConfig.model_fields["style_resolution_px"].default
    assert load("identity").style_resolution_px == style_side == 512
