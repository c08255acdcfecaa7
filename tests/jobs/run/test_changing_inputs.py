"""Photos that go away while a run is under way, as with a card that is pulled out, and photos that come."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jobs import stylize_folder
from jobs.run import restyle
from jobs.run.driver import Driver
from stylize import read_rows
from tests.support.main_job import call
from tests.support.worker_here import working_here


@pytest.mark.parametrize(("lost", "missing"), [("content", 6), ("content/night", 4), ("content/day/a.jpg", 1)])
def test_pairs_that_did_not_come_are_told_and_come_with_the_same_command(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str, missing: int
) -> None:
    monkeypatch.setattr(restyle, "FEW_TASKS", 1)
    put_away, keep = tmp_path / "away", Driver._keep

    def lose(*args: object) -> None:
        keep(*args)  # type: ignore[arg-type]
        if (tmp_path / lost).exists():
            shutil.move(tmp_path / lost, put_away)

    words = [*folders, tmp_path / "out", "--stylizer", "identity"]
    with working_here():
        with monkeypatch.context() as patch:
            patch.setattr(Driver, "_keep", lose)
            ended = call(stylize_folder.main, *words)
        shutil.move(put_away, tmp_path / lost)
        again = call(stylize_folder.main, *words, "--retry-failed")
    told = f"cannot go on: {missing} of 8 pairs had no photo or artwork any more when their turn came: "
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(told + "put the files back, then run the same command again")
    assert again.returncode == 0, again.stderr
    assert read_rows(tmp_path / "out").column("status").to_pylist() == ["ok"] * 8


def test_pairs_that_come_later_are_counted_and_told(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restyle, "FEW_TASKS", 1)
    keep, content = Driver._keep, folders[0]

    def come(*args: object) -> None:
        keep(*args)  # type: ignore[arg-type]
        if not (content / "day" / "z.jpg").exists():
            shutil.copy(content / "day" / "a.jpg", content / "day" / "z.jpg")

    words = [*folders, tmp_path / "out", "--stylizer", "identity"]
    with working_here():
        with monkeypatch.context() as patch:
            patch.setattr(Driver, "_keep", come)
            first = call(stylize_folder.main, *words)
        second = call(stylize_folder.main, *words)
    assert "1 pair came while it ran; the same command does what is left of their files" in first.stdout
    assert "9 of 9 done" in first.stdout
    assert (first.returncode, second.returncode) == (0, 0)
    assert read_rows(tmp_path / "out").num_rows == 10
