"""A headless Chromium, as pages are seen in it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

NAMES = "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome"
"""The first, without what windows need, takes two thirds of the others' processor time."""
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)


class Tabs:
    """Tabs that tests use one after another, as the processes of a new one take a second of a core."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._free: dict[tuple[tuple[str, Any], ...], list[Any]] = {}
        self._used: list[tuple[list[Any], Any]] = []
        self._said: dict[Any, list[str]] = {}
        self.may_ask: Callable[[str], bool] = lambda url: True
        """Whether a page may ask for an address."""
        self.served: list[str] = []
        """The servers of the pages that were opened, the last one last."""

    def open(self, viewport: dict[str, int] | None = None, color_scheme: str = "light", **kind: Any) -> Any:
        """Return a tab, with the last page of an earlier test in it; kind: options that only a new context takes."""
        free = self._free.setdefault(tuple(kind.items()), [])
        tab = free.pop() if free else self._new(kind)
        self._used.append((free, tab))
        viewport = viewport or {"width": 1280, "height": 800}
        if tab.viewport_size != viewport:
            tab.set_viewport_size(viewport)
        tab.emulate_media(color_scheme=color_scheme, media="null")
        self._said[tab].clear()
        return tab

    def _new(self, kind: dict[str, Any]) -> Any:
        tab = self._browser.new_context(**kind).new_page()
        said = self._said[tab] = []
        tab.set_default_timeout(120_000)
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: None if self.may_ask(request.url) else said.append(request.url))
        return tab

    def closed(self) -> list[str]:
        """Leave all tabs to the next test; returns what their consoles said, and what they asked for but may not."""
        said: list[str] = []
        for free, tab in self._used:
            said += self._said[tab]
            if tab.url.startswith("http"):
                tab.evaluate("localStorage.clear()")
            free.append(tab)
        self._used = []
        return said


@pytest.fixture(scope="session")
def chromium() -> Iterator[tuple[Tabs, asyncio.AbstractEventLoop]]:
    """The tabs of the one browser of this process, as to start one takes a second of a core, and Playwright's loop."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        loop = asyncio.get_running_loop()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield Tabs(browser), loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture(scope="module")
def browser(chromium: tuple[Tabs, asyncio.AbstractEventLoop]) -> Iterator[Tabs]:
    """The tabs of a headless Chromium; skips where there is none."""
    tabs, loop = chromium
    # Playwright's loop stands as running between its calls: beside it asyncio.run, as of other tests, refuses to start.
    asyncio._set_running_loop(loop)
    yield tabs
    asyncio._set_running_loop(None)
