"""Tables, Markdown and the sheet of a small run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from stylize.report import summary
from stylize.report.sheet import write_sheet
from tests.support.samples import finished_run


@pytest.fixture
def out(folders: tuple[Path, Path], tmp_path: Path) -> Path:
    (folders[0] / "day" / "broken.jpg").write_bytes(b"")
    finished_run(*folders, tmp_path / "out")
    return tmp_path / "out"


def test_counts_say_what_is_not_ok(out: Path) -> None:
    frame = summary.load(out)
    assert summary.failures(frame) == {"corrupt": 2}
    by_type = {row[0]: row[1:3] for row in summary.tables(frame)[1].rows}
    assert by_type == {"day": ("6", "2"), "night": ("4", "0")}


def test_warmup_is_left_out_of_times() -> None:
    rows = {"status": ["ok"] * 3, "warmup": [True, False, False], "stylize_s": [100.0, 1.0, 3.0]}
    columns: dict[str, list[object]] = {name: [None] * 3 for name in summary._COLUMNS}
    frame = pd.DataFrame(columns | rows | {"stylizer": ["x"] * 3, "precision": ["fp32"] * 3})
    (method, *_) = summary.tables(frame)
    assert method.rows[0][3] == "2000 ms"


def test_markdown_says_the_failures_and_no_name_breaks_its_tables(out: Path) -> None:
    frame = summary.load(out).assign(content_type="a|b<script>\nc")
    text = summary.markdown(frame, "Summary")
    assert "2 corrupt" in text
    assert "<script>" not in text
    lines = [line for line in text.splitlines() if "a\\|b" in line]
    assert len(lines) == 1


def test_many_styles_are_cut_short_and_said_so() -> None:
    columns: dict[str, list[object]] = {name: [None] * 40 for name in summary._COLUMNS}
    columns |= {"status": ["ok"] * 40, "style_uri": [f"/s/{n}.jpg" for n in range(40)]}
    styles = summary.tables(pd.DataFrame(columns))[-1]
    assert styles.rows[-1][0] == "... and 25 more"


def test_sheet_shows_photos_and_artworks(out: Path, tmp_path: Path) -> None:
    path = write_sheet(out, tmp_path / "sheet.jpg")
    assert path is not None
    with Image.open(path) as sheet:
        assert sheet.width == 6 + 3 * 246
        assert sheet.height == 6 + 5 * 186


def test_no_sheet_of_a_run_without_results(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for path in folders[0].rglob("*.*"):
        path.write_bytes(b"")
    finished_run(*folders, tmp_path / "out")
    assert write_sheet(tmp_path / "out", tmp_path / "sheet.jpg") is None
