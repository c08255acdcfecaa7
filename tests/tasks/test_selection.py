"""Which paths a glob fits, without files."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

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


def test_many_threads_may_ask_one_selection(monkeypatch: pytest.MonkeyPatch) -> None:
    interval = sys.getswitchinterval()
    monkeypatch.setattr("stylize.tasks.selection._fits", lambda glob, path: glob == path)
    selection = Selection(include=tuple(map(str, range(400))))
    try:
        sys.setswitchinterval(1e-6)
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(selection.reason_against, map(str, range(400)))) == {None}
    finally:
        sys.setswitchinterval(interval)
    assert selection.unfitted == {"include": set(), "exclude": set()}
