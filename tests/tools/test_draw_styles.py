"""The shipped style images are what the code draws; the demo photos are the wheel's own bytes."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize import cli
from stylize.errors import StylizeError
from stylize.gallery import photos, styles_folder, write_demo_photos
from tools.draw_styles import NAMES, draw, style_path
from tools.draw_styles.__main__ import JPEG, main


@pytest.mark.parametrize("name", NAMES)
def test_shipped_image_is_what_the_code_draws(name: str) -> None:
    packed = BytesIO()
    draw(name).save(packed, "JPEG", **JPEG)
    with Image.open(packed) as drawn, Image.open(styles_folder() / style_path(name)) as shipped:
        assert drawn.mode == shipped.mode == "RGB"
        assert drawn.size == shipped.size == (640, 512)
        apart = np.abs(np.asarray(drawn, np.float32) - np.asarray(shipped, np.float32))
    # Through the same JPEG settings; the rest is room for other builds of numpy, pillow and libjpeg.
    assert apart.mean() < 3


def test_shipped_folder_holds_the_known_images_and_is_small() -> None:
    files = {path.relative_to(styles_folder()) for path in styles_folder().rglob("*") if path.is_file()}
    assert files == {style_path(name) for name in NAMES}
    assert sum((styles_folder() / path).stat().st_size for path in files) < 1_500_000


def test_same_seed_gives_the_same_image_and_another_seed_another() -> None:
    first = draw("great_waves", 3).tobytes()
    assert draw("great_waves", 3).tobytes() == first
    assert draw("great_waves", 4).tobytes() != first


def test_unknown_style_error_names_the_known_ones() -> None:
    with pytest.raises(StylizeError, match="great_waves"):
        draw("mona_lisa")


def test_command_without_a_folder_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == cli.EXIT_USAGE
    assert "OUT" in capsys.readouterr().err


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


def test_missing_scikit_image_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(photos, "find_spec", nothing)
    with pytest.raises(StylizeError, match="pip install scikit-image"):
        write_demo_photos(tmp_path)
