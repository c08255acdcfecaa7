"""Weights of an object store, copied to this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stylize.errors import CannotContinueError, UsageError
from stylize.io import object_store, weights_cache
from stylize.io.files import at_hand
from stylize.io.object_store import ObjectInfo
from tests.support.s3 import Bucket


def test_a_user_without_a_home_is_told_of_a_folder_for_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: Path("~nobody at all").expanduser())
    with pytest.raises(UsageError, match="set XDG_CACHE_HOME"):
        weights_cache.cache_folder("thumbnails")


def test_weights_are_copied_once_and_again_when_they_change(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    s3.put("w/a.pth", b"1")
    s3.put("w/deep/b.pth", b"2")
    stale, young = (tmp_path / "stylize" / name for name in (".tmp-stale", ".tmp-young"))  # of killed runs
    for begun in (stale, young):
        (begun / "copy").mkdir(parents=True)
    os.utime(stale, (0, 0))
    folder = at_hand("s3://pictures/w/")
    assert (folder.name, (folder / "a.pth").read_bytes(), (folder / "deep/b.pth").read_bytes()) == ("w", b"1", b"2")
    s3.s3.requests = 0
    assert at_hand("s3://pictures/w") == folder
    assert (stale.exists(), young.exists()) == (False, True)
    assert s3.s3.requests == 2  # to see that nothing changed
    s3.put("w/a.pth", b"3")
    assert (at_hand("s3://pictures/w") / "a.pth").read_bytes() == b"3"
    assert at_hand("s3://pictures/w/a.pth").read_bytes() == b"3"
    with pytest.raises(UsageError, match="s3://pictures/none: there is no such file, nor a folder with weights"):
        at_hand("s3://pictures/none")
    assert at_hand(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("single", [True, False])
def test_weights_that_change_while_they_are_copied_are_not_kept_as_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, single: bool
) -> None:
    now = [b"old"]

    def listed(where: object) -> ObjectInfo:
        return ObjectInfo("a.pth", len(now[0]), now[0].decode())

    def fetch(where: object, path: Path) -> None:
        now[0] = b"newer"
        path.write_bytes(now[0])

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(object_store, "head", lambda where: listed(where) if single else None)
    monkeypatch.setattr(object_store, "names", lambda where: iter([listed(where)]))
    monkeypatch.setattr(object_store, "fetch", fetch)
    with pytest.raises(CannotContinueError, match=r"^s3://b/w changed while it was copied: run the same"):
        at_hand("s3://b/w")
    assert list((tmp_path / "stylize").iterdir()) == []
    kept = at_hand("s3://b/w")
    assert (kept if single else kept / "a.pth").read_bytes() == b"newer"


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
