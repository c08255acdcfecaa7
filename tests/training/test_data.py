"""Folders and crops."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylize import images
from stylize.errors import CannotContinueError, UsageError
from stylize.training.data import Crops, read_folder
from tests.support.image_files import saved


def test_crops_are_square_in_range_and_depend_on_seed_and_key_alone(photos: Path) -> None:
    files = read_folder(photos).files
    crops = Crops(files, 64, 2.0, "3")
    batch = crops.batch(0, 6)
    assert batch.shape == (6, 3, 64, 64)
    assert 0 <= batch.min() <= batch.max() <= 1
    crops.batch(1, 6)
    assert torch.equal(Crops(files, 64, 2.0, "3").batch(0, 6), batch)
    assert not torch.equal(crops.batch(1, 6), batch)
    assert not torch.equal(Crops(files, 64, 2.0, "4").batch(0, 6), batch)


def test_half_of_the_crops_are_mirrored(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint8)[None, :, None], (64, 1, 3))
    (tmp_path / "ramp.png").write_bytes(images.encode(ramp, "png", 95))
    batch = Crops((tmp_path / "ramp.png",), 64, 1.0, "0").batch(0, 40)
    mirrored = (batch[..., 0] > batch[..., -1]).all(dim=(1, 2))
    assert 10 < mirrored.sum() < 30
    assert torch.equal(batch[mirrored][0].flip(2), batch[~mirrored][0])


def test_a_photo_smaller_than_the_crop_is_enlarged(photos: Path) -> None:
    assert Crops(read_folder(photos).files, 256, 1.0, "0").batch(0, 1).shape == (1, 3, 256, 256)


def test_crops_larger_than_any_photo_can_be_are_a_wrong_call(photos: Path) -> None:
    with pytest.raises(UsageError, match=r"none of its images can be enlarged to 20000 px; give a smaller --crop-px$"):
        read_folder(photos, 20_000)
    assert len(read_folder(photos, 10_000).files) == 4


def test_a_photo_that_breaks_in_mid_run_costs_a_draw(photos: Path) -> None:
    files = read_folder(photos).files
    (photos / "0.jpg").write_bytes(b"broken")
    assert len(Crops(files, 64, 2.0, "0").batch(0, 20)) == 20


def test_a_photo_too_thin_to_be_enlarged_costs_a_draw(photos: Path) -> None:
    (photos / "line.png").write_bytes(saved(Image.new("1", (1, 60_000)), "PNG"))
    (line,) = [path for path in read_folder(photos).files if path.name == "line.png"]
    # Enlarged, it would be 64 x 3,840,000 px.
    with pytest.raises(CannotContinueError, match="1 x 60000 px is too thin"):
        Crops((line,), 64, 1.0, "0").batch(0, 1)
    assert len(Crops(read_folder(photos).files, 64, 1.0, "0").batch(0, 20)) == 20


def test_pictures_spread_over_a_folder_pass_over_broken_ones(photos: Path) -> None:
    whole = Crops(read_folder(photos).files, 64, 1.0, "").spread(2)
    assert [crop.shape for crop in whole] == [(3, 64, 64)] * 2
    (photos / "0.jpg").write_bytes(b"broken")
    files = tuple(photos / f"{number}.jpg" for number in range(4))
    second, third = Crops(files, 64, 1.0, "").spread(2)
    assert torch.equal(third, whole[1])
    assert not torch.equal(second, whole[0])
    (photos / "1.jpg").write_bytes(b"broken")
    assert len(Crops(files, 64, 1.0, "").spread(2)) == 1


def test_a_folder_that_goes_away_in_mid_run_ends_it_with_a_line(photos: Path) -> None:
    files = read_folder(photos).files
    for path in files:
        path.unlink()
    with pytest.raises(CannotContinueError, match=r"in a row .*\.jpg"):
        Crops(files, 64, 2.0, "0").batch(0, 1)


def test_a_folder_is_known_by_names_and_contents(photos: Path) -> None:
    before = read_folder(photos)
    assert [p.name for p in before.files] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert read_folder(photos).sha256 == before.sha256
    (photos / "0.jpg").write_bytes((photos / "1.jpg").read_bytes())
    assert read_folder(photos).sha256 != before.sha256


def test_unreadable_images_are_told_apart(photos: Path) -> None:
    (photos / "4.jpg").write_bytes(b"broken")
    (photos / "notes.txt").write_text("no image")
    folder = read_folder(photos)
    assert len(folder.files) == 4
    assert [p.name for p in folder.unreadable] == ["4.jpg"]


OF_PSD = "a.png: a file of the kind PSD, which is not read; save it as PNG or JPEG first"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        ("nothing", "no such folder"),
        ("empty", "no images in this folder"),
        ("broken", f"none of its images can be read \\(1\\); the first, {OF_PSD}"),
        ("link", "none of its images can be read \\(1\\); the first, a.png: a link to a file that is not there"),
    ],
)
def test_a_folder_without_images_is_a_wrong_call(tmp_path: Path, make: str, why: str) -> None:
    folder = tmp_path / "f"
    if make != "nothing":
        folder.mkdir()
    if make == "broken":
        (folder / "a.png").write_bytes(b"8BPS")
    if make == "link":
        (folder / "a.png").symlink_to("gone")
    with pytest.raises(UsageError, match=rf"^{folder}: {why}($| \()"):
        read_folder(folder)
    if make == "broken":
        with pytest.raises(UsageError, match=f"{OF_PSD}; give another one"):
            read_folder(folder / "a.png")


def test_what_is_left_out_is_counted(photos: Path) -> None:
    (photos / "notes.txt").write_text("no image")
    (photos / "clip.mp4").write_bytes(b"no image")
    assert str(read_folder(photos).left_out).startswith("2 skipped: ")


def test_pipes_beside_photos_are_left_out_unopened(photos: Path) -> None:
    os.mkfifo(photos / "pipe.jpg")
    folder = read_folder(photos)  # opening it would wait for a writer, for ever
    assert [p.name for p in folder.unreadable] == ["pipe.jpg"]
    (photos / "0.jpg").unlink()
    os.mkfifo(photos / "0.jpg")
    assert len(Crops(folder.files, 64, 1.0, "0").batch(0, 20)) == 20
    assert len(Crops(folder.files, 64, 1.0, "").spread(1)) == 1


def test_a_name_that_is_no_utf_8_is_one_among_others(photos: Path) -> None:
    before = read_folder(photos)
    (photos / "0.jpg").rename(photos / os.fsdecode(b"\xff.jpg"))
    after = read_folder(photos)
    assert len(after.files) == 4
    assert after.sha256 != before.sha256
