"""The Python that README.md and docs/rows.md print runs as printed."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

import stylize
from stylize import images
from stylize.errors import UsageError
from stylize.stylizers import find
from tests.support.samples import ROOT, finished_run, picture
from tests.support.worker_here import working_here

BLOCKS = {
    name: re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    for name in ("README.md", "docs/rows.md")
}
QUERIES = [block for blocks in BLOCKS.values() for block in blocks if "read_parquet" in block]


def test_there_are_three_queries() -> None:
    assert len(QUERIES) == 3


def answer(query: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run it as a program of its own would be, but without a process."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(query, {"__name__": "__main__"})
    printed = capsys.readouterr().out
    assert "sea" in printed
    assert "Empty" not in printed


def test_pandas_queries_run_as_printed(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders[0] / "day" / "broken.jpg").write_bytes(b"")
    finished_run(*folders, tmp_path / "demo" / "out")
    monkeypatch.chdir(tmp_path)
    for query in QUERIES:
        answer(query, capsys)


def test_they_answer_where_there_are_no_subfolders_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, name in enumerate(("photos/a.jpg", "photos/b.jpg", "artworks/sea.jpg")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(images.encode(picture(seed), "jpg", 95))
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"")
    finished_run(tmp_path / "photos", tmp_path / "artworks", tmp_path / "demo" / "out")
    monkeypatch.chdir(tmp_path)
    for query in QUERIES:
        answer(query, capsys)


def test_the_picture_shown_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = [block for block in BLOCKS["README.md"] if "stylize.load()" in block]
    for seed, name in enumerate(("photo.jpg", "artwork.jpg")):
        (tmp_path / name).write_bytes(images.encode(picture(seed), "jpg", 95))
    monkeypatch.chdir(tmp_path)
    exec(code, {"__name__": "__main__"})
    assert images.decode((tmp_path / "result.jpg").read_bytes()).pixels.shape == picture(0).shape


def test_the_folders_shown_are_restyled(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = [block for block in BLOCKS["README.md"] if "stylize_folder.run" in block]
    for folder, name in zip(folders, ("photos", "artworks"), strict=True):
        folder.rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with working_here():  # Ray does it in tests/jobs
        exec(code, names)
    assert names["result"].counts == {"ok": 8}
    assert len(names["rows"]) == 8


def test_the_stylizer_shown_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = [block for block in BLOCKS["README.md"] if "STYLIZER" in block]
    (tmp_path / "my_module.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    assert find("my_module:Negative").name == "negative"
    restyle = stylize.load("my_module:Negative")
    result = restyle(picture(1), picture(2) * 0 + 255)
    assert abs(result.astype(int) - (255 - picture(1).astype(int))).max() <= 1
    with pytest.raises(UsageError, match="Positive"):
        find("my_module:Positive")
