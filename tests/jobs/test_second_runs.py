"""What a second run into the same OUT does: what is gone is made again, what was only touched is not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jobs import stylize_folder
from jobs.run.result import RunResult
from stylize import images
from tests.support.samples import picture

pytestmark = pytest.mark.usefixtures("local_ray")


@pytest.fixture
def call(folders: tuple[Path, Path], tmp_path: Path) -> dict[str, Any]:
    """Four photos and one artwork."""
    shutil.rmtree(folders[1] / "oil")
    paths = {"content": folders[0], "styles": folders[1], "out": tmp_path / "out"}
    return paths | {"stylizer": "identity", "precision": "fp32", "actors": 1}


def run_ids(result: RunResult) -> pd.Series:
    """The run that made each row, by the photo's path; no photo may have two rows."""
    rows = result.rows()
    assert rows["content_uri"].is_unique
    assert rows["task_id"].is_unique
    return rows.set_index("content_uri")["run_id"]


def files(out: Path) -> set[str]:
    return {path.relative_to(out / "images").as_posix() for path in (out / "images").rglob("*") if path.is_file()}


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def test_a_deleted_result_is_made_again_under_its_name_and_its_row_replaced(call: dict[str, Any]) -> None:
    first = stylize_folder.run(**call)
    before = files(call["out"])
    lost = first.rows().iloc[0]
    Path(lost["output_uri"]).unlink()
    again = stylize_folder.run(**call)
    assert again.counts == {"ok": 4}
    assert files(call["out"]) == before
    made = run_ids(again)
    assert list(made.index[made == again.run_id]) == [lost["content_uri"]]


def test_results_are_found_where_out_was_moved_to(call: dict[str, Any], tmp_path: Path) -> None:
    first = stylize_folder.run(**call)
    call["out"] = call["out"].rename(tmp_path / "moved")
    assert set(run_ids(stylize_folder.run(**call))) == {first.run_id}


def test_a_touched_file_is_done_and_a_changed_one_is_not(call: dict[str, Any]) -> None:
    first = stylize_folder.run(**call)
    photos = sorted(call["content"].rglob("*.*"))
    for path in (*photos, *call["styles"].rglob("*.*")):
        touch(path)
    again = stylize_folder.run(**call)
    assert again.counts == {"ok": 4}
    assert set(run_ids(again)) == {first.run_id}

    photos[0].write_bytes(images.encode(picture(77), photos[0].suffix[1:], 95))
    changed = stylize_folder.run(**call).rows()
    assert changed["content_uri"].value_counts().loc[str(photos[0])] == 2
    assert len(changed) == 5


def test_a_touched_photo_whose_result_is_gone_has_one_row(call: dict[str, Any]) -> None:
    lost = stylize_folder.run(**call).rows().iloc[0]
    before = files(call["out"])
    Path(lost["output_uri"]).unlink()
    touch(Path(lost["content_uri"]))
    again = stylize_folder.run(**call)
    assert run_ids(again)[lost["content_uri"]] == again.run_id
    assert files(call["out"]) == before


def test_redo_makes_all_again_and_leaves_other_settings_alone(call: dict[str, Any]) -> None:
    stylize_folder.run(**call)
    other = stylize_folder.run(**call, format="png")
    touch(next(call["content"].rglob("*.*")))
    again = stylize_folder.run(**call, redo=True)
    assert again.counts == {"ok": 4}
    rows = again.rows()
    assert rows["task_id"].is_unique
    assert sorted(rows["run_id"]) == sorted([again.run_id, other.run_id] * 4)
    assert set(rows.loc[rows["run_id"] == again.run_id, "content_uri"]) == set(rows["content_uri"])


def test_redo_of_a_touched_photo_takes_the_place_of_its_picture(call: dict[str, Any]) -> None:
    stylize_folder.run(**call)
    before = files(call["out"])
    for path in call["content"].rglob("*.*"):
        touch(path)
    again = stylize_folder.run(**call, redo=True)
    assert files(call["out"]) == before
    assert set(run_ids(again)) == {again.run_id}
    assert all(Path(uri).is_file() for uri in again.rows()["output_uri"])


def test_a_dry_run_counts_as_the_run_does(call: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    lost = stylize_folder.run(**call).rows().iloc[0]
    words = [*(str(call[name]) for name in ("content", "styles", "out")), "--stylizer", "identity"]
    words += ["--precision", "fp32", "--dry-run"]
    for path in call["content"].rglob("*.*"):
        touch(path)
    Path(lost["output_uri"]).unlink()
    stylize_folder.main(words)
    told = capsys.readouterr().out
    assert "would restyle 1 of 4 pairs" in told
    assert f"{lost['content_uri']}  x  {lost['style_uri']}" in told
    assert told.count("  x  ") == 1
    assert "1 photo," in told
    stylize_folder.main([*words, "--redo"])
    told = capsys.readouterr().out
    assert "would restyle 4 of 4 pairs" in told
    assert "will be replaced" in told
