"""The files that people have, as the folder of real data keeps them, give what each must give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stylize.images import decode

PHOTO = "not_photos/2024/a.jpg"
"""The photo that most of the files show, 320 x 214."""
SAME_PHOTO = (
    "heic/photo.heic", "heic/heic_named.jpg", "suffixes/a.mpo", "suffixes/a.pjpeg", "suffixes/a.apng",
    "suffixes/archive.jp2", "suffixes/scan.jxl", "suffixes/plainname", "suffixes/img.jpg?width=640",
    "metadata/exif.jpg", "metadata/workflow-itxt.png", "metadata/icc-1mb.png",
    "truncated/missing-eoi.jpg", "truncated/png-bad-text-crc.png",
    "planar_tiff/plain.tif", "planar_tiff/deflate.tif",
)  # fmt: skip


@pytest.fixture
def cases(real_data: Path) -> Path:
    if not (real_data / "cases").is_dir():
        pytest.skip("the folder of real data holds no cases")
    return real_data / "cases"


@pytest.mark.parametrize("name", SAME_PHOTO)
def test_every_file_of_the_photo_shows_the_photo(cases: Path, name: str) -> None:
    photo = decode((cases / PHOTO).read_bytes()).pixels.astype(int)
    pixels = decode((cases / name).read_bytes()).pixels
    assert np.abs(pixels - photo).mean() < 6


def test_what_a_small_first_frame_leaves_free_is_white(cases: Path) -> None:
    pixels = decode((cases / "gif/small_first_frame.gif").read_bytes()).pixels
    assert (pixels[50:] == 255).all()
    assert (pixels[:, 50:] == 255).all()
    assert (pixels[:50, :50] == (255, 0, 0)).all()


def test_a_mask_of_one_bit_is_black_and_white(cases: Path) -> None:
    assert set(np.unique(decode((cases / "suffixes/mask.pbm").read_bytes()).pixels)) == {0, 255}
