"""Rows of runs as the viewer's page asks for them."""

from __future__ import annotations

from pathlib import Path

from stylize.viewer.table import Table
from tests.support.made_rows import row, written


def test_photos_of_one_name_are_told_apart_by_more_of_their_paths_and_never_by_less(tmp_path: Path) -> None:
    photos = ["/p/2024/IMG_1.JPG", "/p/2024/IMG_1.jpg", "/p/2023/IMG_1.JPG", "/q/IMG_2.jpg", "/p/IMG_2.jpg"]
    names = ["2024/IMG_1", "2024/IMG_1", "2023/IMG_1", "IMG_2", "IMG_2"]
    made = [
        row(n, content_uri=uri, photo=name, content_sha256=f"{n:064}")
        for n, (uri, name) in enumerate(zip(photos, names, strict=True))
    ]
    table = Table({written(tmp_path / "out", made): "out"})
    told = [table.value("photo", n) for n in range(len(photos))]
    assert told == ["2024/IMG_1.JPG", "2024/IMG_1.jpg", "2023/IMG_1", "q/IMG_2", "p/IMG_2"]
