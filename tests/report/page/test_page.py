"""A report's files, and its page in a real browser: what a reader sees, clicks and prints."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stylize.report.evidence import pick, votes
from stylize.report.evidence.cells import by_size
from stylize.report.frame import load
from stylize.report.page import page, pictures
from tests.support.browser import Tabs
from tests.support.made_rows import EVIL, of_sweep, written


@pytest.fixture
def opened(browser: Tabs, report: Path) -> Iterator[Any]:
    """A function that opens the page, or another report's; fails the test on anything the console says."""
    browser.may_ask = lambda url: url.startswith(("file:", "data:"))

    def open_page(folder: Path = report, **options: Any) -> Any:
        tab = browser.open(**options)
        tab.goto((folder / "index.html").as_uri())
        return tab

    yield open_page
    assert browser.closed() == []


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


def test_pictures_are_no_more_than_asked(report: Path) -> None:
    rows = load([report.parent / "out"])
    assert 0 < len(pictures.grid(rows, 8).pictures) <= 8
    assert pictures.grid(rows, 0).lines == []


def test_the_page_says_a_results_time_and_ssim_and_of_what_each_heading_is(report: Path) -> None:
    text = (report / "index.html").read_text()
    assert "ms, SSIM 0." in text
    assert 'aria-label="Claims"' in text
    tables = re.findall('<a href="#([^"]+)">The numbers</a></figcaption>', text)
    assert [len(tables), *(f'id="{one}"' in text for one in tables)] == [2 + 3 * 3, *[True] * len(tables)]
    assert re.findall(r"<th(?!ead\b| scope=)[^>]*>", text) == []


@pytest.mark.parametrize("names", ["a", "ab"])
def test_which_method_is_asked_where_there_are_several(names: str) -> None:
    options = [pick.Option("", name, side, 9, {"time": 1.0}, 1.0) for name in names for side in (300, 600)]
    choice, grid = pick.Choice(options, ["time"]), pictures.NOTHING
    text = page.html(page.Report("x", [], [], [], [], [], "", choice, grid, []))
    assert text.count("Which method?</") == (0 if names == "a" else 2)


def test_names_cannot_inject_markup(opened: Any) -> None:
    tab = opened()
    assert tab.title() == f"Title {EVIL}"
    assert tab.locator("h1").inner_text() == f"Title {EVIL}"
    assert tab.locator("img[onerror]").count() == 0
    assert tab.locator("script").count() == 1


def test_every_picture_and_plot_loads(opened: Any) -> None:
    tab = opened()
    small = "[...document.querySelectorAll('img:not(.full)')]"
    widths = tab.evaluate(small + ".map((image) => image.complete ? image.naturalWidth : 0)")
    assert len(widths) > 10
    assert all(width > 0 for width in widths)
    assert tab.locator(".plot").count() == 2 + 3 * 3


def test_a_click_sorts_by_number_and_back_and_what_was_not_measured_stays_last(opened: Any) -> None:
    tab = opened()
    heads = tab.locator("#at-600-measures-table th")
    names = heads.all_inner_texts()
    column = names.index("stylize p50")
    cells = f"#at-600-measures-table tbody tr td:nth-child({column + 1})"

    def values() -> list[str]:
        found: list[str] = tab.evaluate(f"[...document.querySelectorAll({cells!r})].map((cell) => cell.dataset.sort)")
        return found

    heads.nth(column).locator("button").click()
    up = values()
    assert up[-1] == ""
    assert [float(one) for one in up[:-1]] == sorted(float(one) for one in up[:-1])
    assert heads.nth(column).get_attribute("aria-sort") == "ascending"
    heads.nth(column).locator("button").click()
    down = values()
    assert down[-1] == ""
    assert [float(one) for one in down[:-1]] == sorted((float(one) for one in up[:-1]), reverse=True)


def test_a_click_enlarges_a_picture_and_escape_closes_it(opened: Any) -> None:
    tab = opened(viewport={"width": 1200, "height": 300})
    picture = tab.locator("figure.picture:visible").nth(3)
    small = picture.locator("img").first.bounding_box()["width"]
    picture.locator("a.open").click()
    assert picture.locator("img").first.bounding_box()["width"] > 3 * small
    tab.keyboard.press("ArrowRight")
    last = tab.locator(".zoom:target").get_attribute("id")
    assert last != picture.get_attribute("id")
    tab.keyboard.press("Escape")
    assert tab.locator(".zoom:target").count() == 0
    tab.wait_for_function("id => document.activeElement.hash === '#' + id", arg=last)
    at = tab.locator(f"#{last}").bounding_box()
    assert at["y"] >= 0
    assert at["y"] + at["height"] <= 301


def test_without_scripts_it_reads_the_same_and_pictures_still_enlarge(opened: Any) -> None:
    tab = opened(java_script_enabled=False, viewport={"width": 1200, "height": 800})
    assert tab.locator("section.size:visible").count() == 3
    assert tab.locator("#pick-table tbody tr:visible").count() == 12
    assert tab.locator("#size-control, #pick form").all_inner_texts() == [""]
    assert tab.locator("#at-600-measures-table tbody tr").count() == 9
    assert tab.locator("th button").count() == 0
    picture = tab.locator("figure.picture:visible").nth(3)
    small = picture.locator("img").first.bounding_box()["width"]
    picture.locator("a.open").click()
    assert picture.locator("img").first.bounding_box()["width"] > 3 * small
    picture.locator("a.close").click()
    assert picture.locator("img").first.bounding_box()["width"] == small


@pytest.mark.parametrize("width", [360, 420])
def test_on_a_phone_the_page_is_no_wider_than_the_screen(opened: Any, width: int) -> None:
    tab = opened(viewport={"width": width, "height": 740}, device_scale_factor=2)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 14


def test_on_a_phone_every_table_can_be_scrolled_in_its_own_box(opened: Any) -> None:
    tab = opened(viewport={"width": 420, "height": 740})
    boxes = tab.locator("table").evaluate_all("t => t.map(o => o.closest('.wide'))")
    assert boxes
    assert all(boxes)
    wrapped = tab.locator(".sortable td:not(.long)").evaluate_all("t => t.map(o => getComputedStyle(o).whiteSpace)")
    assert set(wrapped) == {"nowrap"}
    kept = "b => b.map(o => [getComputedStyle(o).overflowX, o.tabIndex, o.getAttribute('role')])"
    assert {tuple(one) for one in tab.locator(".wide").evaluate_all(kept)} == {("auto", 0, "region")}


def test_on_a_phone_the_choice_of_method_is_seen_as_a_whole(opened: Any, tmp_path: Path) -> None:
    methods = ("compact", "microast")
    made = [of_sweep(n, methods[n % 2], "bf16", 768, device_name=f"Machine {n % 2}") for n in range(12)]
    out, folder = written(tmp_path / "out", made), tmp_path / "report"
    page.write(page.build(load([out]), [out], title="t", claims=[], most_pictures=0), folder)
    tab = opened(folder, viewport={"width": 420, "height": 740})
    assert tab.locator("#pick-table").evaluate("t => t.offsetWidth <= t.closest('.wide').clientWidth")
    told = "Machine {}, 2 threads, isolated: Not compared with others: {} bf16."
    assert tab.locator("#pick-answer").inner_text() == " ".join(map(told.format, range(2), methods))


def test_on_a_phone_a_plots_letters_are_as_large_as_small_print(opened: Any, report: Path) -> None:
    tab = opened(viewport={"width": 420, "height": 740})
    shown = tab.locator("section.size:visible .plot:visible img").all()
    for box, name in zip(shown, ("tradeoff-600", "stages-600", "workers-600"), strict=True):
        points = float(re.search(r'width="([\d.]+)pt"', (report / "plots" / f"{name}.svg").read_text())[1])  # type: ignore[index]
        assert 8 * box.bounding_box()["width"] / points >= 9  # labels have 8 points, the least of all


def test_a_click_shows_one_size_or_all_of_them(opened: Any) -> None:
    tab = opened(viewport={"width": 1200, "height": 800})
    shown = tab.locator("section.size:visible h2")
    assert shown.all_inner_texts() == ["At 600 px"]
    assert set(tab.locator("figure.picture:visible[data-side]").evaluate_all("f => f.map(o => o.dataset.side)")) == {
        "600 px"
    }
    tab.locator("#size-control label", has_text="1200 px").click()
    assert shown.all_inner_texts() == ["At 1200 px"]
    assert set(tab.locator("figure.picture:visible[data-side]").evaluate_all("f => f.map(o => o.dataset.side)")) == {
        "1200 px"
    }
    tab.keyboard.press("ArrowRight")  # the control is a group of radio buttons, for the keyboard, too
    assert tab.locator("section.size:visible").count() == 3
    tab.locator("nav a.to-size", has_text="300 px").click()
    tab.locator("#size-control label", has_text="1200 px").click()
    tab.locator("nav a.to-size", has_text="300 px").click()
    assert shown.all_inner_texts() == ["At 300 px"]


def test_the_question_is_answered_within_limits(opened: Any) -> None:
    tab = opened(viewport={"width": 1200, "height": 800})
    answer, lines = tab.locator("#pick-answer"), tab.locator("#pick-table tbody tr:visible")
    assert lines.count() == 4
    tab.locator("#pick-by").select_option("time")
    assert answer.inner_text().startswith("No difference seen between ")
    tab.locator("#pick-side").select_option("")
    assert lines.count() == 12
    # 300 px take 6 ms and 600 px 24 ms.
    tab.locator("#pick-time").fill("0.01")
    assert set(lines.locator("td:nth-child(2)").all_inner_texts()) == {"300 px"}
    tab.locator("#pick-time").fill("0.000001")
    assert (answer.inner_text(), lines.count()) == ("Nothing measured is within these limits.", 0)
    tab.locator("#pick-time").fill("")
    tab.locator("#pick-memory").fill("0.45")
    assert set(lines.locator("td:nth-child(2)").all_inner_texts()) == {"300 px", "600 px"}


def test_what_the_page_answers_is_what_the_command_answers(opened: Any, report: Path) -> None:
    rows = load([report.parent / "out"])
    choice = pick.choice(by_size(rows), votes.of_rows(rows)[0])
    tab = opened()
    for by in choice.criteria:
        for side in (*choice.sides, ""):
            tab.locator("#pick-side").select_option(side)
            tab.locator("#pick-by").select_option(by)
            told = tab.locator("#pick-table tbody tr:visible").evaluate_all(
                "rows => rows.map(row => [row.cells[0].textContent, row.dataset.side, row.lastChild.textContent])"
            )
            px = int(side.split()[0]) if side else None
            found = [[one.name, one.side, mark] for one, mark in pick.ranked(choice.options, pick.Wanted(px), by)]
            assert sorted(told) == sorted(found)
            assert [one[2] for one in told] == [one[2] for one in found]


def test_an_enlarged_picture_is_the_file_at_full_size_and_without_it_the_small_one(
    browser: Tabs, report: Path, tmp_path: Path
) -> None:
    shutil.copy(report / "index.html", tmp_path)
    for folder, full_px in ((report, 900), (tmp_path, 0)):
        tab = browser.open(viewport={"width": 1200, "height": 800})
        tab.goto((folder / "index.html").as_uri())
        picture = tab.locator("figure.picture:visible").nth(3)
        picture.locator("a.open").click()
        tab.wait_for_function(f"document.querySelector(':target img.full')?.naturalWidth === {full_px}")
        assert picture.locator("img").first.bounding_box()["width"] > 800
        assert "900 x 600 px" in picture.inner_text()
        # Where the file is not there, nothing links to it.
        assert picture.locator("figcaption a").count() == (full_px > 0)
    browser.closed()  # the console tells of the pictures that are not there


def lightness(tab: Any, what: str) -> float:
    values = tab.evaluate(f"getComputedStyle(document.body).{what}.match(/[0-9.]+/g).slice(0, 3).map(Number)")
    return float(sum(values) / 3)


def test_dark_mode_is_light_on_dark(opened: Any) -> None:
    tab = opened(color_scheme="dark")
    assert lightness(tab, "color") - lightness(tab, "backgroundColor") > 150
    tab = opened(color_scheme="light")
    assert lightness(tab, "backgroundColor") - lightness(tab, "color") > 150


def test_in_dark_mode_a_plots_letters_are_light_and_in_light_mode_dark(opened: Any) -> None:
    for scheme in ("dark", "light"):
        tab = opened(color_scheme=scheme, viewport={"width": 900, "height": 800})
        shot = Image.open(io.BytesIO(tab.locator(".plot:visible img").first.screenshot())).convert("L")
        levels = np.asarray(shot)
        paper, ink = np.median(levels), levels.max() if scheme == "dark" else levels.min()
        assert (paper < 60 and ink > 200) if scheme == "dark" else (paper > 200 and ink < 60)


def test_in_print_it_is_dark_on_white_with_no_navigation(opened: Any) -> None:
    tab = opened(color_scheme="dark")
    tab.emulate_media(media="print")
    assert lightness(tab, "backgroundColor") - lightness(tab, "color") > 200
    assert not tab.locator("nav").is_visible()
    assert tab.pdf()[:4] == b"%PDF"
