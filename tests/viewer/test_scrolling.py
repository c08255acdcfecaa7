"""What stays in sight while a view is scrolled stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stylize.viewer.server import Viewer
from tests.support.viewed import served, viewed_run
from tests.support.viewed_page import Open, settled, turned_to

WINDOW = {"width": 900, "height": 800}
# Far enough that lines come and go, and near enough that the marked one stays.
SCROLLED = """([down, right]) => new Promise(done => {
  const box = document.querySelector(".scroller");
  box.scrollTop += down;
  box.scrollLeft += right;
  requestAnimationFrame(() => requestAnimationFrame(done));
})"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a viewer of many photos and artworks."""
    folder = tmp_path_factory.mktemp("wide")
    out = viewed_run(folder / "out", 16, 8)
    with served(Viewer({out: str(out)}, folder / "cache", trusted=True)) as url:
        yield url


@pytest.fixture
def wide(tabs: Open, url: str) -> Any:
    """A function that opens a view of it."""
    return lambda view: tabs(url, view if "#" in view else f"#view={view}", viewport=WINDOW)


@pytest.mark.parametrize(
    ("view", "what", "by"), [("table", ".lines .thumb a", 120), ("grid", ".strip a", 200), ("grid", ".strip a", -200)]
)
def test_what_stays_in_sight_keeps_the_focus(wide: Any, view: str, what: str, by: int) -> None:
    tab = wide(view)
    if by < 0:
        tab.evaluate(SCROLLED, [300, 300])
    tab.evaluate(
        """what => {
          const edge = document.querySelector(".scroller").getBoundingClientRect();
          const within = [...document.querySelectorAll(what)].find(one => {
            const at = one.getBoundingClientRect();
            return at.top > edge.top + 250 && at.left >= edge.left && at.left < edge.right - 60
              && at.bottom < edge.bottom;
          });
          within.focus({ preventScroll: true });
          window.focused = within;
          window.count = 0;
          new MutationObserver(all => { count += all.length; }).observe(document.querySelector(".scroller"),
            { childList: true, subtree: true });
        }""",
        what,
    )
    tab.evaluate(SCROLLED, [by, by])
    assert tab.evaluate("count") > 0  # others came and went
    assert tab.evaluate("document.activeElement === focused")


@pytest.mark.parametrize(("view", "what"), [("", ".lines .thumb a"), ("grid", ".strip a.slot")])
def test_escape_leads_back_to_where_it_was_scrolled_also_from_a_plain_address(wide: Any, view: str, what: str) -> None:
    tab = wide(view)
    tab.evaluate(SCROLLED, [600, 200])
    at = "(({ scrollTop, scrollLeft }) => [scrollTop, scrollLeft])(document.querySelector('.scroller'))"
    was = tab.evaluate(at)
    assert was[0] == 600
    tab.evaluate("what => document.querySelectorAll(what)[9].click()", what)
    tab.wait_for_selector(".panes")
    settled(tab, lambda: tab.keyboard.press("Escape"))
    assert tab.evaluate(at) == was


@pytest.mark.parametrize(("view", "height"), [("table", 56), ("grid", 172)])
def test_a_click_counts_though_the_view_is_scrolled_under_it(wide: Any, view: str, height: int) -> None:
    tab = wide(view)
    tab.evaluate(SCROLLED, [9 * height - 20, 0])
    box = tab.locator(".scroller").bounding_box()
    # Near the upper edge of a line, a whole line below the headings.
    at = [box["x"] + 250, box["y"] + 3 * height + 24]
    tab.wait_for_function("at => document.elementFromPoint(...at).closest('a')", arg=at)
    tab.mouse.move(*at)
    tab.mouse.down()
    tab.evaluate(SCROLLED, [24, 0])  # the first line in sight is another one now
    settled(tab, tab.mouse.up)
    assert "view=picture" in tab.evaluate("location.href")


def test_what_would_be_too_high_for_a_browser_is_reached_in_larger_steps(wide: Any) -> None:
    tab = wide("?low#view=failures")  # no page of other tests: how high it may be is changed
    for view, last in (("grid", ".strip .photo"), ("table", ".line")):
        tab.evaluate("viewer.mostPx = 2000")
        turned_to(tab, f"view={view}")
        tab.evaluate(SCROLLED, [100_000, 0])
        tab.wait_for_function(
            """what => {
              const box = document.querySelector(".scroller").getBoundingClientRect();
              const last = [...document.querySelectorAll(what)].at(-1), bottom = last?.getBoundingClientRect().bottom;
              return Math.abs(bottom - box.bottom) < 30 && last.textContent.includes("photo15");
            }""",
            arg=last,
        )
        assert tab.evaluate("document.querySelector('.scroller').scrollHeight") < 2200


@pytest.mark.parametrize(
    ("view", "filled"),
    [
        ("table", "() => document.querySelectorAll('.lines .line').length > 34"),
        ("grid", "() => document.querySelectorAll('.strip').length > 10"),
        ("plot", "() => (({ width, clientWidth }) => width === clientWidth)(document.querySelector('canvas'))"),
    ],
)
def test_a_window_that_grows_is_filled(wide: Any, view: str, filled: str) -> None:
    tab = wide(view)
    tab.set_viewport_size({"width": 1000, "height": 2000})
    tab.wait_for_function(filled, timeout=10_000)
