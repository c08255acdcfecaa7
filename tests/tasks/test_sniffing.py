"""What a file is, by its first bytes, where its suffix does not say so."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from stylize.errors import UsageError
from stylize.io.location import LocalPath
from stylize.tasks.listing import files_in
from tests.support.image_files import PHOTO, saved


@pytest.mark.parametrize("name", ["photo.psd", "photo.txt", "photo.mov", "photo"])
def test_a_file_given_by_itself_is_an_image_by_its_bytes_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(saved(Image.fromarray(PHOTO), "JPEG"))
    assert [Path(one.uri) for one in files_in(LocalPath(path))] == [path]


@pytest.mark.parametrize(("data", "why"), [(b"8BPS" + bytes(600), "PSD is not read"), (b"text", "no image")])
def test_one_that_is_none_is_refused_by_what_it_is(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "photo.psd"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=f"photo.psd: {why}; give an image"):
        list(files_in(LocalPath(path)))
