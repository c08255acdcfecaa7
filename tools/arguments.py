"""What the tools' command lines have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection

from stylize.errors import UsageError, unknown


def positive_int(text: str) -> int:
    """Return a whole number of 1 or more, as the `type` of an argument. Raises as argparse expects it."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return number


def one_of(what: str, known: Collection[str]) -> Callable[[str], str]:
    """Return the `type` of an argument that is one of some words; with `choices`, none at all would be wrong, too."""

    def check(word: str) -> str:
        if word not in known:
            raise argparse.ArgumentTypeError(unknown(what, word, known))
        return word

    return check


def sides_px(text: str) -> tuple[int, int]:
    """Return the width and height of WIDTHxHEIGHT. Raises UsageError."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UsageError(f"{text}: expected WIDTHxHEIGHT in pixels, such as 768x512")
    return int(width), int(height)
