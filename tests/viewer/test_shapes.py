"""Pictures keep their proportions, whatever the window's."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylize import images
from stylize.viewer.server import Viewer
from tests.support.browser import Tabs
from tests.support.made_rows import row, written
from tests.support.samples import picture
from tests.support.viewed import served, viewed_run
from tests.support.viewed_page import Open, shown, turned_to

SIZES = "all => all.map(one => [one.clientWidth, one.clientHeight])"


def test_upright_pictures_are_not_stretched(tabs: Open, tmp_path: Path) -> None:
    out = viewed_run(tmp_path / "out", 2, 1, width_px=100, height_px=128)
    with served(Viewer({out: str(out)}, tmp_path / "cache", trusted=True)) as url:
        tab = tabs(url, "#view=failures")
        tab.evaluate("localStorage.setItem('stylize-voter', 'Ada')")
        for window in ((1280, 800), (420, 800), (1600, 500)):
            tab.set_viewport_size({"width": window[0], "height": window[1]})
            for view, panes in (("vote", 2), ("picture&at=2", 3)):
                turned_to(tab, f"view={view}")
                sizes = tab.locator(".pane").evaluate_all(SIZES)
                assert len(sizes) == panes
                for width, height in sizes:
                    assert width / height == pytest.approx(100 / 128, rel=0.01), window
            # Nor is room left for taller ones in the grid.
            turned_to(tab, "view=grid")
            assert {a == b for a, b in tab.locator(".slot img").evaluate_all(SIZES)} == {True}, window
            turned_to(tab, "view=vote")
            left, right = tab.locator(".two .pane").evaluate_all(SIZES)
            assert left == right
            tab.get_by_label("zoom in").click()
            moved = tab.locator(".two .inner").evaluate_all("all => all.map(one => one.style.transform)")
            assert len(set(moved)) == 1


def test_very_tall_pictures_leave_the_rest_of_the_page_in_reach_and_are_seen(tabs: Open, tmp_path: Path) -> None:
    (tmp_path / "inputs").mkdir()
    for name, width, height in (("art0", 40, 3000), ("photo0", 3000, 40)):
        (tmp_path / "inputs" / f"{name}.png").write_bytes(images.encode(picture(0, width, height), "png", 90))
    out = viewed_run(tmp_path / "out", 2, 1, width_px=40, height_px=3000)
    with served(Viewer({out: str(out)}, tmp_path / "cache", trusted=True)) as url:
        tab = tabs(url, "#view=picture&at=2")
        tab.wait_for_selector(".panes .pane")
        for width, height in tab.locator(".panes .pane").evaluate_all(SIZES):
            assert (width >= 64, height <= 720) == (True, True)  # wide enough for what zooming shows
        fits = "all => all.map(one => getComputedStyle(one).objectFit)"
        assert set(tab.locator(".panes .pane img").evaluate_all(fits)) == {"contain"}
        turned_to(tab, "view=grid")
        for one in tab.locator(".artwork img, .photo img").all():
            one.evaluate("one => one.decode()")
            assert min(one.evaluate("one => [one.clientWidth, one.clientHeight]")) >= 32


@pytest.mark.parametrize(("width", "height"), [(8, 4000), (4000, 8)])
def test_a_strip_of_a_picture_is_scrolled_under_the_slider(tabs: Open, tmp_path: Path, width: int, height: int) -> None:
    out = viewed_run(tmp_path / "out", 2, 1, width_px=width, height_px=height)
    with served(Viewer({out: str(out)}, tmp_path / "cache", trusted=True)) as url:
        tab = tabs(url, "#view=picture&at=2")
        ((across, down),) = tab.locator(".compare").evaluate_all(SIZES)
        assert min(across, down) >= 24
        assert across / down == pytest.approx(width / height, rel=0.01)
        ((across, down),) = tab.locator(".whole").evaluate_all(SIZES)
        assert (across <= 1280, down <= 0.67 * 800) == (True, True)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 1280


def test_rows_of_the_grid_are_as_high_as_the_tallest_picture_if_there_is_one(tabs: Open, tmp_path: Path) -> None:
    out = viewed_run(tmp_path / "out", 2, 1)
    with served(Viewer({out: str(out)}, tmp_path / "cache", trusted=True)) as url:
        sizes = tabs(url, "#view=grid").locator(".slot img").evaluate_all(SIZES)
        assert sizes
        assert {width / height for width, height in sizes} == {96 / 64}
    none = viewed_run(tmp_path / "none", 1, 1, status="failed", output_uri=None, width_px=None, height_px=None)
    with served(Viewer({none: str(none)}, tmp_path / "cache", trusted=True)) as url:
        assert tabs(url, "#view=grid").locator(".slot .fail").all_inner_texts() == ["failed", "failed"]


def test_a_photos_own_size_is_told_from_another(browser: Tabs, tmp_path: Path) -> None:
    same = {"content_uri": "/photos/a.jpg", "output_uri": "images/a.jpg"}
    out = written(tmp_path / "out", [row(n, resolution_px=px, **same) for n, px in enumerate((None, 512))])
    with served(Viewer({out: str(out)}, tmp_path / "cache")) as url:
        shown(tab := browser.open(), f"{url}#view=picture&at=0")
        assert tab.locator(".panes figcaption a").all_inner_texts() == ["compact", "compact, 512 px"]
    browser.closed()


def test_a_picture_whose_file_is_gone_is_told_in_its_place(browser: Tabs, tmp_path: Path) -> None:
    out = viewed_run(tmp_path / "out", 2, 1)
    for gone in (out / "images/compact/1-0.jpg", tmp_path / "inputs/photo1.png"):
        gone.unlink()
    with served(Viewer({out: str(out)}, tmp_path / "cache", trusted=True)) as url:
        browser.may_ask = lambda url: True
        tab = browser.open()
        for view, told in (("grid", [""]), ("picture&at=2", ["after", "before", ""]), ("picture&at=3", ["before", ""])):
            shown(tab, f"{url}#view={view}")
            seen = tab.locator(".slot .gone, .pane .gone")
            seen.nth(len(told) - 1).wait_for()
            assert seen.all_inner_texts() == ["cannot be shown"] * len(told)
            assert [one.strip() for one in seen.evaluate_all("all => all.map(one => one.className.slice(5))")] == told
        browser.closed()  # the browser itself reports files that are not there


def test_labels_of_the_grid_grow_with_the_browsers_text(tabs: Open, tmp_path: Path) -> None:
    out = viewed_run(tmp_path / "out", 2, 1)
    with served(Viewer({out: str(out)}, tmp_path / "cache", trusted=True)) as url:
        tab = tabs(url, "#view=failures")
        for percent in (100, 200):
            tab.evaluate("percent => { document.documentElement.style.fontSize = `${percent}%`; }", percent)
            turned_to(tab, "view=grid")
            for name, within in ((".slot .label", ".strip"), (".artwork span", ".top")):
                lowest = f"""one => [one.scrollHeight - one.clientHeight,
                    one.getBoundingClientRect().bottom - one.closest({within!r}).getBoundingClientRect().bottom]"""
                for cut, below in tab.locator(name).evaluate_all(f"all => all.map({lowest})"):
                    assert cut <= 1, percent
                    assert below <= 0, percent
