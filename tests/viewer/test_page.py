"""The viewer's page in a real browser: each control as a person would use it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from stylize.viewer.server import Viewer
from tests.support.viewed import served, viewed_run
from tests.support.viewed_page import Open, add_filter, count, settled, turned_to

FIRST_POINT = """() => {
  const canvas = document.querySelector("canvas"), context = canvas.getContext("2d");
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const coloured = (i) => Math.max(...data.slice(i, i + 3)) - Math.min(...data.slice(i, i + 3)) > 60;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] && coloured(i)) return [(i / 4) % canvas.width, Math.floor(i / 4 / canvas.width)];
  }
}"""


# Who speaks to a computer says what stands beside a choice.
CALLED_OTHERWISE = """() => [...document.querySelectorAll("label > select")].map((one) =>
  [one.ariaLabel, one.parentNode.firstChild.textContent.replace(":", "").trim()]).filter(([a, b]) => a !== b)"""


def test_every_row_is_there_with_its_thumbnail(tab: Any) -> None:
    assert count(tab) == "32 rows"
    assert tab.title() == "one, two"
    tab.wait_for_function("() => [...document.querySelectorAll('.lines img')].some(img => img.naturalWidth === 96)")
    tab.locator(".scroller").evaluate("box => { box.scrollTop = box.scrollHeight; }")
    tab.wait_for_function("() => document.querySelector('.lines')?.lastChild?.getAttribute('aria-rowindex') === '33'")


def test_to_screen_readers_no_link_is_without_words(tab: Any) -> None:
    empty = "[...document.querySelectorAll('.lines a')].filter(one => !one.textContent && !one.ariaLabel)"
    assert tab.evaluate(f"{empty}.length")
    assert tab.evaluate(f"{empty}.every(one => one.ariaHidden === 'true')")
    assert not tab.evaluate("[...document.querySelectorAll('[aria-hidden]')].some(one => one.textContent)")


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
    tab.wait_for_function("() => document.getElementById('count')?.textContent === '3 of 32 rows'")


def test_a_row_opens_its_picture_and_keys_go_on(tab: Any) -> None:
    settled(tab, tab.locator(".lines .line").nth(1).click)
    assert "photo0" in tab.locator("h1").inner_text()
    assert "microast" in tab.locator("h1").inner_text()
    settled(tab, lambda: tab.keyboard.press("ArrowRight"))
    assert "art1" in tab.locator("h1").inner_text()
    settled(tab, tab.get_by_text("Previous").click)
    assert "art0" in tab.locator("h1").inner_text()


def test_a_screen_reader_hears_a_heading_in_each_view_and_a_table_of_links(tab: Any) -> None:
    for view in ("table", "grid", "plot", "failures", "vote"):
        if tab.locator(f"main.{view}").count() == 0:
            turned_to(tab, f"view={view}")
        title = tab.locator("#tabs [aria-current]").inner_text()
        assert tab.get_by_role("heading", level=1).inner_text() == f"{title}: one, two"
        assert tab.evaluate(CALLED_OTHERWISE) == []
    turned_to(tab, "view=table")
    table = tab.get_by_role("table", name="rows")
    assert table.get_by_role("row").count() == tab.locator(".line").count() > 2
    assert table.get_by_role("columnheader", name="picture").count() == 1
    table.get_by_role("link", name="Picture 2", exact=True).focus()
    settled(tab, lambda: tab.keyboard.press("Enter"))
    assert tab.get_by_role("heading", level=1).inner_text().startswith("photo0")


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
    assert tab.locator(".split").evaluate("one => one.style.left") == "100%"
    settled(tab, lambda: tab.locator(".slider select").first.select_option("artwork"))
    assert tab.evaluate(CALLED_OTHERWISE) == []
    assert "picture-artwork" in tab.locator("img.before").get_attribute("src")


def test_pictures_of_one_pair_are_zoomed_together(tab: Any) -> None:
    settled(tab, tab.locator(".lines .line").nth(7).click)
    panes = tab.locator(".panes .pane")
    assert panes.count() == 3  # two methods of run one, one of run two
    panes.first.scroll_into_view_if_needed()
    panes.first.hover()
    tab.mouse.wheel(0, -300)
    tab.wait_for_function("() => document.querySelector('.panes .pane')?.dataset.scale > 1")
    moved = panes.locator(".inner").evaluate_all("all => all.map(one => one.style.transform)")
    assert len(set(moved)) == 1
    sideways = "one => { one.dispatchEvent(new WheelEvent('wheel', { deltaX: 9 })); return one.dataset.scale; }"
    assert float(panes.first.evaluate(sideways)) > 1
    tab.get_by_label("zoom in").click()
    tab.get_by_text("Fit").click()
    assert panes.last.get_attribute("data-scale") == "1.00"


def test_of_many_pictures_of_one_pair_the_one_looked_at_is_there_and_all_are_a_click_away(
    tabs: Open, address: str
) -> None:
    tab = tabs(address, "#view=failures")
    tab.evaluate("viewer.mostPanes = 1")
    turned_to(tab, "view=picture&at=7")
    panes = tab.locator(".panes .pane")
    assert panes.count() == 2
    assert tab.locator(".panes [aria-current]").count() == 1
    settled(tab, tab.get_by_text("all 3 instead of 2").click)
    assert panes.count() == 3
    tab.evaluate("viewer.mostPanes = 12")


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


def test_pictures_of_a_view_that_is_left_do_not_hold_up_the_next(tabs: Open, address: str) -> None:
    tab = tabs(address, "#view=failures")
    tab.route("**/thumb-*/*", lambda route: None)  # none of them comes
    settled(tab, lambda: tab.get_by_role("link", name="Grid").click())
    tab.wait_for_function("() => document.querySelectorAll('.pair img').length > 5")
    with tab.expect_event("requestfailed", lambda request: "/thumb-" in request.url):
        settled(tab, lambda: tab.get_by_role("link", name="Failures").click())
    tab.unroute_all()


def test_an_artwork_has_room_for_what_was_made_of_it_alone(tabs: Open, address: str) -> None:
    tab = tabs(address, "#view=grid")
    heads = tab.locator(".top .artwork").evaluate_all("all => all.map(one => [one.offsetLeft, one.offsetWidth])")
    # One artwork has a picture of a run more. Together they fill the window, but for a scroll bar.
    side = tab.locator(".slot").first.evaluate("one => one.offsetWidth + 4")
    assert [width for _, width in heads] == [3 * side + 12, 2 * side + 12, 2 * side + 12]
    unused = tab.evaluate("innerWidth") - 150 - sum(width for _, width in heads)
    assert 40 < unused < 60
    assert [left for left, _ in heads] == [150, 150 + heads[0][1], 150 + heads[0][1] + heads[1][1]]
    pairs = tab.locator(".strip").first.locator(".pair")
    assert pairs.evaluate_all("all => all.map(one => [one.offsetLeft, one.offsetWidth])") == heads
    assert [pairs.nth(number).locator(".slot").count() for number in range(3)] == [3, 2, 2]
    tab.locator(".scroller.grid").evaluate("box => { box.scrollLeft = box.scrollWidth; }")
    tab.wait_for_function("[...document.querySelectorAll('.top .artwork')].at(-1)?.innerText === 'art2'")


def test_a_point_of_a_plot_opens_its_picture(tabs: Open, address: str) -> None:
    tab = tabs(address, "#view=plot&x=ssim&y=gram_distance")
    assert tab.get_by_text("2 rows are not shown").is_visible()
    turned_to(tab, "view=plot&x=ssim&y=gram_distance&colour=error")  # which those alone have that cannot be shown
    assert tab.locator(".legend").inner_text().strip() == "no value"
    turned_to(tab, "view=plot&x=ssim&y=gram_distance")
    settled(tab, lambda: tab.get_by_label("across", exact=True).select_option("stylize_s"))
    settled(tab, lambda: tab.get_by_label("across", exact=True).select_option("ssim"))
    settled(tab, tab.get_by_label("logarithmic y").check)
    box = tab.locator("canvas").bounding_box()
    point = tab.evaluate(FIRST_POINT)
    at = {"x": point[0] + 2, "y": point[1] + 2}
    tab.mouse.move(box["x"] + at["x"], box["y"] + at["y"])
    tab.wait_for_selector(".tip:not([hidden])")
    settled(tab, lambda: tab.locator("canvas").click(position=at))
    assert tab.locator(".compare").is_visible()


def test_keys_reach_and_read_every_point_of_a_plot(tabs: Open, address: str) -> None:
    tab = tabs(address, "#view=plot&x=ssim&y=gram_distance")
    canvas, said = tab.locator("canvas"), tab.locator(".plot [aria-live]")
    canvas.focus()
    last = int(canvas.get_attribute("aria-label").partition(" points")[0].rpartition(" ")[2])
    for key, number in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", last), ("ArrowRight", last)):
        tab.keyboard.press(key)
        tab.wait_for_function(
            "told => document.querySelector('.plot [aria-live]').textContent.startsWith(told)",
            arg=f"{number} of {last}: ",
            timeout=10_000,
        )
    photo, *numbers = said.inner_text().partition(": ")[2].rsplit(", ", 2)
    assert [one.split()[0] for one in numbers] == ["ssim", "gram_distance"]
    settled(tab, lambda: tab.keyboard.press("Enter"))
    assert [tab.locator("h1").inner_text().count(name) for name in photo.split(", ")] == [1, 1]


def test_large_numbers_are_short_and_times_name_their_zone(tab: Any) -> None:
    shown = [
        tab.evaluate("([v]) => viewer.text(v, { kind: 'number' })", [v]) for v in (52829031764, 1e11, -2e9, 640, 0.5)
    ]
    assert shown == ["5.283e10", "1e11", "-2e9", "640", "0.5"]
    assert tab.evaluate("viewer.text(1e12, { kind: 'time' })") == "2001-09-09 01:46:40 UTC"


def test_failures_say_why_and_lead_to_their_rows(tabs: Open, address: str) -> None:
    for filtered, rows in (("", "2 rows"), ("&f=run~is~two", "1 row")):
        tab = tabs(address, f"#view=failures{filtered}")
        assert "the disk was gone" in tab.locator("main").inner_text()
        assert tab.locator("td a").inner_text() == rows
        settled(tab, tab.locator("td a").click)
        assert count(tab) == f"{rows[0]} of 32 rows"


def test_of_a_pair_without_a_result_photo_and_artwork_are_shown(tabs: Open, tmp_path: Path) -> None:
    out = viewed_run(tmp_path / "out", 1, 1, ("compact",))
    with served(Viewer({out: str(out)}, tmp_path / "cache", trusted=True)) as url:
        tab = tabs(url, "#view=picture&at=0")
        assert tab.locator("figcaption").all_inner_texts() == ["photo", "artwork"]
        for picture in tab.locator(".inputs img").all():
            picture.evaluate("one => one.decode()")
            assert picture.bounding_box()["height"] > 200


def test_a_link_shows_the_same_again(tabs: Open, address: str) -> None:
    tab = tabs(address)
    add_filter(tab, "method", "is", "microast")
    settled(tab, tab.locator("button[data-column=ssim]").click)
    settled(tab, tab.locator(".lines .line").nth(2).click)
    title = tab.locator("h1").inner_text()
    again = tabs(tab.evaluate("location.href"), anew=True)
    assert again.locator("h1").inner_text() == title
    assert count(again) == "15 of 32 rows"
    moved = tabs(re.sub(r"at=\d+", "at=0", tab.evaluate("location.href")))  # rows have come before it
    assert moved.locator("h1").inner_text() == title
