"""What a file is, by its first bytes, where its suffix does not say so."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from stylize.errors import UsageError
from stylize.io.location import LocalPath, locate
from stylize.tasks.left_out import LeftOut
from stylize.tasks.listing import files_in, some_files_in
from tests.support.image_files import PHOTO, saved
from tests.support.s3 import bucket


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


def test_objects_without_a_suffix_are_looked_at_too_and_others_counted() -> None:
    with bucket() as s3:
        s3.put("p/plain", saved(Image.fromarray(PHOTO), "JPEG"))
        s3.put("p/a.jpg", b"x")
        s3.put("p/empty", b"")
        s3.put("p/@eaDir/b.jpg", b"x")
        s3.put("p/.hidden/c.jpg", b"x")
        s3.put("p/d.psd", b"x")
        left_out = LeftOut()
        root = locate("s3://pictures/p")
        found = [one.uri for one in files_in(root, left_out=left_out)]
        assert found == ["s3://pictures/p/a.jpg", "s3://pictures/p/plain"]
        assert left_out.total == 4
        assert [one.uri for one in files_in(locate("s3://pictures/p/a.jpg"))] == ["s3://pictures/p/a.jpg"]
        assert [one.uri for one in files_in(locate("s3://pictures/p/plain"))] == ["s3://pictures/p/plain"]
        with pytest.raises(UsageError, match=r"p/d\.psd: no image; give an image"):
            list(some_files_in(locate("s3://pictures/p/d.psd")))
        with pytest.raises(UsageError, match=r"has this name; give its folder, and --include '\*\.jpg'"):
            list(some_files_in(locate("s3://pictures/p/*.jpg")))
