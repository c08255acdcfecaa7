"""Which of a run's results have a plain name: no two tasks share one, and what OUT holds is never overwritten."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize.naming import LAYOUTS, same_file
from stylize.tasks.output_names import NamesInUse, OutputNames
from stylize.tasks.task import Input, Pair

FIRST, SECOND, THIRD = ("1" * 64, "2" * 64, "3" * 64)


def pair(photo: str, artwork: str = "/art/ink/wash.jpg") -> Pair:
    return Pair(Input(photo, "1:1", None), Input(artwork, "1:1", None))


def names(in_use: NamesInUse | None = None, layout: str = "by-style") -> OutputNames:
    own = OutputNames(LAYOUTS[layout], "compact", "jpg", "/photos", "/art")
    own.spare(in_use or NamesInUse(), lambda pair: len(pair.content.uri))
    return own


def test_a_photos_place_is_kept_and_no_key_stands_in_its_name() -> None:
    assert names().name(pair("/photos/day/IMG_1.jpg"), FIRST) == "ink/wash/day/IMG_1.jpg"


def test_two_photos_of_one_name_in_two_folders_stay_apart_without_a_key() -> None:
    own = names()
    first, second = own.name(pair("/photos/a/IMG_1.jpg"), FIRST), own.name(pair("/photos/b/IMG_1.jpg"), SECOND)
    assert (first, second) == ("ink/wash/a/IMG_1.jpg", "ink/wash/b/IMG_1.jpg")


def test_of_two_photos_that_differ_in_suffix_alone_the_second_gets_its_key() -> None:
    own = names()
    assert own.name(pair("/photos/a.heic"), FIRST) == "ink/wash/a.jpg"
    assert own.name(pair("/photos/A.png"), SECOND) == "ink/wash/A--2222222222.jpg"


@pytest.mark.parametrize(
    "uri",
    ["/out/images/ink/wash/a.png", "s3://b/images/out/images/ink/wash/a.jpg", "file:///%FF/images/ink/wash/a.jpg"],
)
def test_a_name_that_out_holds_for_another_task_gets_a_key_and_its_own_does_not(uri: str) -> None:
    in_use = NamesInUse([(uri, FIRST)])
    assert names(in_use).name(pair("/photos/a.jpg"), SECOND) == "ink/wash/a--2222222222.jpg"
    assert names(in_use).name(pair("/photos/a.jpg"), FIRST) == "ink/wash/a.jpg"
    assert names(in_use).name(pair("/photos/b.jpg"), SECOND) == "ink/wash/b.jpg"


def test_a_name_of_a_deleted_result_goes_to_the_same_work_alone() -> None:
    uri = "/photos/a.jpg"
    for work, name in ((len(uri), "ink/wash/a.jpg"), (1, "ink/wash/a--2222222222.jpg")):
        assert names(NamesInUse([], [("/out/images/ink/wash/a.jpg", work)])).name(pair(uri), SECOND) == name


def test_a_name_that_only_somebodys_file_has_gets_a_key() -> None:
    own = OutputNames(LAYOUTS["by-style"], "compact", "jpg", "/photos", "/art")
    asked = []

    def foreign(name: str, task_id: str) -> bool:
        asked.append((name, task_id))
        return "b" in name

    own.spare(NamesInUse([("/out/images/ink/wash/a.jpg", FIRST)]), lambda pair: 0, foreign)
    assert own.name(pair("/photos/a.jpg"), FIRST) == "ink/wash/a.jpg"
    assert own.name(pair("/photos/b.jpg"), SECOND) == "ink/wash/b--2222222222.jpg"
    assert own.name(pair("/photos/c.jpg"), THIRD) == "ink/wash/c.jpg"
    assert asked == [("ink/wash/b.jpg", SECOND), ("ink/wash/c.jpg", THIRD)]


@pytest.mark.parametrize("template", ["{key}", "{photo_name}-{key}"])
def test_keys_that_begin_alike_stay_apart_where_names_are_made_of_them(template: str) -> None:
    own = OutputNames(template, "compact", "jpg", "/photos", "/art")
    given = {own.name(pair("/photos/a.jpg"), "1" * 10 + digit * 54) for digit in "23"}
    assert len({same_file(name) for name in given}) == 2


def test_folders_that_read_as_one_path_stay_apart() -> None:
    own = names()
    first = own.name(pair("/photos/a/b.jpg", "/art/ink.jpg"), FIRST)
    second = own.name(pair("/photos/b.jpg", "/art/ink/a.jpg"), SECOND)
    assert first == "ink/a/b.jpg"
    assert second == "ink/a/b--2222222222.jpg"


def test_a_pair_that_cannot_be_done_takes_no_plain_name() -> None:
    own, uri = names(), "/photos/a.jpg"
    bad = Pair(Input(uri, "1:1", None, "row 3: no number"), pair(uri).style)
    assert own.name(bad, FIRST) == "ink/wash/a--1111111111.jpg"
    assert own.name(pair(uri), SECOND) == "ink/wash/a.jpg"


PART = st.text("aA.- /é", min_size=1, max_size=6)


@given(st.lists(st.tuples(PART, PART), unique=True, max_size=20), st.sampled_from(sorted(LAYOUTS)))
def test_no_two_tasks_ever_share_a_file(inputs: list[tuple[str, str]], layout: str) -> None:
    own = names(layout=layout)
    tasks = [(pair(f"/photos/{c}", f"/art/{s}"), f"{n:064x}"[::-1]) for n, (c, s) in enumerate(inputs)]
    files = [same_file(own.name(one, task_id)) for one, task_id in tasks]
    assert all(a != b for a, b in itertools.combinations(files, 2))
