"""Small controls of the viewer's page that went wrong once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stylize.viewer.server import Viewer
from tests.support.viewed import served, viewed_run
from tests.support.viewed_page import Open, add_filter, count, settled, turned_to


@pytest.mark.parametrize(
    ("view", "what"), [("grid", ".pair a img"), ("table", ".lines .line"), ("table&sort=ssim", ".lines .line")]
)
def test_escape_goes_back_to_the_view_that_the_picture_was_opened_from(
    tabs: Open, address: str, view: str, what: str
) -> None:
    tab = tabs(address, f"#view={view}")
    settled(tab, tab.locator(what).last.click)
    settled(tab, lambda: tab.keyboard.press("ArrowLeft"))
    settled(tab, lambda: tab.keyboard.press("Escape"))
    assert tab.evaluate("location.href").endswith(f"#view={view}")


@pytest.fixture(scope="module")
def odd_numbers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("odd")
    out = viewed_run(folder / "out", 3, 2, gram_distance=0.23, content_distance=1.7e308, host_peak_rss_bytes=10**9,
                     moments_distance=0.123456)  # fmt: skip
    with served(Viewer({out: str(out)}, folder / "cache")) as url:
        yield url


def test_a_logarithmic_axis_within_a_decade_has_numbers(tabs: Open, odd_numbers: str) -> None:
    tab = tabs(odd_numbers, "?own#view=failures")  # no page of other tests: how it draws is changed
    tab.evaluate("""() => {
      window.drawn = [];
      const draw = CanvasRenderingContext2D.prototype.fillText;
      CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
        drawn.push(text);
        draw.call(this, text, ...at);
      };
    }""")
    turned_to(tab, "view=plot&x=ssim&y=gram_distance&xlog=1&ylog=1")
    numbers = [text for text in tab.evaluate("drawn") if text[0].isdigit()]
    assert len([text for text in numbers if 0.18 <= float(text) <= 0.3]) >= 3


def test_numbers_and_addresses_that_nobody_means_do_not_stop_the_page(tabs: Open, odd_numbers: str) -> None:
    tab = tabs(odd_numbers, "#view=plot&x=ssim&y=content_distance&ylog=1")
    turned_to(tab, "view=failures&f=status~is~ok&filters=x")
    assert "None of these rows failed." in tab.locator("main").inner_text()
    for view in ("failures", "vote"):
        turned_to(tab, f"view={view}&f=status~is~lost&filters=x")
        assert tab.locator("main .none").inner_text() == "No row passes the filters."
    turned_to(tab, "view=toString")
    assert tab.locator("#tabs [aria-current]").inner_text() == "Rows"


def test_a_number_is_equal_to_what_is_shown_of_it(tabs: Open, odd_numbers: str) -> None:
    tab = tabs(odd_numbers, "#f=moments_distance~is~0.1235")
    assert count(tab) == "12 rows"
    for value, rows in (("0.123456", "12 rows"), ("0.123", "0 of 12 rows")):
        turned_to(tab, f"f=moments_distance~is~{value}")
        assert count(tab) == rows


def test_columns_are_chosen_in_a_list_that_stays_open(tab: Any) -> None:
    tab.locator("#columns summary").click()
    settled(tab, tab.locator("#columns input[value=task_id]").check)
    settled(tab, tab.locator("#columns input[value=method]").uncheck)
    assert tab.evaluate("document.activeElement.value") == "method"
    head = tab.locator(".head").inner_text()
    assert "task id" in head
    assert "method" not in head


def test_a_keyboard_stays_at_a_control_that_draws_the_page_anew(tabs: Open, address: str) -> None:
    tab = tabs(address, "#view=table")
    at = "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()"
    tab.locator(".head button", has_text="ssim").focus()
    for how in ("ascending", "descending"):
        settled(tab, lambda: tab.keyboard.press("Enter"))
        assert tab.locator(f"[aria-sort={how}]").inner_text() == "ssim"
        assert tab.evaluate(at) == "ssim"
    settled(tab, lambda: tab.locator("nav a", has_text="Grid").press("Enter"))
    assert tab.evaluate(at) == "Grid"
    tab.get_by_label("side by side").focus()
    for _ in range(2):
        settled(tab, lambda: tab.keyboard.press("ArrowDown"))
        assert tab.evaluate(at) == "side by side"
    tab.locator("#filters summary").click()
    column = tab.locator("#filter select[name=column]")
    column.focus()
    columns = column.evaluate("one => [...one.options].map(option => option.value)")
    place = columns.index(column.input_value())
    for name in columns[place + 1 : place + 4]:
        tab.keyboard.press("ArrowDown")
        tab.wait_for_function("name => document.querySelector('#filter select[name=column]')?.value === name", arg=name)
        tab.wait_for_function("document.activeElement.name === 'column'")


def test_what_is_no_time_is_no_filter_and_until_a_day_is_until_its_end(tab: Any) -> None:
    tab.locator("#filters summary").click()
    tab.locator("#filter select[name=column]").select_option("started_at")
    field = tab.locator("#filter input[name=value]")
    field.fill("yesterday")
    field.press("Enter")
    tab.get_by_text('started_at: "yesterday" is no time').wait_for()
    assert count(tab) == "32 rows"
    add_filter(tab, "started_at", "ge", "2025-12-31 12:00")
    assert count(tab) == "32 rows"
    for given in ("started_at~ge~yesterday&f=nosuch~is~1&filters=1", "started_at~le~5", "ssim~ge~ "):
        turned_to(tab, f"f={given}")
        assert count(tab) == "32 rows"
        assert tab.locator("#message").inner_text().startswith(f"Filters left out: {given.partition('~')[0]}")
    for until in ("2026-01-01", "2026-01-01 00:00", "2026-01-01T00:00:29Z", "2026-01-01 00:00:29 UTC"):
        turned_to(tab, f"f=started_at~le~{until}")
        assert (count(tab), tab.locator("#message").is_visible()) == ("32 rows", False), until


def test_headings_are_whole(tabs: Open, odd_numbers: str) -> None:
    tab = tabs(odd_numbers)
    assert tab.locator(".head button", has_text="host peak rss").is_visible()
    cut = tab.locator(".head button").evaluate_all(
        "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)"
    )
    assert cut == []
