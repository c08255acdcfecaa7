"""Which photo and artwork a result is of, by its name."""

from __future__ import annotations

import pytest

from stylize.errors import UsageError
from stylize.tasks.left_out import LeftOut
from stylize.tasks.matching import Matched, Names, Pattern, matched
from stylize.tasks.task import Input

USUAL = "{photo}_stylized_{style}"


def match(
    pattern: str, photos: list[str], artworks: list[str], results: list[str], wanted: list[str] | None = None
) -> Matched:
    def inputs(root: str, names: list[str]) -> list[Input]:
        return [Input(f"{root}/{name}", "1:1", None) for name in names]

    uris = None if wanted is None else [f"/p/{name}" for name in wanted]
    photos_, artworks_ = Names(inputs("/p", photos), "/p", uris), Names(inputs("/a", artworks), "/a")
    return matched(Pattern.of(pattern), photos_, artworks_, inputs("/r", results), "/r", LeftOut())


def told(found: Matched) -> dict[str, tuple[str, str]]:
    return {
        pair.result.uri[3:]: (pair.content.uri[3:], pair.style.uri[3:])
        for pair in found.pairs
        if pair.result is not None
    }


@pytest.mark.parametrize(
    ("pattern", "result"),
    [
        (USUAL, "cat_stylized_sea.png"),
        (USUAL + ".jpg", "cat_stylized_sea.png"),
        (USUAL, "deep/er/cat_stylized_sea.webp"),
        ("{style}/{photo}", "sea/cat.png"),
        ("{style}/{photo}", "run7/oil/sea/cat.png"),
        ("{photo}/by {style} (1)", "cat/by sea (1).png"),
        (USUAL, "CAT_Stylized_SEA.PNG"),
        (USUAL, "cat.jpg_stylized_sea.heic"),
    ],
)
def test_a_name_that_fits_is_found(pattern: str, result: str) -> None:
    found = match(pattern, ["pets/cat.jpg", "dog.jpg"], ["oil/sea.jpg", "ink/wash.jpg"], [result])
    assert told(found) == {result: ("pets/cat.jpg", "oil/sea.jpg")}
    assert (found.missing, found.first_missing) == (3, "/p/pets/cat.jpg x /a/ink/wash.jpg")


def test_what_stands_between_may_stand_in_names_too() -> None:
    names = ["a_stylized_b_stylized_c.png", "a_stylized_d.png"]
    found = match(USUAL, ["a.jpg", "a_stylized_b.jpg"], ["c.jpg", "d.jpg"], names)
    assert told(found) == {names[0]: ("a_stylized_b.jpg", "c.jpg"), names[1]: ("a.jpg", "d.jpg")}


def test_two_photos_of_one_name_are_told_apart_by_folders_and_named_where_not() -> None:
    photos, results = ["a/IMG_1.jpg", "b/IMG_1.jpg"], ["IMG_1_stylized_s.png", "b/IMG_1_stylized_s.png"]
    found = match(USUAL, photos, ["s.jpg"], results)
    assert told(found) == {results[1]: ("b/IMG_1.jpg", "s.jpg")}
    line = found.notes()[0]
    assert "/r/IMG_1_stylized_s.png fits /p/a/IMG_1.jpg x /a/s.jpg and /p/b/IMG_1.jpg x /a/s.jpg" in line
    assert "put results into folders" in line
    assert str(found.left_out) == "1 skipped: 1 .png (fits several photos or artworks)"


def test_two_artworks_of_one_name_are_told_apart_by_folders() -> None:
    results = ["monet/p_stylized_1.png", "degas/p_stylized_1.png"]
    found = match(USUAL, ["p.jpg"], ["monet/1.jpg", "degas/1.jpg"], results)
    assert told(found) == {results[0]: ("p.jpg", "monet/1.jpg"), results[1]: ("p.jpg", "degas/1.jpg")}


def test_names_as_our_own_results_have_them_fit() -> None:
    found = match("{style}/{photo}", ["c d/my photo!.jpg"], ["wave (1).jpg"], ["wave-1/c-d/my-photo.jpg"])
    assert len(found.pairs) == 1


def test_folders_of_a_photo_count_as_often_and_in_whichever_form_they_stand_in_a_results_name() -> None:
    photos = ["c d/my.jpg", "x/my.jpg"]
    results = ["sea/c d/my.png", "wash/c-d/my.png"]
    found = match("{style}/{photo}", photos, ["sea.jpg", "wash.jpg"], results)
    assert told(found) == {results[0]: (photos[0], "sea.jpg"), results[1]: (photos[0], "wash.jpg")}
    behind = match("of {photo}/{style}", photos, ["sea.jpg"], ["of x/my/sea.png"])
    assert told(behind) == {"of x/my/sea.png": (photos[1], "sea.jpg")}


def test_what_fits_nothing_or_comes_twice_is_counted_and_named() -> None:
    results = ["x_stylized_s.png", "p_stylized_s.jpg", "p_stylized_s.png", "notes.png"]
    found = match(USUAL, ["p.jpg"], ["s.jpg"], results)
    assert told(found) == {results[1]: ("p.jpg", "s.jpg")}
    assert found.left_out.total == 3
    assert found.notes() == ["2 results fit no photo and artwork, the first: /r/x_stylized_s.png"]


def test_results_without_a_suffix_are_counted_as_such_wherever_they_lie() -> None:
    found = match(USUAL, ["cat.jpg"], ["sea.jpg"], ["v1.2/dog_stylized_sea", "dog.png?width=1024 px"])
    assert str(found.left_out) == "2 skipped: 2 without a suffix (fits no photo and artwork)"


def test_a_result_of_a_photo_that_is_left_out_is_not_another_ones() -> None:
    photos, results = ["a/IMG_1.jpg", "b/IMG_1.jpg"], ["s/a/IMG_1.png", "s/b/IMG_1.png"]
    for number, photo in enumerate(photos):
        found = match("{style}/{photo}", photos, ["s.jpg"], results, [photo])
        assert told(found) == {results[number]: (photo, "s.jpg")}
        assert (str(found.left_out), found.missing) == ("1 skipped: 1 .png (of a photo that is left out)", 0)
    # Where the name alone does not tell them apart, leaving one out does.
    assert told(match(USUAL, photos, ["s.jpg"], ["IMG_1_stylized_s.png"], photos[1:])) == {
        "IMG_1_stylized_s.png": (photos[1], "s.jpg")
    }


def test_of_two_results_the_one_that_agrees_in_more_of_its_path_is_the_photos() -> None:
    results = ["s/a/IMG_1.png", "s/b/IMG_1.png"]
    found = match("{style}/{photo}", ["b/IMG_1.jpg"], ["s.jpg"], results)
    assert told(found) == {results[1]: ("b/IMG_1.jpg", "s.jpg")}
    assert str(found.left_out) == "1 skipped: 1 .png (a second result of its photo and artwork)"


def test_a_result_of_a_photo_that_is_gone_is_not_another_ones_where_results_lie_as_photos_do() -> None:
    photos, results = ["b/IMG_1.jpg", "b/IMG_2.jpg", "IMG_3.jpg"], ["s/a/IMG_1.png", "s/b/IMG_2.png", "s/IMG_3.png"]
    found = match("{style}/{photo}", photos, ["s.jpg"], results)
    assert told(found) == {results[1]: (photos[1], "s.jpg"), results[2]: (photos[2], "s.jpg")}
    assert str(found.left_out) == "1 skipped: 1 .png (fits no photo and artwork)"
    assert (found.missing, found.first_missing) == (1, "/p/b/IMG_1.jpg x /a/s.jpg")
    assert "1 result fits no photo and artwork: /r/s/a/IMG_1.png, whose folder is another" in found.notes()[0]
    for flat in (["s/IMG_1.png", "s/b/IMG_2.png"], ["run/s/IMG_1.png", "run/s/b/IMG_2.png"], ["a/s/IMG_1.png"]):
        assert len(match("{style}/{photo}", photos, ["s.jpg"], flat).pairs) == len(flat)


def test_pairs_of_one_artwork_come_together() -> None:
    names = [f"{p}_stylized_{s}.png" for p in "ab" for s in "xy"]
    found = match(USUAL, ["a.jpg", "b.jpg"], ["x.jpg", "y.jpg"], names)
    assert [pair.style.uri for pair in found.pairs] == ["/a/x.jpg"] * 2 + ["/a/y.jpg"] * 2
    assert (found.missing, found.notes()) == (0, [])


def test_a_pattern_without_style_is_for_one_artwork() -> None:
    assert told(match("out_{photo}", ["a.jpg"], ["x.jpg"], ["out_a.png"])) == {"out_a.png": ("a.jpg", "x.jpg")}
    with pytest.raises(UsageError, match=r"no \{style\}, and there are several artworks"):
        match("out_{photo}", ["a.jpg"], ["x.jpg", "y.jpg"], ["out_a.png"])


@pytest.mark.parametrize(
    "text",
    ["", "{style}", "{photo}{style}", "{photo}_{photo}", "{photo}_{seed}", "{photo:>3}_{style}", "{photo", "{}_{}"],
)
def test_a_pattern_that_tells_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"\{photo\}"):
        Pattern.of(text)
