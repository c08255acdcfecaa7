"""The viewer on runs of somebody who means harm."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from stylize.errors import StylizeError
from tests.support.asked_viewer import Opened
from tests.support.hostile_out import CASES, EVIL, SECRET_PX, plain
from tests.support.viewed import viewed_run

NOT_OPENED = (
    "settings_json  and", "settings_json NaN", 'settings_json {"format": "../x"}', "a mix that is no list",
    "rows that are a file", "a part that is a folder", "a part that is a pipe", "a part that is empty",
    "a part that is text",
)  # fmt: skip
"""Cases whose rows cannot be read; all others are opened, and show something."""


class PastTheServer(Opened):
    """Gives the site's files as they are: a server takes most of a request's time, and does the same for all OUTs."""

    def get(self, path: str = "", **more: Any) -> httpx.Response:
        if not path.startswith(self.viewer.site.base):
            return super().get(path, **more)
        try:
            file = self.viewer.site.get(path)
        except StylizeError as error:
            return httpx.Response(503, text=str(error))
        return httpx.Response(404) if file is None else httpx.Response(200, content=file.data)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    return plain(tmp_path / "beside" / "out")


@pytest.mark.parametrize("name", CASES)
def test_of_a_hostile_out_nothing_is_obeyed_and_no_other_file_is_shown(
    hostile: Path, name: str, tmp_path: Path
) -> None:
    CASES[name](hostile)
    with pytest.raises(StylizeError) if name.startswith(NOT_OPENED) else contextlib.nullcontext():
        is_harmless(PastTheServer(str(hostile), cache=tmp_path / "cache"), name.endswith("and others"))


def test_a_plain_out_is_shown(hostile: Path, tmp_path: Path) -> None:
    """So that the test above means something."""
    opened = Opened(str(hostile), cache=tmp_path / "cache")
    is_harmless(opened)
    assert opened.picture("picture-result/0.jpg") is not None


def is_harmless(opened: Opened, each_row: bool = False) -> None:
    index = opened.data("index")
    for column in index["columns"]:
        raw = opened.data(f"columns/{column['name']}")
        shown = "".join(raw.get("names", ()))
        assert not [one for one in shown if not one.isprintable()], column
    assert len(opened.data("rows/0")) == index["rows"]
    for kind in ("result", "photo", "artwork"):
        for form in ("thumb", "picture"):
            # Else what names a picture is the same in all rows.
            for number in range(index["rows"]) if each_row else {0, index["rows"] - 1}:
                found = opened.picture(f"{form}-{kind}/{number}.jpg")
                assert found is None or (kind == "result" and found.size != SECRET_PX), (kind, number)
    assert opened.get("votes").status_code in (200, 400)


def test_a_picture_that_is_a_page_is_not_served_as_one(opened: Opened, out: Path) -> None:
    (out / "images" / "microast" / "0-0.jpg").write_text("<script>alert(1)</script>")
    assert opened.get(f"{opened.viewer.site.base}picture-result/1.jpg").status_code == 404


def test_names_do_not_leave_their_strings(tmp_path: Path) -> None:
    out = viewed_run(tmp_path / "out", photo=f"</script><script>alert(1)</script>{EVIL}\u2028")
    opened = Opened(str(out), cache=tmp_path / "cache")
    text = opened.get("v1/columns/photo.js").text
    assert "<" not in text
    assert text.isascii()
    assert len(text.splitlines()) == 1
