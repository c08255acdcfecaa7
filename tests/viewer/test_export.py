"""The page as static files, and the command."""

from __future__ import annotations

import errno
import importlib.util
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from stylize.__main__ import main
from stylize.errors import CannotContinueError, UsageError
from stylize.io.files import write_atomic
from stylize.viewer import export
from stylize.viewer.site import STATIC
from tests.support.samples import ROOT
from tests.support.viewed import viewed_run


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_every_script_of_the_page_is_loaded() -> None:
    page = (STATIC / "index.html").read_text()
    told = "name it in stylize/viewer/static/index.html"
    assert [path.name for path in STATIC.glob("*.js") if f'src="{path.name}"' not in page] == [], told


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_an_export_holds_page_data_and_pictures(out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", str(out), "--export", str(tmp_path / "page")]) == 0
    made = files(tmp_path / "page")
    assert {"index.html", "core.js", "index.js", "v0/columns/ssim.js", "v0/rows/0.js"} <= made
    assert len([name for name in made if name.startswith("v0/picture-result/")]) == 11
    assert not [name for name in made if "photo/" in name]  # they lie outside of OUT
    told = capsys.readouterr().out
    assert f"{len(made) - 1} files" in told  # and the list of what is left out
    assert f"all that is left out: {tmp_path}/page/v0/left-out.txt\n" in told
    assert (tmp_path / "page/v0/left-out.txt").read_text().count("\n") == 5
    assert "left out, as they lie outside of OUT; --trust-paths takes them along: 3 photos, 2 artworks\n" in told
    (lost := next((out / "images").rglob("*.jpg"))).unlink()
    photos = sorted((out.parent / "inputs").glob("photo*.png"))
    photos[0].unlink()
    photos[1].write_bytes(b"")
    assert main(["view", str(out), "--export", str(tmp_path / "page"), "--trust-paths"]) == 0
    told = capsys.readouterr().out
    gone = [("result", lost), ("photo", photos[0]), ("photo", photos[1])]
    assert f"in a bucket that no --trust-store names: 2 photos ({photos[0]}, {photos[1]})\n" in told
    assert f"left out, as the files are not there or cannot be read: 1 result ({lost})\n" in told
    assert (tmp_path / "page/v0/left-out.txt").read_text() == "".join(f"{kind}: {path}\n" for kind, path in gone)
    for picture in (out / "images").rglob("*.jpg"):
        picture.write_bytes(b"")
    assert main(["view", str(out), "--export", str(tmp_path / "page")]) == 1
    assert "the page has none of the results: " in capsys.readouterr().err


def test_photos_and_artworks_are_exported_once_each_where_asked_for(out: Path, tmp_path: Path) -> None:
    main(["view", str(out), "--export", str(tmp_path / "page"), "--trust-paths"])
    made = files(tmp_path / "page")
    assert len([name for name in made if name.startswith("v0/picture-photo/")]) == 3
    assert len([name for name in made if name.startswith("v0/thumb-artwork/")]) == 2


def test_a_row_that_names_no_photo_leaves_none_out(tmp_path: Path) -> None:
    out = viewed_run(tmp_path / "run" / "out", 1, 1, content_uri=None)
    main(["view", str(out), "--export", str(tmp_path / "page")])
    assert (tmp_path / "page/v0/left-out.txt").read_text() == f"artwork: {tmp_path}/run/inputs/art0.png\n"


def test_an_export_that_was_stopped_is_written_by_the_same_command(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(path: Path, data: bytes) -> None:
        if path.name == "index.html":
            raise OSError(errno.ENOSPC, "No space left on device")
        write_atomic(path, data)

    command = ["view", str(out), "--export", str(tmp_path / "page")]
    with monkeypatch.context() as patched:
        patched.setattr(export, "write_atomic", write)
        with pytest.raises(CannotContinueError, match=r"free space, then run the same command again$"):
            main(command)
    (tmp_path / "page" / "v0" / "of-before.js").write_text("")
    assert main(command) == 0
    assert not {".unfinished-export", "v0/of-before.js"} & files(tmp_path / "page")


def test_an_export_is_written_over_an_earlier_one_and_nothing_else(out: Path, tmp_path: Path) -> None:
    page = tmp_path / "page"
    main(["view", str(out), "--export", str(page), "--trust-paths"])
    (page / "v2-notes").mkdir()
    main(["view", str(out), "--export", str(page)])
    assert (page / "v2-notes").is_dir()
    assert not [name for name in files(page) if "photo/" in name]
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "index.html").write_text("mine")
    with pytest.raises(UsageError, match=r"--export: .* or that of an earlier export"):
        main(["view", str(out), "--export", str(tmp_path / "own")])
    assert files(tmp_path / "own") == {"index.html"}


@pytest.mark.parametrize(
    "words",
    [[], ["nosuch"], ["OUT", "--port", "70000"], ["OUT", "--export", "OUT"], ["OUT", "--export", "NEW", "--port", "0"]],
)
def test_a_wrong_call_is_one_line(out: Path, words: list[str]) -> None:
    with pytest.raises(UsageError) as refused:
        main(["view", *(word.replace("OUT", str(out)) for word in words)])
    assert len(str(refused.value).splitlines()) == 1


def test_a_missing_package_is_named(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name))
    with pytest.raises(UsageError, match=r"pip install 'stylize\[view\]'"):
        main(["view", str(out)])


def test_the_command_serves_until_it_is_interrupted(out: Path) -> None:
    command = [sys.executable, "-m", "stylize", "view", str(out), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said = [process.stdout.readline() for _ in range(3)]
            url = said[0].split(": ", 1)[1].strip()
            assert url.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(url) as answer:
                assert b"<main" in answer.read()
            os.kill(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=600)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert errors == ""
    assert "--trust-paths" in said[1]
