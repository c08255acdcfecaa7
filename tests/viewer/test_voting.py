"""Blind votes in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stylize.viewer.server import Viewer
from stylize.votes import read_votes
from tests.support.browser import Tabs
from tests.support.made_rows import row
from tests.support.viewed import METHODS, served, viewed_run
from tests.support.viewed_page import settled, shown, turned_to

NONE_KEPT = "() => localStorage.getItem('stylize-votes-not-yet-taken') === '[]'"


@pytest.fixture(scope="module")
def served_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("voted-on")
    out = viewed_run(folder / "out", 3, 2)  # five pairs: the first result of the sixth failed
    with served(Viewer({out: str(out)}, folder / "cache", trusted=True)) as url:
        yield out, url


@pytest.fixture
def out(served_once: tuple[Path, str]) -> Iterator[Path]:
    yield served_once[0]
    shutil.rmtree(served_once[0] / "votes", ignore_errors=True)


@pytest.fixture
def url(served_once: tuple[Path, str], out: Path) -> str:
    """The address of its viewer, for tests that change nothing but its votes."""
    return served_once[1]


@pytest.fixture
def own_out(tmp_path: Path) -> Path:
    return viewed_run(tmp_path / "out", 3, 2)


@pytest.fixture
def viewer(own_out: Path, tmp_path: Path) -> Viewer:
    return Viewer({own_out: str(own_out)}, tmp_path / "cache", trusted=True)


@pytest.fixture
def page(browser: Tabs) -> Iterator[Any]:
    yield browser.open(viewport={"width": 1000, "height": 800})
    browser.closed()


def begin(page: Any, url: str, voter: str = "Ada") -> None:
    shown(page, url + "#view=vote")
    give_name(page, voter)


def give_name(page: Any, voter: str) -> None:
    page.locator("input[name=voter]").fill(voter)
    settled(page, lambda: page.keyboard.press("Enter"))


def voted(page: Any, key: str) -> None:
    """Press a key, and wait for the next pair or the end."""
    settled(page, lambda: page.keyboard.press(key))


def votes(out: Path) -> pd.DataFrame:
    frame: pd.DataFrame = read_votes(str(out)).to_pandas()
    return frame


def sides(page: Any) -> list[str]:
    """What each side shows."""
    found: list[str] = page.locator(".two img").evaluate_all("""all => Promise.all(all.map(async (one) => {
        await one.decode();
        const size = { width: one.naturalWidth, height: one.naturalHeight };
        const canvas = Object.assign(document.createElement("canvas"), size);
        canvas.getContext("2d").drawImage(one, 0, 0);
        return canvas.toDataURL();
    }))""")
    return found


def test_an_address_does_not_tell_which_row_it_shows(page: Any, url: str) -> None:
    begin(page, url)
    shown = page.locator(".two img").evaluate_all("all => all.map(one => one.src)")
    assert [re.sub("[0-9a-f-]{36}$", "", one) for one in shown] == ["blob:" + url.rsplit("/", 2)[0] + "/"] * 2
    assert "recorded-result" not in page.content()


def test_each_key_is_a_vote_until_every_pair_is_judged(page: Any, url: str, out: Path) -> None:
    begin(page, url)
    assert "compact" not in page.locator("main").inner_text()
    for key in ("ArrowLeft", "ArrowRight", "ArrowDown", "1"):
        voted(page, key)
    page.get_by_text("Right is better").click()
    page.get_by_text("Ada has judged every pair").wait_for()
    cast = votes(out)
    assert cast["choice"].tolist() == ["left", "right", "same", "left", "right"]
    assert set(cast["voter"]) == {"Ada"}
    assert set(cast["left_method"]) | set(cast["right_method"]) == {"compact", "microast"}
    assert not cast.duplicated(["content_uri", "style_uri"]).any()


def test_several_voters_each_judge_every_pair(page: Any, url: str, out: Path) -> None:
    begin(page, url)
    voted(page, "ArrowLeft")
    as_another(page, "Grace")
    for _ in range(5):
        voted(page, "ArrowDown")
    page.get_by_text("Grace has judged every pair").wait_for()
    assert votes(out)["voter"].value_counts().to_dict() == {"Grace": 5, "Ada": 1}


def test_a_vote_may_be_undone(page: Any, url: str, out: Path) -> None:
    begin(page, url)
    first = sides(page)
    voted(page, "ArrowLeft")
    assert sides(page) != first
    voted(page, "u")
    assert sides(page) == first
    voted(page, "ArrowRight")
    assert votes(out)["choice"].tolist() == ["right"]


def as_another(page: Any, voter: str) -> None:
    settled(page, page.get_by_text("Another voter").click)
    give_name(page, voter)


def test_a_vote_that_is_being_changed_is_not_given_to_another_voter(page: Any, url: str, out: Path) -> None:
    begin(page, url)
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "u"):
        voted(page, key)
    assert page.get_by_text("counts until you give another").is_visible()
    as_another(page, "Bob")
    voted(page, "ArrowLeft")
    voted(page, "u")
    as_another(page, "Ada")
    assert not page.get_by_text("counts until you give another").count()
    assert votes(out)[["voter", "choice"]].value_counts().to_dict() == {("Ada", "right"): 3, ("Bob", "left"): 1}


def test_a_pair_that_is_judged_anew_is_left_where_other_rows_are_asked_for(page: Any, url: str, out: Path) -> None:
    begin(page, url)
    voted(page, "ArrowLeft")
    voted(page, "u")
    judged = votes(out)["left_task_id"][0]
    every = page.evaluate("() => Promise.all([...Array(viewer.index.rows).keys()].map(viewer.row))")
    photo = next(one["photo"] for one in every if one["task_id"] == judged)
    turned_to(page, f"view=vote&f=photo~not~{photo}")
    assert not page.get_by_text("counts until you give another").count()
    voted(page, "ArrowRight")
    assert votes(out)["choice"].tolist() == ["left", "right"]


def test_what_cannot_be_shown_is_not_voted_on(page: Any, viewer: Viewer, own_out: Path) -> None:
    gone, other, text = (own_out / "images" / "microast" / f"{name}.jpg" for name in ("0-1", "1-0", "1-1"))
    gone.unlink()
    other.write_bytes((own_out / "images" / "compact" / "1-0.jpg").read_bytes())
    text.write_text("no picture")
    with served(viewer) as url:
        begin(page, url)
        for _ in range(2):
            assert page.locator(".two img").evaluate_all("all => all.map(one => one.decode())")
            voted(page, "ArrowLeft")
        page.get_by_text("Ada has judged every pair of these rows that can be shown").wait_for()
        assert page.locator("#passed").inner_text().startswith("3 pairs passed over")
    assert len(votes(own_out)) == 2


def test_a_pair_in_two_tabs_counts_once(page: Any, url: str, out: Path) -> None:
    begin(page, url + "?two")  # no page of other tests: what gives its pairs is changed
    tab = page.context.new_page()
    tab.goto(url + "#view=vote")
    tab.wait_for_selector(".two")
    row = "async pair => { viewer.nextPair = () => pair; await viewer.redraw(); viewer.nextPair = () => null; }"
    for one in (page, tab):
        one.evaluate(row, {"left": 2, "right": 3})
    voted(page, "ArrowLeft")
    voted(tab, "ArrowRight")
    tab.get_by_text("You had judged that pair already").wait_for()
    tab.close()
    assert votes(out)["choice"].tolist() == ["left"]


def test_the_last_vote_of_all_may_be_changed(page: Any, url: str, out: Path) -> None:
    begin(page, url)
    for key in (*["ArrowLeft"] * 5, "u", "ArrowRight"):
        voted(page, key)
    page.get_by_text("Ada has judged every pair").wait_for()
    assert votes(out)["choice"].value_counts().to_dict() == {"left": 4, "right": 1}


def test_a_reload_loses_no_vote_and_shows_no_pair_again(page: Any, url: str, out: Path) -> None:
    begin(page, url)
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(NONE_KEPT)
        page.reload()
        page.wait_for_selector(".two, .none")
    assert len(votes(out)) == 5


def not_taken(page: Any, viewer: Viewer) -> int:
    """Give a vote to a viewer that has ended; returns its port."""
    with served(viewer) as url:
        begin(page, url)
    page.keyboard.press("ArrowLeft")
    page.get_by_text("the viewer does not answer: start it again on the same port and open the address").wait_for()
    return int(url.split(":")[2].split("/")[0])


def test_a_vote_that_the_viewer_did_not_take_is_kept_until_it_does(page: Any, viewer: Viewer, own_out: Path) -> None:
    port = not_taken(page, viewer)
    assert votes(own_out).empty
    with served(viewer, port):
        page.wait_for_function(NONE_KEPT)
    assert votes(own_out)["choice"].tolist() == ["left"]


def test_a_page_of_a_viewer_that_was_started_again_says_what_helps(
    page: Any, viewer: Viewer, own_out: Path, tmp_path: Path
) -> None:
    port = not_taken(page, viewer)
    with served(Viewer({own_out: str(own_out)}, tmp_path / "cache"), port) as url:
        page.get_by_text("Open the one that it printed last, in this browser").wait_for()
        page.goto(url + "#view=vote")
        page.wait_for_function(NONE_KEPT)
    assert votes(own_out)["choice"].tolist() == ["left"]


def test_a_vote_on_other_runs_waits_for_their_viewer(page: Any, viewer: Viewer, own_out: Path, tmp_path: Path) -> None:
    other = viewed_run(tmp_path / "other" / "out", run_id="another")
    port = not_taken(page, viewer)
    with served(Viewer({other: str(other)}, tmp_path / "cache"), port) as url:
        page.goto(url + "#view=vote")
        page.wait_for_selector(".two")
        voted(page, "ArrowRight")
    assert votes(other)["choice"].tolist() == ["right"]
    with served(viewer, port) as url:
        page.goto(url + "#view=vote")
        page.wait_for_function(NONE_KEPT)
    assert votes(own_out)["choice"].tolist() == ["left"]


def test_sides_are_by_chance(page: Any, url: str) -> None:
    begin(page, url)
    drawn = page.evaluate("""async () => {
      const pairs = await viewer.ballot(await viewer.rows(), "method");
      return Array.from({ length: 400 }, () => viewer.nextPair(pairs, [], "Ada").left % 2);
    }""")
    assert 140 <= sum(drawn) <= 260


@pytest.mark.parametrize(("others", "pairs"), [(["b", "b"], 1), (["b", "c"], 0)])
def test_mixes_meet_where_all_their_artworks_are_the_same(
    page: Any, tmp_path: Path, others: list[str], pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mixed(number: int, **told: Any) -> dict[str, Any]:
        mix = json.dumps([told["style_uri"], others[METHODS.index(told["stylizer"])]])
        return row(number, **told, style_uris=mix, style_weights="[1, 1]")

    monkeypatch.setattr("tests.support.viewed.row", mixed)
    out = viewed_run(tmp_path / "out", 2, 1)
    with served(Viewer({out: str(out)}, tmp_path / "cache")) as url:
        shown(page, url)
        found = page.evaluate("""async () => (await viewer.ballot(await viewer.rows(), "method")).size""")
    assert found == pairs


def test_pairs_with_the_fewest_votes_come_first(page: Any, tmp_path: Path) -> None:
    out = viewed_run(tmp_path / "out", 4, 2, ("a", "b", "c"))
    with served(Viewer({out: str(out)}, tmp_path / "cache")) as url:
        shown(page, url + "#view=failures")
        met = page.evaluate("""async () => {
          const pairs = await viewer.ballot(await viewer.rows(), "method"), { of } = await viewer.column("method");
          const votes = [];
          for (let i = 0; i < 9; i++) votes.push({ voter: "Ada", ...viewer.nextPair(pairs, votes, "Ada") });
          return votes.map(({ left, right }) => [of(left), of(right)].sort().join());
        }""")
    assert sorted(pd.Series(met).value_counts()) == [3, 3, 3]


def test_one_method_alone_is_nothing_to_vote_on(page: Any, tmp_path: Path) -> None:
    out = viewed_run(tmp_path / "out", 3, 2, ("compact",))
    with served(Viewer({out: str(out)}, tmp_path / "cache")) as url:
        page.goto(url + "#view=vote")
        page.get_by_text("nothing to compare").wait_for()
