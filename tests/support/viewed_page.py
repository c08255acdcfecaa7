"""The viewer's page as a person uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

WIDE = {"width": 1280, "height": 800}
Open = Callable[..., Any]


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
