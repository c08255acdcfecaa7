"""Photos that are there as a run begins, and not when their turn comes: on a card that was pulled out, say."""

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
