"""Scoring runs beside others: lists with faults and pairs named twice, shares, and an own run's OUT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jobs import score, stylize_folder
from stylize import images, read_rows
from tests.support.main_job import call, refused
from tests.support.samples import picture

pytestmark = pytest.mark.usefixtures("worker_here")

NAMED = ("--method", "x", "--actors", 1)
OWN = ("--stylizer", "identity", "--actors", 1)
HEADER = "content_uri,style_uri,result_uri\n"
PAIR = "content/day/a.jpg,styles/oil/sea.jpg,"
RESULT = "results/a.png"


@pytest.fixture
def listed(folders: tuple[Path, Path], tmp_path: Path) -> Path:
    """Where a list is to be, beside photos, artworks and a result."""
    (tmp_path / "results").mkdir()
    (tmp_path / RESULT).write_bytes(images.encode(picture(20), "png", 95))
    return tmp_path / "pairs.csv"


def rows(out: Path, column: str) -> list[Any]:
    return sorted(read_rows(out).to_pandas()[column])


def test_a_result_that_is_listed_twice_is_scored_once(listed: Path, tmp_path: Path) -> None:
    listed.write_text(HEADER + 2 * f"{PAIR}{RESULT}\n")
    for told, more in (("1 picture of x would be scored", ["--dry-run"]), ("1 ok, 0 not ok", [])):
        done = call(score.main, "--manifest", listed, tmp_path / "out", *NAMED, *more)
        assert done.returncode == 0, done.stderr
        assert told in done.stdout
        assert "1 row lists a pair that other rows list, too; each is done once" in done.stdout
    assert len(pd.read_parquet(tmp_path / "out" / "rows")) == 1


def test_a_line_of_a_list_that_was_put_right_leaves_no_row_of_its_fault(listed: Path, tmp_path: Path) -> None:
    for result, status in (("", "corrupt"), (RESULT, "ok")):
        listed.write_text(f"{HEADER}{PAIR}{result}\n")
        call(score.main, "--manifest", listed, tmp_path / "out", *NAMED)
        assert rows(tmp_path / "out", "status") == [status]


def test_a_line_with_a_fault_takes_the_place_of_no_row_of_its_result(listed: Path, tmp_path: Path) -> None:
    bad, good = f"{PAIR}{RESULT},lots\n", f"{PAIR}{RESULT},\n"
    listed.write_text(HEADER.replace("\n", ",style_weights\n") + bad + good)
    for more in ((), ("--retry-failed",), ("--method", "another name")):
        assert call(score.main, "--manifest", listed, tmp_path / "out", *NAMED, *more).returncode == 3
        assert rows(tmp_path / "out", "status") == ["corrupt", "ok"]


def test_a_list_of_both_jobs_keeps_the_faults_that_each_found(listed: Path, tmp_path: Path) -> None:
    listed.write_text(f"{HEADER}{PAIR}{RESULT}\ncontent/day/a.jpg,,{RESULT}\n")
    out = tmp_path / "out"
    words = ("--manifest", listed, out)
    both = ((stylize_folder.main, (*words, *OWN)), (score.main, (*words, *NAMED)))
    assert [call(main, *given).returncode for main, given in both] == [3, 3]
    before = rows(out, "task_id")
    assert len(before) == 4
    for main, given in both:
        assert "nothing to do" in call(main, *given).stdout
        assert rows(out, "task_id") == before


def test_another_share_of_the_results_needs_another_out(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert call(stylize_folder.main, *folders, tmp_path / "own", *OWN).returncode == 0
    words = (*folders, tmp_path / "own" / "images", tmp_path / "out", *NAMED, "--pattern", "{style}/{photo}")
    assert call(score.main, *words, "--shard", "1/1").returncode == 0
    for more in ((), ("--dry-run",)):
        assert "OUT holds shard 1/1 of these pairs" in refused(score.main, *words, "--shard", "1/2", *more)


def test_names_of_pictures_made_elsewhere_are_free_for_our_own(folders: tuple[Path, Path], tmp_path: Path) -> None:
    def restyled(out: Path) -> set[str]:
        assert call(stylize_folder.main, *folders, out, *OWN).returncode == 0
        return {path.relative_to(out).as_posix() for path in out.glob("images/**/*.jpg")}

    names = restyled(tmp_path / "other")
    words = (*folders, tmp_path / "other" / "images", tmp_path / "out", *NAMED, "--pattern", "{style}/{photo}")
    assert call(score.main, *words).returncode == 0
    assert restyled(tmp_path / "out") == names
