"""Weights of an object store, copied to this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stylize.errors import CannotContinueError, UsageError
from stylize.io import weights_cache
from stylize.io.files import at_hand
from tests.support.s3 import Bucket, bucket


@pytest.fixture
def s3() -> Iterator[Bucket]:
    with bucket() as made:
        yield made


def test_weights_are_copied_once_and_again_when_they_change(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    s3.put("w/a.pth", b"1")
    s3.put("w/deep/b.pth", b"2")
    folder = at_hand("s3://pictures/w/")
    assert (folder.name, (folder / "a.pth").read_bytes(), (folder / "deep/b.pth").read_bytes()) == ("w", b"1", b"2")
    s3.s3.requests = 0
    assert at_hand("s3://pictures/w") == folder
    assert s3.s3.requests == 2  # to see that nothing changed
    s3.put("w/a.pth", b"3")
    assert (at_hand("s3://pictures/w") / "a.pth").read_bytes() == b"3"
    assert at_hand("s3://pictures/w/a.pth").read_bytes() == b"3"
    with pytest.raises(UsageError, match="s3://pictures/none: there is no such file, nor a folder with weights"):
        at_hand("s3://pictures/none")
    assert at_hand(str(tmp_path)) == tmp_path


def test_of_a_folder_of_weights_only_weights_are_copied_and_not_any_number(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(weights_cache, "MOST_FILES", 2)
    for name in ("a.pth", "b.SAFETENSORS", "photo.jpg", "readme.md"):
        s3.put(f"w/{name}", b"1")
    assert {path.name for path in at_hand("s3://pictures/w").iterdir()} == {"a.pth", "b.SAFETENSORS"}
    s3.put("w/c.ckpt", b"1")
    with pytest.raises(UsageError, match="more than 2 weights files"):
        at_hand("s3://pictures/w")


def test_weights_that_cannot_be_had_for_now_end_the_run_and_are_no_wrong_call(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    uri = s3.put("w/a.pth", b"1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(CannotContinueError, match=r"no copy of s3://pictures/w/a\.pth can be kept .*file"):
        at_hand(uri)
    s3.s3.faults = [403]
    with pytest.raises(UsageError, match="check the credentials"):
        at_hand(uri)
    s3.s3.failing = "/"
    with pytest.raises(CannotContinueError, match="could not be read, although tried again"):
        at_hand(uri)
