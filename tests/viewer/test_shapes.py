"""Pictures keep their proportions, whatever the window's."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylize.viewer.server import Viewer
from tests.support.viewed import served, viewed_run
from tests.support.viewed_page import Open, turned_to

SIZES = "all => all.map(one => [one.clientWidth, one.clientHeight])"


@pytest.mark.parametrize("window", [(1280, 800), (420, 800), (1600, 500)])
def test_upright_pictures_are_not_stretched(tabs: Open, tmp_path: Path, window: tuple[int, int]) -> None:
    out = viewed_run(tmp_path / "out", 2, 1, width_px=100, height_px=128)
    with served(Viewer({out: str(out)}, tmp_path / "cache", trusted=True)) as url:
        tab = tabs(url, "#view=failures", viewport={"width": window[0], "height": window[1]})
        tab.evaluate("localStorage.setItem('stylize-voter', 'Ada')")
        for view, panes in (("vote", 2), ("picture&at=2", 3)):
            turned_to(tab, f"view={view}")
            sizes = tab.locator(".pane").evaluate_all(SIZES)
            assert len(sizes) == panes
            for width, height in sizes:
                assert width / height == pytest.approx(100 / 128, rel=0.01)
        turned_to(tab, "view=vote")
        left, right = tab.locator(".two .pane").evaluate_all(SIZES)
        assert left == right
        tab.get_by_label("zoom in").click()
        moved = tab.locator(".two .inner").evaluate_all("all => all.map(one => one.style.transform)")
        assert len(set(moved)) == 1


@pytest.mark.parametrize("percent", [100, 200])
def test_labels_of_the_grid_grow_with_the_browsers_text(tabs: Open, tmp_path: Path, percent: int) -> None:
    out = viewed_run(tmp_path / "out", 2, 1)
    with served(Viewer({out: str(out)}, tmp_path / "cache", trusted=True)) as url:
        tab = tabs(url, "#view=failures")
        tab.evaluate("percent => { document.documentElement.style.fontSize = `${percent}%`; }", percent)
        turned_to(tab, "view=grid")
        for name, within in ((".slot .label", ".strip"), (".artwork span", ".top")):
            lowest = f"""one => [one.scrollHeight - one.clientHeight,
                one.getBoundingClientRect().bottom - one.closest({within!r}).getBoundingClientRect().bottom]"""
            for cut, below in tab.locator(name).evaluate_all(f"all => all.map({lowest})"):
                assert cut <= 1
                assert below <= 0
