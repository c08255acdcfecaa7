"""Folders to learn from, and the VGG19 that judges."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylize import images
from stylize.training import loop
from tests.support.samples import picture


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of four photos of 160 x 120."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(4):
        (folder / f"{seed}.jpg").write_bytes(images.encode(picture(seed, 160, 120), "jpg", 90))
    return folder


@pytest.fixture
def artwork(tmp_path: Path) -> Path:
    """One picture to learn the style of."""
    path = tmp_path / "night sky.png"
    path.write_bytes(images.encode(picture(9, 120, 100), "png", 90))
    return path


@pytest.fixture
def vgg(real_data: Path) -> Path:
    """Trained VGG19 features."""
    return real_data / "weights" / "vgg19_features_fp16.safetensors"


@pytest.fixture(autouse=True)
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets of small pictures: at their own size, 16 of them take longer than the steps between."""
    monkeypatch.setattr(loop, "SAMPLE_PX", 64)
