"""Names of results: readable, safe, never the same for two tasks."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize.naming import output_name, stem

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
    assert output_name("/a.jpg", "/s.jpg", KEY, "jpg") != output_name("/a.png", "/s.jpg", KEY[1:] + "0", "jpg")


def test_a_long_name_is_cut_between_letters() -> None:
    for letter in "aé富😀𐍈":
        short = stem(letter * 300)
        assert len(short.encode()) <= 80
        assert set(short) <= {letter, *"image"}


@given(st.text(st.characters()) | st.text("./\\:%~-_ \0\n\ud800e\u0301Ж富"), st.text(st.characters()))
def test_any_two_strings_give_a_safe_relative_path(content: str, style: str) -> None:
    name = output_name(content, style, KEY, "jpg")
    path = PurePosixPath(name)
    assert not path.is_absolute()
    assert len(path.parts) == 2
    assert ".." not in path.parts
    assert all(len(part.encode()) < 255 for part in path.parts)
    assert name.isprintable()
    assert not set(name) & set("\0\n\r\"'\\:*?<>|")
