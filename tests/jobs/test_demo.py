"""The demo's own part: where its inputs go."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.demo import main
from stylize.io.out_folder import RUN
from tests.support.main_job import call, refused


@pytest.fixture(autouse=True)
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo without the main job, which needs no cluster that somebody's RAY_ADDRESS names."""
    monkeypatch.setattr("jobs.stylize_folder.main", lambda words: 0 if "--address local" in " ".join(words) else 1)
    monkeypatch.setattr("stylize.report.page.sheet.write_sheet", lambda out, path: None)


def test_a_place_that_is_no_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    assert "taken is no folder; give a new or empty one" in refused(main, tmp_path / "taken")
    assert "PATH: s3://: no object store will do here" in refused(main, "s3://bucket/demo")
    done = call(main, "/proc/none")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    assert done.stderr.startswith("cannot go on: /proc/none ")


def test_a_folder_of_others_is_left_alone_and_the_demos_own_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "mine" / "styles" / "print" / "great_waves.jpg"
    own.parent.mkdir(parents=True)
    own.write_text("my own")
    told = f"PATH: {tmp_path / 'mine'} holds styles; give a new or empty folder, or that of an earlier demo"
    assert told in refused(main, tmp_path / "mine")
    assert own.read_text() == "my own"
    monkeypatch.setenv("HOME", str(tmp_path))
    for _ in range(2):
        assert call(main, "~/demo").returncode == 0
    assert (tmp_path / "demo" / "styles" / "print" / "great_waves.jpg").is_file()
    # One that was made before there was a mark.
    next((tmp_path / "demo").glob(".*")).unlink()
    (tmp_path / "demo" / "out").mkdir()
    (tmp_path / "demo" / "out" / RUN).write_text("{}")
    assert call(main, tmp_path / "demo").returncode == 0
