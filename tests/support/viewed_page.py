"""The viewer's page as a person uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Open = Callable[..., Any]


AS_NEW = """() => {
  for (const one of document.querySelectorAll("details[open]")) one.open = false;
  document.activeElement.blur();
}"""
FROM_THE_TOP = """async () => {
  for (const one of document.querySelectorAll(".scroller")) one.scrollTo(0, 0);
  for (let frames = 2; frames; frames--) await new Promise(requestAnimationFrame);
}"""


def shown(tab: Any, address: str, *, anew: bool = False) -> None:
    """Open an address, and wait until it is there.

    A page that is there already, as from an earlier test, goes to the view: to load it takes 0.4 s of a core, to draw a
    view 0.03. anew: load it all the same.
    """
    page, _, view = address.partition("#")
    if tab.url.partition("#")[0] != page or anew:
        if anew:  # another part of the same page would be no new page
            page += "?again"
        tab.goto(f"{page}#{view}" if view else page)
        tab.wait_for_selector("body[data-shown]")
        return
    tab.evaluate(AS_NEW)
    turned_to(tab, view)
    tab.evaluate(FROM_THE_TOP)


def turned_to(tab: Any, view: str) -> None:
    """Go to another view of the page, as by a link."""
    there = "view => { if (location.hash === (view && `#${view}`)) viewer.redraw(); else location.hash = view; }"
    settled(tab, lambda: tab.evaluate(there, view))


def count(tab: Any) -> str:
    return str(tab.locator("#count").inner_text())


def settled(tab: Any, act: Callable[[], object]) -> None:
    """Do something, and wait until the page has followed."""
    before = tab.evaluate("document.body.dataset.shown")
    act()
    tab.wait_for_function("before => document.body.dataset.shown !== before", arg=before)


def add_filter(tab: Any, column: str, how: str, value: str) -> None:
    if not tab.locator("#filter select[name=column]").is_visible():
        tab.locator("#filters summary").click()
    tab.locator("#filter select[name=column]").select_option(column)
    tab.wait_for_function("name => document.querySelector('#filter select[name=column]')?.value === name", arg=column)
    tab.evaluate("document.querySelector('#filter button').id = 'before'")
    tab.locator("#filter select[name=operator]").select_option(how)
    tab.wait_for_selector("#filter #before", state="detached")  # the field for the value is drawn with it
    field = tab.locator("#filter [name=value]")
    if field.evaluate("one => one.tagName") == "SELECT":
        field.select_option(value)
    else:
        field.fill(value)
    settled(tab, tab.locator("#filter button[type=submit]").click)
