"""Which paths a glob fits, without files."""

from __future__ import annotations

import pytest

from stylize.tasks.selection import Selection


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("./2024/*", "2024/a.jpg"),
        ("./*.jpg", "2024/a.jpg"),
        ("2024/**", "2024/new\nline.jpg"),
        ("**/a.jpg", "new\nline/a.jpg"),
        ("2024/", "old/2024/05/a.jpg"),
        ("old/*/", "old/2024/05/a.jpg"),
    ],
)
def test_a_glob_fits_however_it_is_written_and_across_lines(glob: str, path: str) -> None:
    assert Selection(include=(glob,)).reason_against(path) is None
    assert Selection(exclude=(glob,)).reason_against(path) == "by --exclude"


@pytest.mark.parametrize(("glob", "path"), [("2024/", "2024"), ("old/*/", "old/a.jpg")])
def test_a_glob_of_folders_fits_no_file(glob: str, path: str) -> None:
    assert Selection(include=(glob,)).reason_against(path) == "not by --include"
