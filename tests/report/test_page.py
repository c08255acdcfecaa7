"""The page in a real browser: what a reader sees, clicks and prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stylize import images
from stylize.report import claims, page, pictures
from stylize.report.frame import load
from tests.support.made_rows import of_sweep, written
from tests.support.samples import picture

EVIL = '"><script>document.title="owned"</script><img src=x onerror=document.title="owned">$x_'


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on a run whose names are all hostile, of two methods, three sizes, two workers, with pictures."""
    folder = tmp_path_factory.mktemp("report")
    paths = [folder / "out" / "images" / f"{name}.jpg" for name in ("photo", "result")]
    paths[0].parent.mkdir(parents=True)
    for seed, path in enumerate(paths):
        path.write_bytes(images.encode(picture(seed, 300, 200), "jpg", 90))
    made = []
    for number, (method, precision, px, workers) in enumerate(
        (method, precision, px, workers)
        for method in (EVIL, "compact") for precision in ("fp32", "bf16") for px in (300, 600, 1200)
        for workers in (1, 2) for _ in range(3)
    ):  # fmt: skip
        made.append(of_sweep(
            number, method, precision, px, workers, content_type=f"day{number % 3}{EVIL}", content_uri=str(paths[0]),
            style_uri=f"/gone/{EVIL.replace('/', '')}.jpg", output_uri=str(paths[1]), ssim=0.3 + number / 1000,
            gram_distance=5.0 + number, measure_mode="throughput",
        ))  # fmt: skip
    made.append(of_sweep(999, EVIL, "fp32", 2400, status="oom", error=f"no room {EVIL}", stylize_s=None))
    out = written(folder / "out", made, title=f"Title {EVIL}", command="python -m jobs.benchmark x", environment={})
    rows = load([out])
    found = page.build(rows, [out], title=f"Title {EVIL}", claims=claims.check(rows), most_pictures=20)
    page.write(found, folder / "made")
    return folder / "made"


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Any]:
    """A function that opens the page with what it is given; fails the test on anything the console says."""
    said: list[str] = []
    contexts = []

    def open_page(**options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on(
            "request", lambda request: None if request.url.startswith(("file:", "data:")) else said.append(request.url)
        )
        tab.goto((report / "index.html").as_uri())
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def test_names_cannot_inject_markup(opened: Any) -> None:
    tab = opened()
    assert tab.title() == f"Title {EVIL}"
    assert tab.locator("h1").inner_text() == f"Title {EVIL}"
    assert tab.locator("img[onerror]").count() == 0
    assert tab.locator("script").count() == 1


def test_every_picture_and_plot_loads(opened: Any) -> None:
    tab = opened()
    widths = tab.evaluate("[...document.images].map((image) => image.complete ? image.naturalWidth : 0)")
    assert len(widths) > 10
    assert all(width > 0 for width in widths)
    assert tab.locator(".plot").count() == 5


def test_a_click_sorts_by_number_and_back_and_what_was_not_measured_stays_last(opened: Any) -> None:
    tab = opened()
    heads = tab.locator("#measures th")
    names = heads.all_inner_texts()
    column = names.index("stylize p50")
    cells = f"#measures tbody tr td:nth-child({column + 1})"

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
    tab = opened(viewport={"width": 1200, "height": 800})
    picture = tab.locator(".line figure").nth(3)
    small = picture.locator("img").bounding_box()["width"]
    picture.locator("a.open").click()
    assert picture.locator("img").bounding_box()["width"] > 3 * small
    tab.keyboard.press("ArrowRight")
    assert tab.locator(".zoom:target").get_attribute("id") != picture.get_attribute("id")
    tab.keyboard.press("Escape")
    assert tab.locator(".zoom:target").count() == 0


def test_without_scripts_it_reads_the_same_and_pictures_still_enlarge(opened: Any) -> None:
    tab = opened(java_script_enabled=False, viewport={"width": 1200, "height": 800})
    assert tab.locator("#measures tbody tr").count() > 10
    assert tab.locator("#measures th button").count() == 0
    picture = tab.locator(".line figure").nth(3)
    small = picture.locator("img").bounding_box()["width"]
    picture.locator("a.open").click()
    assert picture.locator("img").bounding_box()["width"] > 3 * small
    picture.locator("a.close").click()
    assert picture.locator("img").bounding_box()["width"] == small


def test_on_a_phone_the_page_is_no_wider_than_the_screen(opened: Any) -> None:
    tab = opened(viewport={"width": 360, "height": 740}, device_scale_factor=2)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    assert tab.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 14


def lightness(tab: Any, what: str) -> float:
    values = tab.evaluate(f"getComputedStyle(document.body).{what}.match(/[0-9.]+/g).slice(0, 3).map(Number)")
    return float(sum(values) / 3)


def test_dark_mode_is_light_on_dark(opened: Any) -> None:
    tab = opened(color_scheme="dark")
    assert lightness(tab, "color") - lightness(tab, "backgroundColor") > 150
    tab = opened(color_scheme="light")
    assert lightness(tab, "backgroundColor") - lightness(tab, "color") > 150


def test_in_print_it_is_dark_on_white_with_no_navigation(opened: Any) -> None:
    tab = opened(color_scheme="dark")
    tab.emulate_media(media="print")
    assert lightness(tab, "backgroundColor") - lightness(tab, "color") > 200
    assert not tab.locator("nav").is_visible()
    assert tab.pdf()[:4] == b"%PDF"


def test_the_page_holds_nothing_that_a_terminal_or_a_line_of_text_obeys() -> None:
    evil = "a\x1b[31m\u202eb\x07"
    shown = [pictures.Picture(evil, evil, "data:,", 1, 1)]
    sheet = pictures.Sheet(evil, shown, [(evil, shown)])
    made = page.html(page.Report(evil, [evil], [evil], [], [], [sheet], [page.Run(evil, [(evil, evil)])]))
    assert "a\\x1b[31m\\u202eb\\x07" in made
    assert not set("\x1b\u202e\x07") & set(made)


def test_the_folder_holds_all_the_files_and_the_tables_read_back(report: Path) -> None:
    names = {str(path.relative_to(report)) for path in report.rglob("*") if path.is_file()}
    plots = {f"plots/{name}.svg" for name in ("time", "memory", "tradeoff", "stages", "workers")}
    assert names == plots | {"index.html", "summary.md", "tables.parquet"}
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


def test_an_older_reports_plots_are_taken_away(report: Path, tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "time-7.svg").write_text("<svg/>")
    rows = load([report.parent / "out"])
    page.write(page.build(rows, [report.parent / "out"], title="t", claims=[], most_pictures=0), tmp_path)
    assert not (tmp_path / "plots" / "time-7.svg").exists()
    assert (tmp_path / "plots" / "time.svg").exists()


def test_pictures_are_no_more_than_asked(report: Path) -> None:
    from stylize.report import pictures

    rows = load([report.parent / "out"])
    sheets = pictures.sheets(rows, 8)
    assert 0 < sum(len(sheet.inputs) + sum(len(line) for _, line in sheet.lines) for sheet in sheets) <= 8
    assert pictures.sheets(rows, 0) == []


def test_one_result_says_its_time_and_ssim(report: Path) -> None:
    text = (report / "index.html").read_text()
    assert "ms, SSIM 0." in text
