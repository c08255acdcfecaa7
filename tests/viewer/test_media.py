"""What the viewer reads, keeps and shows of what rows name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stylize import images
from stylize.results.schema import to_batch
from stylize.results.store import RowStore
from stylize.viewer.media import prune
from stylize.viewer.server import Viewer
from stylize.viewer.table import _shown
from tests.support.made_rows import row
from tests.support.samples import picture


def test_nothing_is_fetched_from_a_bucket_that_only_rows_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def read(where: object, look: object = None) -> bytes:
        asked.append(str(where))
        return images.encode(picture(3), "png", 95)

    monkeypatch.setattr("stylize.viewer.media.read_bytes", read)
    uris = {"content_uri": "s3://theirs/a.png", "style_uri": "gs://ours/b.png"}
    with RowStore.open(tmp_path / "out") as store:
        store.add(to_batch([row(0) | uris]))
    viewer = Viewer({tmp_path / "out": str(tmp_path / "out")}, tmp_path / "c", trusted=True, stores=["gs://ours"])
    shown = [viewer.site.get(f"{viewer.site.base}picture-{kind}/0.jpg") for kind in ("photo", "artwork")]
    assert [one is not None for one in shown] == [False, True]
    assert set(asked) == {"gs://ours/b.png"}


def test_a_text_is_shown_up_to_a_length_and_turns_nothing_around() -> None:
    shown = _shown("\u202e" + "x" * 5000)
    assert shown.isprintable()
    assert shown.endswith("x...")
    assert len(shown) < 2100


def test_of_too_many_thumbnails_the_oldest_go(tmp_path: Path) -> None:
    for number, name in enumerate(("c.jpg", "a.jpg", "b.jpg", "of somebody.txt")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (number, number))
    prune(tmp_path, 2)
    assert {path.name for path in tmp_path.iterdir()} == {"a.jpg", "b.jpg", "of somebody.txt"}
    prune(tmp_path, 2)
    prune(tmp_path / "nowhere")
    assert len(list(tmp_path.iterdir())) == 3
