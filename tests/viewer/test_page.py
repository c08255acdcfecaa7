"""The viewer's page in a real browser: each control as a person would use it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stylize.results.schema import to_batch
from stylize.results.store import RowStore
from stylize.viewer.export import export
from stylize.viewer.media import Media
from stylize.viewer.server import Viewer
from stylize.viewer.site import Site
from stylize.viewer.table import Table
from tests.support.made_rows import row
from tests.support.viewed import served, viewed_run

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 420, "height": 800}
EVIL = '"><script>document.title="owned"</script><img src=x onerror=document.title="owned">\u202egpj.exe'
Open = Callable[..., Any]
FIRST_POINT = """() => {
  const canvas = document.querySelector("canvas"), context = canvas.getContext("2d");
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const coloured = (i) => Math.max(...data.slice(i, i + 3)) - Math.min(...data.slice(i, i + 3)) > 60;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] && coloured(i)) return [(i / 4) % canvas.width, Math.floor(i / 4 / canvas.width)];
  }
}"""


@pytest.fixture(scope="module")
def outs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [viewed_run(folder / "one", 5, 3), viewed_run(folder / "two", 2, 1, ("compact",))]


@pytest.fixture(scope="module")
def address(outs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    viewer = Viewer({out: str(out) for out in outs}, tmp_path_factory.mktemp("cache"), trusted=True)
    with served(viewer) as url:
        yield url


@pytest.fixture
def tabs(browser: Any) -> Iterator[Open]:
    """A function that opens an address; fails the test on anything the console says and on requests elsewhere."""
    said: list[str] = []
    contexts = []

    def opened(address: str, view: str = "", **options: Any) -> Any:
        context = browser.new_context(**({"viewport": WIDE} | options))
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(20_000)
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        home = address.split("/")[2]
        tab.on("request", lambda request: None if home in request.url else said.append(request.url))
        tab.goto(address + view)
        tab.wait_for_selector("body[data-shown]")
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture
def tab(tabs: Open, address: str) -> Any:
    return tabs(address)


def shown(tab: Any) -> list[str]:
    """The photos of the rows in sight, from the top."""
    return [text.split("\n")[0] for text in tab.locator(".lines .line").all_inner_texts()]


def count(tab: Any) -> str:
    return str(tab.locator("#count").inner_text())


def settled(tab: Any, act: Callable[[], object]) -> None:
    """Do something, and wait until the page has followed."""
    before = tab.evaluate("document.body.dataset.shown")
    act()
    tab.wait_for_function("before => document.body.dataset.shown !== before", arg=before)


def no_wider_than_the_window(tab: Any) -> bool:
    return bool(tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_every_row_is_there_with_its_thumbnail(tab: Any) -> None:
    assert count(tab) == "32 rows"
    assert tab.title() == "one, two"
    tab.wait_for_function("() => [...document.querySelectorAll('.lines img')].some(img => img.naturalWidth === 96)")
    tab.locator(".scroller").evaluate("box => { box.scrollTop = box.scrollHeight; }")
    tab.wait_for_function("() => document.querySelector('.lines').lastChild.getAttribute('aria-rowindex') === '33'")


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(tab: Any) -> None:
    heading = tab.locator("button[data-column=ssim]")
    settled(tab, heading.click)
    assert tab.locator("[aria-sort=ascending]").inner_text().strip().startswith("ssim")
    low = tab.locator(".lines .line").first.inner_text()
    settled(tab, heading.click)
    assert tab.locator(".lines .line").first.inner_text() != low
    assert "0.29" in tab.locator(".lines .line").first.inner_text()
    settled(tab, heading.click)
    assert tab.locator("[aria-sort]").count() == 0


def add_filter(tab: Any, column: str, how: str, value: str) -> None:
    if not tab.locator("#filter select[name=column]").is_visible():
        tab.locator("#filters summary").click()
    tab.locator("#filter select[name=column]").select_option(column)
    tab.wait_for_function("name => document.querySelector('#filter select[name=column]').value === name", arg=column)
    tab.locator("#filter select[name=operator]").select_option(how)
    tab.wait_for_timeout(200)
    field = tab.locator("#filter [name=value]")
    if field.evaluate("one => one.tagName") == "SELECT":
        field.select_option(value)
    else:
        field.fill(value)
    settled(tab, tab.locator("#filter button[type=submit]").click)


def test_filters_by_text_and_number_and_taking_them_away(tab: Any) -> None:
    add_filter(tab, "method", "is", "microast")
    assert count(tab) == "15 of 32 rows"
    add_filter(tab, "ssim", "ge", "0.2")
    assert count(tab) == "5 of 32 rows"
    add_filter(tab, "photo", "has", "PHOTO4")
    assert count(tab) == "3 of 32 rows"
    settled(tab, tab.get_by_label("remove the filter method is microast").click)
    assert count(tab) == "6 of 32 rows"
    tab.go_back()
    tab.wait_for_function("() => document.getElementById('count').textContent === '3 of 32 rows'")


def test_columns_are_chosen(tab: Any) -> None:
    tab.locator("#columns summary").click()
    settled(tab, lambda: tab.locator("#columns input[value=seed], #columns input[value=task_id]").first.check())
    assert "task id" in tab.locator(".head").inner_text()
    tab.locator("#columns summary").click()
    settled(tab, lambda: tab.locator("#columns input[value=method]").uncheck())
    assert "method" not in tab.locator(".head").inner_text()


def test_a_row_opens_its_picture_and_keys_go_on(tab: Any) -> None:
    settled(tab, tab.locator(".lines .line").nth(1).click)
    assert "photo0" in tab.locator("h1").inner_text()
    assert "microast" in tab.locator("h1").inner_text()
    settled(tab, lambda: tab.keyboard.press("ArrowRight"))
    assert "art1" in tab.locator("h1").inner_text()
    settled(tab, tab.get_by_text("Previous").click)
    assert "art0" in tab.locator("h1").inner_text()
    settled(tab, lambda: tab.keyboard.press("Escape"))
    assert tab.locator(".lines .line").count()


def test_before_and_after(tab: Any) -> None:
    settled(tab, tab.locator(".lines .line").nth(1).click)
    tab.wait_for_function("() => [...document.querySelectorAll('.compare img')].every(img => img.naturalWidth === 96)")
    box = tab.locator(".compare").bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 50)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 50)
    tab.mouse.up()
    assert float(tab.get_by_label("before and after").input_value()) == pytest.approx(20, abs=1)
    assert re.match(r"inset\(0px 80", tab.locator("img.before").evaluate("img => img.style.clipPath"))
    tab.get_by_label("before and after").focus()
    tab.keyboard.press("End")
    assert tab.locator("i.line").evaluate("line => line.style.left") == "100%"
    settled(tab, lambda: tab.locator(".slider select").first.select_option("artwork"))
    assert "picture-artwork" in tab.locator("img.before").get_attribute("src")


def test_pictures_of_one_pair_are_zoomed_together(tab: Any) -> None:
    settled(tab, tab.locator(".lines .line").nth(7).click)
    panes = tab.locator(".panes .pane")
    assert panes.count() == 3  # two methods of run one, one of run two
    panes.first.scroll_into_view_if_needed()
    panes.first.hover()
    tab.mouse.wheel(0, -300)
    tab.wait_for_function("() => document.querySelector('.panes .pane').dataset.scale > 1")
    moved = panes.locator(".inner").evaluate_all("all => all.map(one => one.style.transform)")
    assert len(set(moved)) == 1
    tab.get_by_label("zoom in").click()
    tab.get_by_text("Fit").click()
    assert panes.last.get_attribute("data-scale") == "1.00"


def test_the_grid_shows_methods_and_runs_side_by_side(tabs: Open, address: str) -> None:
    tab = tabs(address, "#view=grid")
    assert tab.get_by_text("5 photos by 3 artworks").is_visible()
    first = tab.locator(".strip").first.locator(".pair").first
    assert first.locator(".label").all_inner_texts() == ["compact, one", "compact, two", "microast, one"]
    assert first.locator(".fail").all_inner_texts() == ["failed", "failed"]
    tab.wait_for_function("() => document.querySelectorAll('.pair img').length > 5")
    settled(tab, lambda: tab.get_by_label("side by side", exact=True).select_option("run"))
    assert first.locator(".label").all_inner_texts() == ["one", "two"]
    settled(tab, tab.locator(".pair a img").first.click)
    assert tab.locator(".compare").is_visible()


def test_a_point_of_a_plot_opens_its_picture(tabs: Open, address: str) -> None:
    tab = tabs(address, "#view=plot&x=ssim&y=gram_distance")
    assert tab.get_by_text("2 rows are not shown").is_visible()
    settled(tab, lambda: tab.get_by_label("x", exact=True).select_option("stylize_s"))
    settled(tab, lambda: tab.get_by_label("x", exact=True).select_option("ssim"))
    settled(tab, tab.get_by_label("logarithmic y").check)
    box = tab.locator("canvas").bounding_box()
    point = tab.evaluate(FIRST_POINT)
    at = {"x": point[0] + 2, "y": point[1] + 2}
    tab.mouse.move(box["x"] + at["x"], box["y"] + at["y"])
    tab.wait_for_selector(".tip:not([hidden])")
    settled(tab, lambda: tab.locator("canvas").click(position=at))
    assert tab.locator(".compare").is_visible()


def test_failures_say_why_and_lead_to_their_rows(tabs: Open, address: str) -> None:
    tab = tabs(address, "#view=failures")
    assert "the disk was gone" in tab.locator("main").inner_text()
    settled(tab, tab.locator("td a").click)
    assert count(tab) == "2 of 32 rows"


def test_a_link_shows_the_same_again(tabs: Open, address: str) -> None:
    tab = tabs(address)
    add_filter(tab, "method", "is", "microast")
    settled(tab, tab.locator("button[data-column=ssim]").click)
    settled(tab, tab.locator(".lines .line").nth(2).click)
    title = tab.locator("h1").inner_text()
    again = tabs(tab.url)
    assert again.locator("h1").inner_text() == title
    assert count(again) == "15 of 32 rows"
    moved = tabs(re.sub(r"at=\d+", "at=0", tab.url))  # rows have come before it
    assert moved.locator("h1").inner_text() == title


@pytest.mark.parametrize("view", ["table", "grid", "plot", "failures", "vote", "picture&at=3"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_and_dark(tabs: Open, address: str, view: str, scheme: str) -> None:
    tab = tabs(address, f"#view={view}", viewport=NARROW, color_scheme=scheme)
    assert no_wider_than_the_window(tab)
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


def test_names_are_no_markup(tabs: Open, tmp_path: Path) -> None:
    changes = dict.fromkeys(("photo", "style", "error", "content_type", "node"), EVIL)
    out = viewed_run(tmp_path / EVIL.replace("/", "")[:60], 2, 1, (EVIL.replace("/", ""), "compact"), **changes)
    found = f"table&f=photo~has~{EVIL[:20]}"
    with served(Viewer({out: str(out)}, tmp_path / "cache", trusted=True)) as url:
        for view in ("table", "grid", "plot&colour=photo", "failures", "vote", "picture&at=1", found):
            tab = tabs(url, f"#view={view}")
            assert "owned" not in tab.title()[:5]
            assert tab.locator("[onerror], main script").count() == 0
            assert "\u202e" not in tab.locator("body").inner_text()
            if view == "picture&at=1":
                assert EVIL[:40] in tab.locator("h1").inner_text()


def test_an_export_works_from_the_disk(tabs: Open, outs: list[Path], tmp_path: Path) -> None:
    runs = {out: str(out) for out in outs}
    table = Table(runs)
    page = tmp_path / "page"
    export(
        Site(table, Media(table, tmp_path / "cache", trusted=True), version=0, live=False), page, lambda number: None
    )
    tab = tabs((page / "index.html").as_uri())
    assert count(tab) == "32 rows"
    assert "Vote" not in tab.locator("#tabs").inner_text()
    tab.wait_for_function("() => [...document.querySelectorAll('.lines img')].some(img => img.naturalWidth === 96)")
    settled(tab, tab.locator(".lines .line").nth(1).click)
    tab.wait_for_function("() => [...document.querySelectorAll('.compare img')].every(img => img.naturalWidth === 96)")
    assert "row=" in tab.url


def test_of_a_hundred_thousand_rows_only_those_in_sight_are_in_the_page(tabs: Open, tmp_path: Path) -> None:
    with RowStore.open(tmp_path / "out") as store:
        for start in range(0, 100_000, 10_000):
            store.add(to_batch([row(n, output_uri=None, ssim=n / 1e5) for n in range(start, start + 10_000)]))
    with served(Viewer({tmp_path / "out": str(tmp_path / "out")}, tmp_path / "cache")) as url:
        tab = tabs(url)
        files: list[str] = []
        tab.on("request", lambda request: files.append(request.url))
        assert count(tab) == "100000 rows"
        box = tab.locator(".scroller")
        for share in (0.25, 0.5, 1):
            box.evaluate("(box, share) => { box.scrollTop = share * box.scrollHeight; }", share)
            tab.wait_for_function(
                "row => Math.abs(document.querySelector('.lines').lastChild.getAttribute('aria-rowindex') - row) < 30",
                arg=100_001 * share,
            )
            assert tab.locator(".line").count() < 60
        assert files == []  # columns were there, and nothing in sight has a picture
        settled(tab, tab.locator("button[data-column=ssim]").click)
        settled(tab, tab.locator("button[data-column=ssim]").click)
        assert "1" in tab.locator(".lines .line").first.locator(".cell.number").nth(1).inner_text()
        add_filter(tab, "ssim", "le", "0.00005")
        assert count(tab) == "6 of 100000 rows"
        settled(tab, tab.get_by_text("Grid").click)
        assert tab.locator(".strip").count() < 20


def test_rows_that_have_come_are_said_to_need_a_reload(tabs: Open, tmp_path: Path) -> None:
    out = viewed_run(tmp_path / "out")
    viewer = Viewer({out: str(out)}, tmp_path / "cache")
    with served(viewer) as url:
        tab = tabs(url)
        viewed_run(tmp_path / "out", 4)
        other = tabs(url)
        assert other.locator("#count").inner_text() == count(other)
        assert tab.locator("#count").inner_text() == "12 rows"
