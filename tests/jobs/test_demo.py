"""The demo's own part: where its inputs go."""

from __future__ import annotations

from pathlib import Path

from jobs.demo import main
from tests.support.main_job import call


def test_a_place_that_is_no_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    for place in (tmp_path / "taken", Path("/proc/none")):
        done = call(main, place)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
        assert done.stderr.startswith(f"cannot go on: {place} ")
