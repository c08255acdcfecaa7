"""Names of results: readable, safe, never the same for two tasks."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize.errors import UsageError
from stylize.naming import LAYOUTS, check_template, fill, keyed_name, mirrored, name_below, same_file, stem

KEY = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/photos/cat.jpg", "cat"),
        ("/photos/my holiday (2).final.jpg", "my-holiday-2-final"),
        ("/p/line\nbreak \"quoted\" 'x'.png", "line-break-quoted-x"),
        ("/p/Größe_1.jpg", "Größe_1"),
        ("/p/富士山.jpg", "富士山"),
        ("/p/हिन्दी चित्र.jpg", "हिन्दी-चित्र"),
        ("/p/ที่นี่.jpg", "ที่นี่"),
        ("/p/Cafe\u0301.jpg", "Café"),
        ("/p/❤️.jpg", "image"),
        ("/p/..", "image"),
        ("/p/\udcff.jpg", "image"),
        ("file:///p/..%2F..%2Fetc.jpg", "etc"),
        ("file:///p/a%20b.jpg", "a-b"),
        ("/p/...jpg", "jpg"),
        ("/p/!!!.jpg", "image"),
        ("/p/CON.jpg", "_CON"),
        ("/p/com¹.jpg", "_com¹"),
        ("/p/.hidden", "hidden"),
    ],
)
def test_stems_stay_readable(uri: str, expected: str) -> None:
    assert stem(uri) == expected


def test_two_files_of_one_stem_differ_by_their_key() -> None:
    assert keyed_name("/a.jpg", "/s.jpg", KEY, "jpg") != keyed_name("/a.png", "/s.jpg", KEY[1:] + "0", "jpg")


def test_a_long_name_is_cut_between_letters() -> None:
    for letter in "aé富😀𐍈":
        short = stem(letter * 300)
        assert len(short.encode()) <= 80
        assert set(short) <= {letter, *"image"}


@pytest.mark.parametrize("joint", ["-", "_", "-_-", "__"])
def test_a_long_name_that_is_cut_at_a_joint_ends_before_it(joint: str) -> None:
    assert stem("a" * 79 + joint + "b" * 9) == "a" * 79


@pytest.mark.parametrize("template", [LAYOUTS["flat"], "{photo_flat}-{style_flat}-{key}", "{photo_flat}/{style_flat}"])
def test_joined_folders_are_cut_with_the_key_behind(template: str) -> None:
    photos = ["/".join([letter * 60 for letter in "abcdé"] + [name]) for name in ("x", "y")]
    names = [fill(template, photo, photo, "m", KEY, keyed=False) for photo in photos]
    assert all(len(part.encode()) <= 220 for name in names for part in name.split("/"))
    assert all(name.endswith(f"--{KEY[:10]}") for name in names)


@given(st.text(st.characters()) | st.text("./\\:%~-_ \0\n\ud800e\u0301Ж富"), st.text(st.characters()))
def test_any_two_strings_give_a_safe_relative_path(content: str, style: str) -> None:
    name = keyed_name(content, style, KEY, "jpg")
    path = PurePosixPath(name)
    assert not path.is_absolute()
    assert len(path.parts) == 2
    assert ".." not in path.parts
    assert all(len(part.encode()) < 255 for part in path.parts)
    assert name.isprintable()
    assert not set(name) & set("\0\n\r\"'\\:*?<>|")


@pytest.mark.parametrize(
    ("uri", "root", "expected"),
    [
        ("/photos/day/IMG_1.jpg", "/photos", "day/IMG_1"),
        ("/photos/day/IMG_1.jpg", "/photos/", "day/IMG_1"),
        ("/photos/v1.2 final/IMG_1.jpg", "/photos", "v1-2-final/IMG_1"),
        ("s3://bucket/photos/day/IMG_1.jpg", "s3://bucket/photos", "day/IMG_1"),
        ("/elsewhere/IMG_1.jpg", "/photos", "IMG_1"),
        ("/photosets/IMG_1.jpg", "/photos", "IMG_1"),
        ("/photos/IMG_1.jpg", None, "IMG_1"),
        ("file:///photos/a%20b/%FF.jpg", "/photos", "a-b/image"),
        ("/photos/../etc/con/x.jpg", "/photos", "image/etc/_con/x"),
        ("/photos//x.jpg", "/photos", "x"),
    ],
)
def test_a_name_mirrors_the_folders_below_the_root(uri: str, root: str | None, expected: str) -> None:
    assert mirrored(uri, root) == expected


def test_of_many_folders_the_innermost_are_kept() -> None:
    deep = "/".join(f"{n:0>60}" for n in range(100))
    name = mirrored(f"/photos/{deep}/x.jpg", "/photos")
    assert name.endswith("/x")
    assert len(name.encode()) < 800
    assert mirrored("/p/a/b/c/d/e/f/g/h/i/j/x.jpg", "/p") == "c/d/e/f/g/h/i/j/x"


@pytest.mark.parametrize(
    ("layout", "expected"),
    [("by-style", "ink/wash/day/a"), ("by-photo", "day/a/ink/wash"), ("flat", "day-a--ink-wash")],
)
def test_layouts_say_which_tree_comes_first(layout: str, expected: str) -> None:
    assert fill(LAYOUTS[layout], "day/a", "ink/wash", "compact", KEY, keyed=False) == expected
    assert fill(LAYOUTS[layout], "day/a", "ink/wash", "compact", KEY, keyed=True) == f"{expected}--0123456789"


def test_a_template_of_ones_own_names_method_and_key() -> None:
    template = check_template("{method}/{style_name}_{photo_name}_{key}")
    for keyed, digits in ((False, 10), (True, 30)):
        name = fill(template, "day/a", "ink/wash", "my.module:Class", KEY, keyed=keyed)
        assert name == f"my/wash_a_{KEY[:digits]}"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{phot}", "unknown {phot}"),
        ("{photo!r}", "without"),
        ("{photo:>9}", "without"),
        ("{", "known: {photo}"),
        ("{style}", "every photo would get the same"),
        ("/tmp/{photo}", "relative path"),
        ("../{photo}", "relative path"),
        ("{style}//{photo}", "relative path"),
        ("{photo.__class__}", "unknown"),
    ],
)
def test_a_template_that_cannot_name_results_is_refused(template: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        check_template(template)


@pytest.mark.parametrize(
    ("uri", "root", "name"),
    [
        ("/in/photos/2024/Crème brûlée.jpg", "/in/photos", "2024/Crème brûlée"),
        ("/in/photos/a.b.jpg", "/in/photos/", "a.b"),
        ("/in/photos/.hidden", "/in/photos", ".hidden"),
        ("/in/photos/a.jpg", "/in/photos/a.jpg", "a"),
        ("/elsewhere/x/a.jpg", "/in/photos", "a"),
        ("s3://b/photos/x/a.jpg", "s3://b/photos", "x/a"),
        ("/in/a.jpg", None, "a"),
    ],
)
def test_the_name_below_a_root_is_the_path_as_it_is(uri: str, root: str | None, name: str) -> None:
    assert name_below(uri, root) == name


def test_names_that_differ_in_case_or_composition_may_be_one_file() -> None:
    assert same_file("Cafe\u0301") == same_file("CAF\u00c9")
    assert same_file("Stra\u00dfe") == same_file("STRASSE")
    assert same_file("a") != same_file("b")
