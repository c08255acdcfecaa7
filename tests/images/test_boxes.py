"""Boxes of image containers, whole and damaged."""

from __future__ import annotations

import pytest

from stylize.images.boxes import boxes

FIRST = b"\0\0\0\x0aftypab"


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        (b"\0\0\0\x09metac", [(b"meta", b"c")]),
        (b"\0\0\0\x01meta\0\0\0\0\0\0\0\x11c", [(b"meta", b"c")]),
        (b"\0\0\0\0mdatrest", [(b"mdat", b"rest")]),
        (b"\0\0\0\x20mdatcut", [(b"mdat", b"cut")]),
        (b"\0\0\0\x07metac", []),
        (b"\0\0\0\x01meta\0\0\0\0\0\0\0\x09c", []),
        (b"\0\0\0\x01me", []),
    ],
    ids=["short", "long", "to the end", "cut", "no length", "no long length", "half a head"],
)
def test_boxes_are_read_as_far_as_they_make_sense(rest: bytes, found: list[tuple[bytes, bytes]]) -> None:
    assert list(boxes(FIRST + rest)) == [(b"ftyp", b"ab"), *found]
