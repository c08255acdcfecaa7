"""What a second run into the same OUT does: what is gone is made again, what was only touched is not."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jobs import stylize_folder
from jobs.run.result import RunResult
from jobs.scheduler.worker_pool import SchedulerOptions
from stylize import images
from tests.support.samples import picture
from tests.support.worker_here import WorkerHere, working_here

pytestmark = pytest.mark.usefixtures("worker_here")


@dataclass(frozen=True)
class Finished:
    """A call of four photos and one artwork, and its first run."""

    call: dict[str, Any]
    first: RunResult


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    root = tmp_path_factory.mktemp("finished") / "now"
    for seed, name in enumerate(("content/day/a.jpg", "content/day/b.png", "content/night/c d.jpg",
                                 "content/night/d.jpg", "styles/ink/wash.jpg")):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(images.encode(picture(seed), Path(name).suffix[1:], 95))
    call: dict[str, Any] = {name: root / name for name in ("content", "styles", "out")}
    call |= {"stylizer": "identity", "precision": "fp32", "actors": 1}
    with working_here():
        first = stylize_folder.run(**call)
    shutil.copytree(root, root.with_name("as it was"))
    return Finished(call, first)


@pytest.fixture
def finished(made: Finished) -> Finished:
    """A run that is done, as it was before other tests went on with it."""
    root = made.call["out"].parent
    shutil.rmtree(root)
    shutil.copytree(root.with_name("as it was"), root)
    return replace(made, call=dict(made.call))


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


def test_a_deleted_result_is_made_again_under_its_name_and_its_row_replaced(finished: Finished) -> None:
    call, first = finished.call, finished.first
    before = files(call["out"])
    lost = first.rows().iloc[0]
    Path(lost["output_uri"]).unlink()
    again = stylize_folder.run(**call)
    assert again.counts == {"ok": 4}
    assert files(call["out"]) == before
    made = run_ids(again)
    assert list(made.index[made == again.run_id]) == [lost["content_uri"]]


def test_results_are_found_where_out_was_moved_to(finished: Finished, tmp_path: Path) -> None:
    call, first = finished.call, finished.first
    call["out"] = call["out"].rename(tmp_path / "moved")
    assert set(run_ids(stylize_folder.run(**call))) == {first.run_id}


def test_a_touched_file_is_done_and_a_changed_one_is_not(finished: Finished) -> None:
    call, first = finished.call, finished.first
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


def test_a_touched_photo_whose_result_is_gone_has_one_row(finished: Finished) -> None:
    call = finished.call
    lost = finished.first.rows().iloc[0]
    before = files(call["out"])
    Path(lost["output_uri"]).unlink()
    touch(Path(lost["content_uri"]))
    again = stylize_folder.run(**call)
    assert run_ids(again)[lost["content_uri"]] == again.run_id
    assert files(call["out"]) == before


def test_redo_makes_all_again_and_leaves_other_settings_alone(finished: Finished) -> None:
    call = finished.call
    other = stylize_folder.run(**call, format="png")
    touch(next(call["content"].rglob("*.*")))
    again = stylize_folder.run(**call, redo=True)
    assert again.counts == {"ok": 4}
    rows = again.rows()
    assert rows["task_id"].is_unique
    assert sorted(rows["run_id"]) == sorted([again.run_id, other.run_id] * 4)
    assert set(rows.loc[rows["run_id"] == again.run_id, "content_uri"]) == set(rows["content_uri"])


def test_redo_of_a_touched_photo_takes_the_place_of_its_picture(finished: Finished) -> None:
    call = finished.call
    before = files(call["out"])
    for path in call["content"].rglob("*.*"):
        touch(path)
    again = stylize_folder.run(**call, redo=True)
    assert files(call["out"]) == before
    assert set(run_ids(again)) == {again.run_id}
    assert all(Path(uri).is_file() for uri in again.rows()["output_uri"])


def test_a_dry_run_counts_as_the_run_does(finished: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    call = finished.call
    lost = finished.first.rows().iloc[0]
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


def test_a_name_of_a_result_that_is_gone_goes_to_no_other_task(finished: Finished) -> None:
    call, before = finished.call, set(finished.first.rows()["output_uri"])
    shutil.rmtree(call["out"] / "images")
    stylize_folder.run(**call, quality=30)
    rows = stylize_folder.run(**call).rows()
    assert rows["output_uri"].is_unique
    for uri, sha256 in zip(rows["output_uri"], rows["output_sha256"], strict=True):
        assert hashlib.sha256(Path(uri).read_bytes()).hexdigest() == sha256
    assert before < set(rows["output_uri"])


def test_a_changed_photo_whose_results_are_all_gone_has_one_row_of_each_file(finished: Finished) -> None:
    call = finished.call
    photo = min(call["content"].rglob("*.jpg"))
    photo.write_bytes(images.encode(picture(78), "jpg", 95))
    assert len(stylize_folder.run(**call).rows()) == 5
    shutil.rmtree(call["out"] / "images")
    rows = stylize_folder.run(**call).rows()
    assert rows["output_uri"].is_unique
    assert rows["content_uri"].is_unique


def test_a_setting_that_is_written_in_another_way_or_a_default_is_the_same_task(finished: Finished) -> None:
    call = finished.call | {"stylizer": "compact", "out": finished.call["out"].with_name("of compact")}
    given: list[tuple[dict[str, Any], int]] = [
        ({}, 4), ({"alpha": 1}, 4), ({"alpha": "1.0", "preserve_color": False}, 4),
        ({"alpha": 0.5, "preserve_color": True}, 8), ({"alpha": "0.50", "preserve_color": "yes"}, 8),
    ]  # fmt: skip
    for settings, number in given:
        assert len(stylize_folder.run(**call, settings=settings).rows()) == number


def test_another_layout_is_of_new_results_and_that_is_told(
    finished: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    stylize_folder.run(**finished.call, progress="plain")
    assert "keep their names" not in capsys.readouterr().out
    words = [str(finished.call[name]) for name in ("content", "styles", "out")]
    stylize_folder.main([*words, "--stylizer", "identity", "--name", "{photo}-{style}", "--dry-run"])
    assert "keep their names; --layout and --name are of new ones" in capsys.readouterr().out
    stylize_folder.run(**finished.call, layout="flat", progress="plain")
    assert "results that are there keep their names; layout and name are of new ones" in capsys.readouterr().out


def test_what_other_weights_left_is_told_and_no_older_row_of_the_same_work(
    finished: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    call = finished.call | {"stylizer": "compact", "resolution_px": 32, "include": ("day/*",)}
    (call["content"] / "day" / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    trained = stylize_folder.run(**call)
    rows = trained.rows()
    lost = Path(rows.loc[rows["status"] == "ok", "output_uri"].iloc[0])
    lost.unlink()
    untrained = stylize_folder.run(**call, weights="random", progress="plain")
    assert "3 rows of OUT had other weights than compact has now: they stay" in capsys.readouterr().out
    assert trained.counts == untrained.counts == {"ok": 2, "corrupt": 1}
    after = untrained.rows()
    assert set(rows["task_id"]) <= set(after["task_id"])
    assert not lost.exists()
    assert after["output_uri"].dropna().is_unique


def test_no_more_workers_are_asked_for_than_there_are_tasks_left_and_room_here(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[SchedulerOptions] = []

    class Noted(WorkerHere):
        def __init__(self, make: Any, lost_row: Any, options: SchedulerOptions, **more: Any) -> None:
            asked.append(options)
            super().__init__(make)

    monkeypatch.setattr("jobs.run.context.Scheduler", Noted)
    (finished.call["out"] / "images" / "ink" / "wash").rename(finished.call["out"] / "images" / "elsewhere")
    assert stylize_folder.run(**finished.call | {"actors": 50}).counts == {"ok": 4}
    assert [(one.actors, one.most, one.may_grow) for one in asked] == [(50, 4, False)]
