"""The artworks that ship are what the code draws; the demo photos are the wheel's own bytes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize.errors import CannotContinueError, StylizeError
from stylize.gallery import photos, styles_folder, write_demo_photos
from tools.draw_styles.__main__ import STYLES, drawn, main


@pytest.mark.parametrize("name", STYLES)
def test_shipped_image_is_what_the_code_draws(name: str) -> None:
    with Image.open(BytesIO(drawn(name))) as new, Image.open(styles_folder() / name) as shipped:
        assert new.mode == shipped.mode == "RGB"
        assert new.size == shipped.size == (640, 512)
        apart = np.abs(np.asarray(new, np.float32) - np.asarray(shipped, np.float32))
    # Through the same JPEG settings; the rest is room for other builds of numpy, pillow and libjpeg.
    assert apart.mean() < 3


def test_shipped_folder_holds_the_known_images_and_is_small() -> None:
    files = {path.relative_to(styles_folder()).as_posix(): path for path in styles_folder().rglob("*.*")}
    assert set(files) == set(STYLES)
    assert sum(path.stat().st_size for path in files.values()) < 1_500_000


def test_every_artwork_is_written_or_a_line_says_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in STYLES:
        monkeypatch.setitem(STYLES, name, lambda rng: np.zeros((512, 640, 3)))
    assert main([str(tmp_path / "out")]) == 0
    assert {path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.rglob("*.jpg")} == set(STYLES)
    (tmp_path / "file").touch()
    with pytest.raises(CannotContinueError, match="file is no folder"):
        main([str(tmp_path / "file")])


def test_demo_photos_are_at_least_eight_readable_images_of_four_types(tmp_path: Path) -> None:
    written = write_demo_photos(tmp_path)
    assert written == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert len(written) >= 8
    assert len({path.parent for path in written}) >= 4
    for path in written:
        with Image.open(path) as photo:
            photo.load()
            assert min(photo.size) >= 256


def test_photos_written_twice_keep_their_time_but_a_changed_one_is_restored(tmp_path: Path) -> None:
    first = write_demo_photos(tmp_path)
    good = first[0].read_bytes()
    first[0].write_bytes(b"spoiled")
    before = {path: path.stat().st_mtime_ns for path in first}
    assert write_demo_photos(tmp_path) == first
    assert first[0].read_bytes() == good
    assert all(path.stat().st_mtime_ns == before[path] for path in first[1:])


def test_missing_photo_is_named_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(photos.PHOTOS, "people/nobody.png", "nobody.png")
    with pytest.raises(StylizeError, match=r"nobody\.png"):
        write_demo_photos(tmp_path / "out")
    assert not (tmp_path / "out").exists()
