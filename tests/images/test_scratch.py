"""Large pictures lie in mapped files that have no name, and come out as they would in memory."""

from __future__ import annotations

import errno
import logging
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stylize.images import Carried, MadeBy, decode, encode, scratch
from tests.support.samples import picture


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_what_is_let_go_of_is_still_there() -> None:
    pixels = scratch.empty((300, 200, 3), 1000)
    pixels[:] = values = picture(0, 200, 300)
    for part in (pixels, pixels[7:120], pixels[:, 3:50], torch.from_numpy(pixels)[10:20].numpy(), values):
        scratch.let_go(part)
    assert (pixels == values).all()


@pytest.mark.usefixtures("folder")
def test_a_part_of_a_mapped_array_is_mapped_too() -> None:
    pixels = scratch.empty((30, 20, 3), 0)
    assert scratch.is_mapped(pixels)
    assert scratch.is_mapped(torch.from_numpy(pixels)[29:].numpy())
    assert not scratch.is_mapped(scratch.empty((30, 20, 3), 1800))
    assert not scratch.is_mapped(scratch.empty((30, 20, 3)))


def test_files_have_no_name_and_go_with_their_array(folder: Path) -> None:
    pixels = scratch.empty((30, 20, 3), 0)
    assert list(folder.iterdir()) == []
    assert str(folder) in Path("/proc/self/maps").read_text()
    del pixels
    assert str(folder) not in Path("/proc/self/maps").read_text()


@pytest.mark.usefixtures("folder")
def test_a_full_disk_is_no_error(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with caplog.at_level(logging.WARNING):
        pixels = scratch.empty((30, 20, 3), 0)
    assert not scratch.is_mapped(pixels)
    assert "no room on the disk" in caplog.text


def test_without_its_folder_a_file_is_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    monkeypatch.setattr(scratch, "ON_DISK", str(tmp_path / "none, too"))
    assert scratch.is_mapped(scratch.empty((30, 20, 3), 0))


@pytest.mark.parametrize("turned", range(1, 9))
@pytest.mark.parametrize("format", ["jpg", "png"])
@pytest.mark.usefixtures("folder")
def test_a_photo_is_the_same_in_a_file(format: str, turned: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylize.images.pixels.BAND_PIXELS", 4000)
    monkeypatch.setattr("stylize.images.loading.orientation", lambda _: turned)
    data = encode(picture(1, 120, 90), format, 95)
    expected, mapped = decode(data), decode(data, most_in_memory=100)
    assert scratch.is_mapped(mapped.pixels)
    assert not scratch.is_mapped(expected.pixels)
    assert np.array_equal(mapped.pixels, expected.pixels)


@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
@pytest.mark.parametrize("quality", [60, 95])
@pytest.mark.parametrize("opaque", [True, False])
@pytest.mark.usefixtures("folder")
def test_a_result_in_a_file_is_encoded_to_the_same_bytes(
    format: str, quality: int, opaque: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["stylize.images.encode"], "BAND_PIXELS", 1000)  # the name is a function too
    values = picture(2, 130, 333)
    mapped = scratch.empty(values.shape, 0)
    mapped[:] = values
    how: dict[str, Any] = {
        "carried": Carried(dpi=(72.0, 72.0), alpha=None if opaque else values[..., 0].copy()),
        "made_by": MadeBy("stylize", "{}"),
    }
    assert encode(mapped, format, quality, **how) == encode(values, format, quality, **how)


@pytest.mark.usefixtures("folder")
def test_while_a_result_is_encoded_no_copy_of_it_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = scratch.empty((2000, 1500, 3), 0)
    pixels[:] = np.random.default_rng(0).integers(0, 256, pixels.shape)
    let_go, saved = scratch.let_go, []

    def noting(part: scratch.Bytes) -> None:
        saved.append(part.shape)
        let_go(part)

    def taken(*given: Any) -> Image.Image:
        image = frombuffer(*given)
        # Pillow's word for pixels that are the caller's own.
        assert image.readonly
        assert scratch.is_mapped(given[2])
        return image

    frombuffer = Image.frombuffer
    monkeypatch.setattr(Image, "frombuffer", taken)
    monkeypatch.setattr(scratch, "let_go", noting)
    assert len(encode(pixels, "jpg", 95)) > 2**22
    assert saved.count((2000, 1500, 4)) >= 4
