"""A page of names that a terminal would obey."""

from __future__ import annotations

from stylize.report.evidence import pick
from stylize.report.page import page, pictures


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
