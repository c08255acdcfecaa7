"""Folders to learn from, and the VGG19 that judges."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stylize import images
from stylize.backbones import load_backbone
from stylize.training import judge, loop
from tests.support.samples import picture


def four_photos(folder: Path) -> Path:
    """A folder of four photos of 160 x 120."""
    folder.mkdir()
    for seed in range(4):
        (folder / f"{seed}.jpg").write_bytes(images.encode(picture(seed, 160, 120), "jpg", 90))
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of four photos of 160 x 120."""
    return four_photos(tmp_path / "photos")


@pytest.fixture
def artwork(tmp_path: Path) -> Path:
    """One picture to learn the style of."""
    path = tmp_path / "night sky.png"
    path.write_bytes(images.encode(picture(9, 120, 100), "png", 90))
    return path


@pytest.fixture(scope="session")
def vgg(real_data: Path) -> Path:
    """Trained VGG19 features."""
    return real_data / "weights" / "vgg19_features_fp16.safetensors"


@pytest.fixture(scope="session")
def loaded_once() -> Callable[..., Any]:
    """`load_backbone` that reads a file once: nothing changes the judge, and each trainer loads its own in 0.8 s."""
    return functools.cache(load_backbone)


@pytest.fixture(autouse=True)
def one_judge(loaded_once: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same judge in all tests."""
    monkeypatch.setattr(judge, "load_backbone", loaded_once)


@pytest.fixture(autouse=True)
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets of small pictures: at their own size, 16 of them take longer than the steps between."""
    monkeypatch.setattr(loop, "SAMPLE_PX", 32)
