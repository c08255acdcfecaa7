"""The files of a report."""

from __future__ import annotations

from pathlib import Path

from stylize.report.evidence import pick
from stylize.report.frame import load
from stylize.report.page import page, pictures
from tests.support.made_rows import of_sweep, written


def test_the_page_holds_nothing_that_a_terminal_or_a_line_of_text_obeys() -> None:
    evil = "a\x1b[31m\u202eb\x07"
    cell = [pictures.Picture(evil, evil, "data:,", 1, 1)]
    shown = pictures.Grid([evil], [pictures.Line(evil, [cell])], evil)
    option = pick.Option(evil, evil, 1, 1, {"ssim": 1.0}, 1.0)
    section = page.Section(evil, "at-1", [evil], [], [])
    made = page.html(
        page.Report(
            evil, [evil], [evil], [], [], [section], "at-1", pick.Choice([option], ["ssim"]), shown,
            [page.Run(evil, [(evil, evil)])],
        )
    )  # fmt: skip
    assert "a\\x1b[31m\\u202eb\\x07" in made
    assert not set("\x1b\u202e\x07") & set(made)


def test_an_older_reports_plots_and_pictures_are_taken_away(tmp_path: Path) -> None:
    for folder, name in (("plots", "time-7.svg"), ("pictures", "0.jpg")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("<svg/>")
    out = written(tmp_path / "out", [of_sweep(px, "compact", "fp32", px) for px in (300, 600)])
    page.write(page.build(load([out]), [out], title="t", claims=[], most_pictures=0), tmp_path)
    assert not (tmp_path / "plots" / "time-7.svg").exists()
    assert not (tmp_path / "pictures" / "0.jpg").exists()
    assert (tmp_path / "plots" / "time.svg").exists()
