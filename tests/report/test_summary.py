"""Tables, Markdown and the sheet of a small run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stylize import images
from stylize.report import analysis, summary
from stylize.report.page.sheet import _paste, write_sheet
from stylize.report.settings import COLUMNS
from stylize.report.units import DASH
from stylize.results.schema import SCORED
from tests.support.made_rows import row, rows
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
    assert by_type == {"day": ("4", "2"), "night": ("4", "0")}


def frame_of(number: int, **columns: list[Any]) -> pd.DataFrame:
    """So many rows, ok and of one method, with these columns."""
    nothing: dict[str, list[Any]] = {name: [None] * number for name in summary._COLUMNS + COLUMNS}
    plain = {"status": ["ok"] * number, "stylizer": ["x"] * number, "precision": ["fp32"] * number}
    return pd.DataFrame(nothing | plain | columns)


def test_warmup_is_left_out_of_times() -> None:
    (method, *_) = summary.tables(frame_of(3, warmup=[True, False, False], stylize_s=[100.0, 1.0, 3.0]))
    assert method.rows[0][3] == "2 s"


def test_no_rows_make_no_tables() -> None:
    assert summary.tables(rows([row(1)])[:0]) == []


def test_times_have_three_digits_also_on_a_fast_card() -> None:
    (method, *_) = summary.tables(frame_of(2, stylize_s=[0.00092, 0.00094], total_s=[1.234, 1.234]))
    assert method.rows[0][3:6] == ("0.93 ms", "0.939 ms", "1.23 s")


def test_the_whole_time_of_an_isolated_image_is_without_what_was_called_to_measure_it() -> None:
    stages = {"read_s": [0.1] * 3, "stylize_s": [1.0] * 3, "write_s": [0.2] * 3, "total_s": [3.5] * 3}
    for mode, whole in (("isolated", "1.3 s"), ("throughput", "3.5 s")):
        (method, *_) = summary.tables(frame_of(3, measure_mode=[mode] * 3, **stages))
        assert method.rows[0][5] == whole
    (method, *_) = summary.tables(frame_of(3, measure_mode=["isolated"] * 3, total_s=[3.5] * 3))
    assert method.rows[0][5] == DASH  # of no stage a time is known
    (line,) = analysis.measures(rows(row(n, total_s=9.0) for n in range(3))).itertuples()
    assert line.total_p50_s == pytest.approx(0.001 + 0.01 + 0.1 + 0.01 + 0.005 + 0.002)


def test_times_on_other_numbers_of_threads_are_never_averaged() -> None:
    frame = frame_of(4, stylize_s=[2.0, 0.5, 0.1, None], device_name=["EPYC", "EPYC", "H100", None])
    frame = frame.assign(device=["cpu", "cpu", "cuda:0", None], threads=[1, 2, 16, None], status=["ok"] * 3 + ["oom"])
    methods = summary.tables(frame)[0].rows
    assert {row[0]: row[3] for row in methods} == {
        "x fp32, EPYC, 1 thread": "2 s", "x fp32, EPYC, 2 threads": "500 ms", "x fp32, H100": "100 ms",
        "x fp32, ?": "-",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("column", "values"), [("measure_mode", ["throughput", "isolated"]), ("device_name", ["NVIDIA L4", "NVIDIA H100"])]
)
def test_times_measured_otherwise_are_never_averaged(column: str, values: list[str]) -> None:
    methods, types, _ = summary.tables(frame_of(2, stylize_s=[2.0, 0.5], **{column: values}))
    assert {row[0]: row[3] for row in methods.rows} == {
        f"x fp32, {values[0]}": "2 s",
        f"x fp32, {values[1]}": "500 ms",
    }
    assert len(types.rows) == 2


def test_sizes_of_methods_beside_each_other_are_told_where_they_differ() -> None:
    frame = frame_of(3, stylizer=["x", "y", "tool"], measure_mode=["isolated", "isolated", SCORED])
    for sizes, names in (
        ([512, 1024, 300], ["tool", "x fp32, 512 px", "y fp32, 1024 px"]),
        ([512, 512, 300], ["tool", "x fp32", "y fp32"]),
    ):
        (by_method, *_) = summary.tables(frame.assign(resolution_px=sizes))
        assert [row[0] for row in by_method.rows] == names


def test_markdown_says_the_failures_and_no_name_breaks_its_tables(out: Path) -> None:
    frame = summary.load(out).assign(content_type="a|b<script>\nc")
    text = summary.markdown(frame, "Summary", summary.tables(frame))
    assert "2 corrupt" in text
    assert "<script>" not in text
    lines = [line for line in text.splitlines() if "a\\|b" in line]
    assert len(lines) == 1


def test_transparency_that_jpeg_leaves_out_is_told() -> None:
    frame = frame_of(4, opaque=[True, None, False, True], status=["ok", "ok", "ok", "oom"])
    told = "Transparency is left out of 1 result, as JPEG has none: png and webp keep it."
    assert summary.remarks(frame) == (told,)
    assert told in summary.markdown(frame, "Summary", summary.tables(frame)).splitlines()
    assert summary.remarks(frame.assign(opaque=None)) == ()


def test_why_there_is_no_time_is_told_where_all_images_are_warm_up() -> None:
    all_first = frame_of(2, warmup=[True, True])
    (told,) = summary.remarks(all_first)
    assert told.startswith("No time is shown, as each image is a worker's first")
    for changes in ({"warmup": [True, False]}, {"measure_mode": "scored"}, {"status": "oom"}):
        assert summary.remarks(all_first.assign(**changes)) == ()


def test_many_styles_are_cut_short_and_said_so() -> None:
    styles = summary.tables(frame_of(40, style_uri=[f"/s/{n}.jpg" for n in range(40)]))[-1]
    assert styles.rows[-1][0] == "... and 25 more"


def test_sheet_shows_photos_and_artworks(out: Path, tmp_path: Path) -> None:
    path = write_sheet(out, tmp_path / "sheet.jpg")
    assert path is not None
    with Image.open(path) as sheet:
        assert sheet.width == 6 + 3 * 246
        assert sheet.height == 6 + 5 * 186


def test_a_cell_of_a_sheet_has_the_whole_photo_and_as_much_as_there_is_of_a_cut_one(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (120, 60, 3)).astype(np.uint8)
    photo = tmp_path / "portrait.jpg"
    photo.write_bytes(images.encode(pixels, "jpg", 95)[:-3000])
    sheet = Image.new("RGB", (252, 192), "white")
    _paste(sheet, str(photo), 0, 0)
    drawn = np.asarray(sheet).min(axis=2) < 250
    assert (drawn.any(axis=1).sum(), drawn.any(axis=0).sum()) == (180, 90)
    photo.write_bytes(images.encode(np.zeros((1, 960, 3), np.uint8), "jpg", 95))
    _paste(sheet := Image.new("RGB", (252, 192), "white"), str(photo), 0, 0)
    assert (np.asarray(sheet)[..., 0] < 50).sum() == 240


def test_no_sheet_of_a_run_without_results(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for path in folders[0].rglob("*.*"):
        path.write_bytes(b"")
    finished_run(*folders, tmp_path / "out")
    assert write_sheet(tmp_path / "out", tmp_path / "sheet.jpg") is None


def test_every_setting_that_differs_tells_results_apart_in_every_table(out: Path, folders: tuple[Path, Path]) -> None:
    (by_method, by_type, _) = summary.tables(summary.load(out))
    assert [row[0] for row in by_method.rows] == ["identity fp32"]
    assert by_type.header[:2] == ("content type", "ok")

    finished_run(*folders, out, quality=80)
    finished_run(*folders, out, quality=80, resolution_px=32)
    frame = summary.load(out)
    by_method, by_type, by_style = summary.tables(frame)
    assert [row[:2] for row in by_method.rows] == [
        ("identity fp32 (quality=80), 32 px", "8"),
        ("identity fp32 (quality=80), own size", "8"),
        ("identity fp32 (quality=95), own size", "8"),
    ]
    assert by_type.header[:3] == ("content type", "method", "ok")
    assert [row[2] for row in by_type.rows] == ["4"] * 6
    assert [row[2] for row in by_style.rows] == ["4"] * 6
    assert "| content type | method |" in summary.markdown(frame, "Summary", summary.tables(frame))


def test_a_lost_workers_row_stands_with_those_of_its_settings() -> None:
    asked: list[dict[str, Any]] = [{"stylizer": "x", "seed": seed, "settings": {}} for seed in (1, 2)]
    whole = [one | {"stylizer_settings": {"alpha": 1.0}, "weights_files": {}} for one in asked]
    (by_method, *_) = summary.tables(frame_of(3, settings_json=list(map(json.dumps, [*whole, asked[0]]))))
    assert [row[:2] for row in by_method.rows] == [("x fp32 (seed=1)", "2"), ("x fp32 (seed=2)", "1")]


def test_weights_tell_results_apart_unless_they_are_the_artworks() -> None:
    artworks = frame_of(2, weights_sha256=["aaaaaaaaaa", "bbbbbbbbbb"], style_sha256=["aaaaaaaaaa", "bbbbbbbbbb"])
    assert [row[0] for row in summary.tables(artworks)[0].rows] == ["x fp32"]
    others = artworks.assign(style_sha256="cccccccccc")
    assert [row[0] for row in summary.tables(others)[0].rows] == [
        "x fp32 (weights=aaaaaaaa)",
        "x fp32 (weights=bbbbbbbb)",
    ]
