from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize.report.names import distinct, run_names
from tests.support.made_rows import row, rows


@pytest.mark.parametrize(
    ("uris", "names"),
    [
        (["/p/a.jpg", "/p/b.jpg"], ["a", "b"]),
        (["/p/day/IMG_0001.jpg", "/p/night/IMG_0001.jpg", "/p/x.jpg"], ["day/IMG_0001", "night/IMG_0001", "x"]),
        (["/p/IMG_0001.jpg", "/p/IMG_0001.png"], ["IMG_0001.jpg", "IMG_0001.png"]),
        (["/p/day/a.JPG", "/p/night/a.jpg"], ["day/a", "night/a"]),
        (["/p/a.JPG", "/p/a.jpg"], ["a.JPG", "a.jpg"]),
        (["/p/d/a.jpg", "/p/d/a.png", "/q/d/a.jpg"], ["p/d/a.jpg", "p/d/a.png", "q/d/a.jpg"]),
        (["s3://one/a.jpg", "s3://two/a.jpg"], ["one/a", "two/a"]),
        (["/a.jpg", "/p/a.jpg"], ["/a", "p/a"]),
        (["/p/q/a.jpg", "/r/a.jpg", "/r/q/a.jpg"], ["p/q/a", "/r/a", "r/q/a"]),
        (["file:///a.jpg", "file:///p/a.jpg"], ["/a", "p/a"]),
        (["file:///p/a.jpg", "/p/a.jpg"], ["file:///p/a.jpg", "/p/a.jpg"]),
        (["s3://one/a.jpg", "gs://one/a.jpg", "s3://b/c.jpg"], ["s3://one/a.jpg", "gs://one/a.jpg", "c"]),
    ],
)
def test_a_name_is_no_longer_than_it_takes_to_tell_files_apart(uris: list[str], names: list[str]) -> None:
    assert [distinct(uris)[uri] for uri in uris] == names


_part = st.text("ab. ", min_size=1, max_size=3)


@given(st.lists(st.builds("/".join, st.lists(_part, min_size=1, max_size=4)), unique=True, max_size=12))
def test_no_two_have_the_same_name(uris: list[str]) -> None:
    named = distinct(uris)
    assert set(named) == set(uris)
    assert len(set(named.values())) == len(uris)


def test_artworks_of_one_name_in_two_folders_are_two_lines_of_a_table() -> None:
    made = rows([row(1, style_uri="/art/ink/wave.jpg"), row(2, style_uri="/art/oil/wave.jpg")])
    assert made["style"].tolist() == ["ink/wave", "oil/wave"]
    assert rows([row(1, style_uri="/art/ink/wave.jpg")])["style"].tolist() == ["wave"]


@pytest.mark.parametrize(
    ("outs", "names"),
    [
        (["/a/out", "/b/other"], ["out", "other"]),
        (["/a/out", "/b/out"], ["a/out", "b/out"]),
        (["/x/a/out", "/y/a/out"], ["a/out (1)", "a/out (2)"]),
    ],
)
def test_runs_whose_folders_are_called_the_same_are_told_apart(outs: list[str], names: list[str]) -> None:
    assert run_names([Path(out) for out in outs]) == names
