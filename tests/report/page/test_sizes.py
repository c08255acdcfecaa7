"""A page of two sizes in a real browser: what the control hides on the screen, and what is printed all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stylize import images
from stylize.report.frame import load
from stylize.report.page import page
from tests.support.browser import Tabs
from tests.support.made_rows import of_sweep, written
from tests.support.samples import picture

LONG = "an_artwork_of_a_long_name_" * 6


@pytest.fixture(scope="module")
def two_sizes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report whose two sizes are of different photos, by two methods at one and three at the other."""
    folder = tmp_path_factory.mktemp("sizes")
    photos = {(px, n): folder / "out" / "images" / f"{px}_{n}.jpg" for px in (300, 600) for n in range(3)}
    result = photos[300, 0]
    result.parent.mkdir(parents=True)
    for path in photos.values():
        path.write_bytes(images.encode(picture(1, 90, 60), "jpg", 90))
    photos[600, 2].write_bytes(images.encode(picture(1, 4, 900), "jpg", 90))
    cells = [(method, px, n) for px, methods in ((300, "ab"), (600, "abc")) for method in methods for n in range(3)]
    made = [
        of_sweep(number, method, "fp32", px, content_uri=str(photos[px, n]), style_uri=f"/art/{LONG}_{n}.jpg",
                 output_uri=str(result))
        for number, (method, px, n) in enumerate(cells)
    ]  # fmt: skip
    out = written(folder / "out", made, environment={})
    page.write(page.build(load([out]), [out], title="x", claims=[], most_pictures=50), folder / "report")
    return folder / "report" / "index.html"


@pytest.fixture
def opened(browser: Tabs, two_sizes: Path) -> Iterator[Any]:
    """A function that opens the page at an anchor, or another; fails the test on anything the console says."""
    browser.may_ask = lambda url: url.startswith(("file:", "data:"))

    def open_page(anchor: str = "", path: Path = two_sizes, **options: Any) -> Any:
        tab = browser.open(**options)
        tab.goto(path.as_uri() + anchor)
        return tab

    yield open_page
    assert browser.closed() == []


def test_arrows_lead_to_what_is_shown_alone(opened: Any) -> None:
    tab = opened()
    shown = tab.locator(".zoom:visible").evaluate_all("z => z.map(o => o.id)")
    tab.locator("figure.picture:visible a.open").first.click()
    for name in shown:
        tab.wait_for_function("name => location.hash === `#${name}`", arg=name)
        assert tab.locator(".zoom:target").is_visible()
        tab.keyboard.press("ArrowRight")
    assert tab.evaluate("location.hash") == f"#{shown[-1]}"


def test_tab_stays_within_an_enlarged_picture_and_is_told_as_a_dialog(opened: Any) -> None:
    tab = opened(viewport={"width": 1200, "height": 800})
    within = "!document.querySelector('.zoom:target') || document.activeElement.closest('.zoom:target') !== null"
    for place in ("figure.picture:visible", "figure.plot:visible"):
        links, figure = [], tab.locator(place).last
        figure.locator("a.open").click()
        tab.wait_for_selector(".zoom:target[role=dialog]")
        name = figure.locator("img").first.get_attribute("alt")
        assert (figure.get_attribute("aria-modal"), figure.get_attribute("aria-label")) == ("true", name)
        for key in ("Tab", "Tab", "Tab", "Shift+Tab", "Shift+Tab"):
            links.append(tab.evaluate("document.activeElement.textContent"))
            assert tab.evaluate(within), key
            tab.keyboard.press(key)
        assert links[0] == links[2] != links[1]
        tab.keyboard.press("Escape")
        tab.wait_for_function("() => !document.querySelector('[role=dialog]')")


@pytest.mark.parametrize("width", [400, 1400])
def test_neither_a_long_name_nor_a_tall_photo_moves_anything_off_the_page(opened: Any, width: int) -> None:
    tab = opened(viewport={"width": width, "height": 800})
    for heading in tab.locator("table.grid tbody th span:visible").all():
        assert heading.bounding_box()["width"] <= width
    heights = tab.locator(".picture img:visible").evaluate_all("all => all.map(one => one.clientHeight)")
    assert max(heights) <= 384
    wide = tab.locator("table.grid").evaluate("t => [t.offsetWidth, t.closest('.wide').clientWidth]")
    assert width < 1000 or wide[0] <= wide[1]
    tab.locator("#at-600-by_style summary").click()
    wide = tab.locator("#at-600-by_style-table").evaluate("t => [t.offsetWidth, t.closest('.wide').clientWidth]")
    assert width < 1000 or wide[0] <= wide[1]


def test_pairs_without_a_picture_of_the_size_take_no_room(opened: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "images").mkdir(parents=True)
    (out / "images" / "x.jpg").write_bytes(images.encode(picture(1), "jpg", 90))
    made = [
        of_sweep(number, method, "fp32", px, content_uri=f"{out}/images/x.jpg", style_uri=f"/{px}.jpg",
                 output_uri=f"{out}/images/x.jpg" if px < 900 else "/gone/x.jpg")
        for number, (method, px) in enumerate((method, px) for method in ("a", "b") for px in (300, 600, 900))
    ]  # fmt: skip
    rows = load([written(out, made, environment={})])
    page.write(page.build(rows, [out], title="x", claims=[], most_pictures=20), tmp_path / "report")
    tab = opened(path=tmp_path / "report" / "index.html")
    lines, none = tab.locator("table.grid tbody tr:visible"), tab.locator("#no-pictures:visible")
    seen = {}
    for side in ("300 px", "600 px", "900 px", "all sizes"):
        tab.locator("#size-control label", has_text=side).click()
        seen[side] = (lines.count(), none.count())
    assert seen == {"300 px": (2, 0), "600 px": (2, 0), "900 px": (0, 1), "all sizes": (4, 0)}


def test_an_address_that_names_nothing_leaves_the_page_whole(opened: Any) -> None:
    assert opened("#%E0").locator("#pick form").count() == 1


def test_all_that_is_said_to_be_there_is_printed(opened: Any) -> None:
    tab = opened()
    tab.locator("#pick-time").fill("0.02")
    kept = tab.locator("#pick-table tbody tr:visible").count()
    tab.emulate_media(media="print")
    assert kept < tab.locator("#pick-table tbody tr:visible").count() == 5
    assert tab.locator("#pick form:visible #pick-answer").inner_text()
    assert tab.locator("#pick-time").input_value() == "0.02"
    assert tab.locator("section.size:visible").count() == 2
    assert tab.locator("figure.picture:visible").count() == tab.locator("figure.picture").count() == 15 + 6
    closed = tab.locator("details:not([open])")
    assert closed.count() > 2
    for table in closed.locator("table").all():
        assert table.evaluate("t => t.checkVisibility({contentVisibilityAuto: true}) && t.offsetHeight > 0")
    assert not tab.locator("#no-pictures").is_visible()
    opened_for = "[...document.querySelectorAll('details')].filter(one => !one.open).length"
    tab.evaluate(f"addEventListener('beforeprint', () => {{ document.title = {opened_for}; }})")
    tab.pdf()
    assert (tab.title(), closed.count() > 2) == ("0", True)  # in browsers that lack ::details-content, too
