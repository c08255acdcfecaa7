"""What the tools' command lines have in common."""

from __future__ import annotations

import argparse


def positive_int(text: str) -> int:
    """Return a whole number of 1 or more, as the `type` of an argument. Raises as argparse expects it."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return number
