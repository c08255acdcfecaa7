"""The viewer's page where it is hard: narrow, dark, hostile names, many rows, from a disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stylize.results.schema import to_batch
from stylize.results.store import RowStore
from stylize.viewer.export import export
from stylize.viewer.media import Media
from stylize.viewer.server import Viewer
from stylize.viewer.site import Site
from stylize.viewer.table import Table
from tests.support.browser import Tabs
from tests.support.made_rows import row
from tests.support.viewed import served, viewed_run
from tests.support.viewed_page import Open, add_filter, count, settled, shown, turned_to

NARROW = {"width": 420, "height": 800}
EVIL = '"><script>document.title="owned"</script><img src=x onerror=document.title="owned">\u202egpj.exe'


def no_wider_than_the_window(tab: Any) -> bool:
    return bool(tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_narrow_and_dark(tabs: Open, address: str) -> None:
    tab = tabs(address, viewport=NARROW)
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    for view in ("grid", "plot", "failures", "vote", "picture&at=3", "table"):
        turned_to(tab, f"view={view}")
        assert no_wider_than_the_window(tab), view
    box = tab.get_by_role("columnheader", name="status").bounding_box()
    assert box["x"] + box["width"] <= NARROW["width"]
    cut = """one => {
      one.textContent = "Summer/a long name of it.jpg";
      return [one.scrollWidth - one.clientWidth, one.scrollHeight - one.clientHeight];
    }"""
    assert tab.locator(".lines .text span").first.evaluate(cut) == [0, 0]
    turned_to(tab, "view=grid")
    assert max(tab.locator(".photo span").first.evaluate(cut)) <= 1
    tab.locator(".photo img").first.evaluate("one => one.dispatchEvent(new Event('error'))")
    gone, name = (tab.locator(".photo").first.locator("span").nth(n).bounding_box() for n in (0, 1))
    assert gone["y"] + gone["height"] <= name["y"]


def test_names_are_no_markup(tabs: Open, tmp_path: Path) -> None:
    changes = dict.fromkeys(("photo", "style", "error", "content_type", "node"), EVIL)
    out = viewed_run(tmp_path / EVIL.replace("/", "")[:60], 2, 1, (EVIL.replace("/", ""), "compact"), **changes)
    found = f"table&f=photo~has~{EVIL[:20]}"
    with served(Viewer({out: str(out)}, tmp_path / "cache", trusted=True)) as url:
        tab = tabs(url, f"#view={found}")
        for view in ("table", "grid", "plot&colour=photo", "failures", "vote", "picture&at=1", found):
            turned_to(tab, f"view={view}")
            assert "owned" not in tab.title()[:5]
            assert tab.locator("[onerror], main script").count() == 0
            assert "\u202e" not in tab.locator("body").inner_text()
            if view == "picture&at=1":
                assert EVIL[:40] in tab.locator("h1").inner_text()


def test_an_export_works_from_the_disk(tabs: Open, outs: list[Path], tmp_path: Path) -> None:
    runs = {out: str(out) for out in outs}
    table = Table(runs)
    page = tmp_path / "page"
    export(
        Site(table, Media(table, tmp_path / "cache", trusted=True), version=0, live=False), page, lambda number: None
    )
    tab = tabs((page / "index.html").as_uri())
    assert count(tab) == "32 rows"
    assert "Vote" not in tab.locator("#tabs").inner_text()
    tab.wait_for_function("() => [...document.querySelectorAll('.lines img')].some(img => img.naturalWidth === 96)")
    settled(tab, tab.locator(".lines .line").nth(1).click)
    tab.wait_for_function("() => [...document.querySelectorAll('.compare img')].every(img => img.naturalWidth === 96)")
    assert "row=" in tab.evaluate("location.href")


def test_of_a_hundred_thousand_rows_only_those_in_sight_are_in_the_page(tabs: Open, tmp_path: Path) -> None:
    with RowStore.open(tmp_path / "out") as store:
        some = to_batch([row(n, output_uri=None) for n in range(1000)])
        for start in range(0, 100_000, 1000):
            own = {
                "task_id": [f"{n:032x}" * 2 for n in range(start, start + 1000)],
                "ssim": np.arange(start, start + 1000) / 1e5,
            }
            arrays = {
                name: pa.array(own.get(name, some[name]), some.schema.field(name).type) for name in some.schema.names
            }
            store.add(pa.record_batch(arrays, some.schema))
    with served(Viewer({tmp_path / "out": str(tmp_path / "out")}, tmp_path / "cache")) as url:
        tab = tabs(url)
        files: list[str] = []
        tab.on("request", lambda request: files.append(request.url))
        assert count(tab) == "100000 rows"
        box = tab.locator(".scroller")
        for share in (0.25, 0.5, 1):
            box.evaluate("(box, share) => { box.scrollTop = share * box.scrollHeight; }", share)
            tab.wait_for_function(
                "row => Math.abs(document.querySelector('.lines > :last-child')?.ariaRowIndex - row) < 30",
                arg=100_001 * share,
            )
            assert tab.locator(".line").count() < 60
        assert files == []  # columns were there, and nothing in sight has a picture
        settled(tab, tab.locator("button[data-column=ssim]").click)
        settled(tab, tab.locator("button[data-column=ssim]").click)
        assert "1" in tab.locator(".lines .line").first.locator(".cell.number").nth(1).inner_text()
        add_filter(tab, "ssim", "le", "0.00005")
        assert count(tab) == "6 of 100000 rows"
        settled(tab, tab.get_by_text("Grid").click)
        assert tab.locator(".strip").count() < 20


def test_an_open_page_keeps_its_rows_until_it_is_reloaded_and_says_so(browser: Tabs, out: Path, tmp_path: Path) -> None:
    viewer = Viewer({out: str(out)}, tmp_path / "cache")
    with served(viewer) as url:
        tab, other = browser.open(), browser.open()
        shown(tab, url)
        viewed_run(out, 4)
        shown(other, url)
        assert count(other) == "16 rows"
        assert count(tab) == "12 rows"
        tab.evaluate("location.hash = 'sort=task_id'")
        tab.get_by_text("the rows have changed: reload the page").wait_for()
        for one in (tab, other):
            one.goto("about:blank")
    browser.closed()


def test_a_page_whose_first_file_does_not_come_says_so(browser: Tabs, address: str) -> None:
    tab = browser.open()
    tab.route("**/columns/run.js", lambda route: route.abort())
    tab.goto(f"{address}?first")
    tab.get_by_text("columns/run could not be read").wait_for(timeout=5000)
    tab.unroute_all()
    browser.closed()
