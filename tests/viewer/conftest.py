"""Runs that are looked at, and their page in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stylize.viewer.server import Viewer
from tests.support.viewed import served, viewed_run
from tests.support.viewed_page import WIDE, Open


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
        tab.set_default_timeout(120_000)
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
