"""The files of a report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from stylize.report.evidence import pick
from stylize.report.frame import load
from stylize.report.page import page, pictures
from tests.support.made_rows import of_sweep, written


def test_the_page_holds_nothing_that_a_terminal_or_a_line_of_text_obeys() -> None:
    evil = "a\x1b[31m\u202eb\x07"
    cell = [pictures.Picture(evil, evil, "data:,", 1, 1)]
    shown = pictures.Grid([evil], [pictures.Line(evil, [cell])], evil)
    option = pick.Option(evil, evil, 1, 1, {"ssim": 1.0}, 1.0)
    block = page.Block(evil, "at-1", [evil], [], [])
    made = page.html(
        page.Report(
            evil, [evil], [evil], [], [], [block], "at-1", pick.Choice([option], ["ssim"]), shown,
            [page.Run(evil, [(evil, evil)])],
        )
    )  # fmt: skip
    assert "a\\x1b[31m\\u202eb\\x07" in made
    assert not set("\x1b\u202e\x07") & set(made)


def test_the_folder_holds_all_the_files_and_the_tables_read_back(report: Path) -> None:
    names = {str(path.relative_to(report)) for path in report.rglob("*") if path.is_file()}
    plots = {f"plots/{name}-{px}.svg" for name in ("tradeoff", "stages", "workers") for px in (300, 600, 1200)}
    pictures = {name for name in names if name.startswith("pictures/")}
    assert names - pictures == plots | {
        "plots/time.svg", "plots/memory.svg", "index.html", "summary.md", "tables.parquet",
    }  # fmt: skip
    assert len(pictures) == 1 + 1  # of one pair, as a second would be too many: the photo, and the result of all rows
    tables = pd.read_parquet(report / "tables.parquet")
    assert {"measures", "growth", "precision", "workers", "stages", "failures", "by_content_type"} <= set(
        tables["table"]
    )
    measured = tables[tables["table"] == "measures"]
    assert measured["stylize_p50_s"].notna().sum() == 24
    growth = tables[tables["table"] == "growth"]
    assert growth["memory_exponent"].tolist() == pytest.approx([1] * 4, abs=1e-3)


def test_the_markdown_is_free_of_markup_from_names_and_points_at_the_plots(report: Path) -> None:
    text = (report / "summary.md").read_text()
    assert "<script>" not in text
    assert "![" in text
    assert "(plots/time.svg)" in text
    for table in text.split("\n\n"):
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert len({line.replace("\\|", "").count("|") for line in rows}) <= 1


def test_an_older_reports_plots_and_pictures_are_taken_away(tmp_path: Path) -> None:
    for folder, name in (("plots", "time-7.svg"), ("pictures", "0.jpg")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("<svg/>")
    out = written(tmp_path / "out", [of_sweep(px, "compact", "fp32", px) for px in (300, 600)])
    page.write(page.build(load([out]), [out], title="t", claims=[], most_pictures=0), tmp_path)
    assert not (tmp_path / "plots" / "time-7.svg").exists()
    assert not (tmp_path / "pictures" / "0.jpg").exists()
    assert (tmp_path / "plots" / "time.svg").exists()


def test_pictures_are_no_more_than_asked(report: Path) -> None:
    rows = load([report.parent / "out"])
    assert 0 < len(pictures.grid(rows, 8).pictures) <= 8
    assert pictures.grid(rows, 0).lines == []


def test_one_result_says_its_time_and_ssim(report: Path) -> None:
    text = (report / "index.html").read_text()
    assert "ms, SSIM 0." in text
