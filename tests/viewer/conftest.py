"""Runs that are looked at, and their page in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stylize.viewer.server import Viewer
from tests.support.asked_viewer import Opened
from tests.support.browser import Tabs
from tests.support.viewed import served, viewed_run
from tests.support.viewed_page import Open, shown


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return viewed_run(tmp_path / "run" / "out")


@pytest.fixture
def opened(out: Path, tmp_path: Path) -> Opened:
    """Its viewer, asked without a network."""
    return Opened(str(out), cache=tmp_path / "cache", trusted=True)


@pytest.fixture(scope="module")
def outs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [viewed_run(folder / "one", 5, 3), viewed_run(folder / "two", 2, 1, ("compact",))]


@pytest.fixture(scope="module")
def address(outs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    viewer = Viewer({out: str(out) for out in outs}, tmp_path_factory.mktemp("cache"), trusted=True)
    with served(viewer) as url:
        yield url


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """A viewer, asked without a network, of a run that no test changes."""
    folder = tmp_path_factory.mktemp("seen")
    return Opened(str(viewed_run(folder / "run" / "out")), cache=folder / "cache", trusted=True)


@pytest.fixture
def tabs(browser: Tabs) -> Iterator[Open]:
    """A function that opens an address; fails the test on anything the console says and on requests elsewhere."""

    def opened(address: str, view: str = "", *, anew: bool = False, **options: Any) -> Any:
        # The page of the test before may ask for its pictures still, as this one's size reaches it.
        browser.served.append(address.split("/")[2])
        browser.may_ask = lambda url: any(server in url for server in browser.served[-2:])
        tab = browser.open(**options)
        shown(tab, address + view, anew=anew)
        return tab

    yield opened
    assert browser.closed() == []


@pytest.fixture
def tab(tabs: Open, address: str) -> Any:
    return tabs(address)
