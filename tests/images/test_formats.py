"""Which kinds of files are known, by name and by their first bytes."""

from __future__ import annotations

from stylize import images


def test_suffixes_are_lower_case_with_a_dot() -> None:
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in images.SUFFIXES)
