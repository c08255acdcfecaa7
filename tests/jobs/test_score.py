"""Pictures made elsewhere, scored by the command, as a person would."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jobs import replay, stylize_folder, summarize
from jobs.scheduler.worker import WORKER_ENV
from jobs.score import main
from stylize import images, read_rows
from stylize.results.run_record import read_runs
from stylize.tasks import manifest
from tests.support.main_job import call, refused
from tests.support.s3 import bucket
from tests.support.samples import finished_run, picture

CALL = ("--method", "their tool", "--pattern", "{photo}_stylized_{style}", "--actors", 1)


@pytest.fixture
def given(folders: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path, Path, Path]:
    """PHOTOS, ARTWORKS, RESULTS and OUT: two photos are called a, each has its folder; b and c d lie flat."""
    results = tmp_path / "results"
    for number, name in enumerate(("day/a", "night/a", "b", "c d")):
        for style in ("wash", "sea"):
            path = results / f"{name}_stylized_{style}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(images.encode(picture(20 + number), "png", 95))
    return *folders, results, tmp_path / "out"


def rows(out: Path) -> pd.DataFrame:
    return read_rows(out).to_pandas().set_index("output_uri")


@pytest.mark.usefixtures("worker_here")
def test_each_result_has_a_row_and_the_same_call_resumes(given: tuple[Path, Path, Path, Path]) -> None:
    results, out = given[2:]
    (results / "a_stylized_sea.png").write_bytes(images.encode(picture(1), "png", 95))
    (results / "readme.txt").write_text("no picture")
    (results / "b_stylized_sea.png").unlink()
    done = call(main, *given, *CALL)
    assert done.returncode == 0, done.stderr
    assert "1 result fits several photos or artworks" in done.stdout
    assert "1 pair has no result and get" in done.stdout.replace("gets", "get")
    made = rows(out)
    assert len(made) == 7
    assert made.loc[str(results / "night/a_stylized_sea.png"), "content_uri"] == str(given[0] / "night" / "a.jpg")
    assert set(made["stylizer"]) == {"their tool"}
    assert not list((out / "images").iterdir())
    left_out = {(one["reason"], one["number"]) for one in read_runs(out)[0].left_out["results"]}
    assert left_out == {("fits several photos or artworks", 1), ("no image", 1)}
    again = call(main, *given, *CALL)
    assert (again.returncode, rows(out).equals(made)) == (0, True)
    assert "nothing to do" in again.stdout
    (results / "b_stylized_wash.png").write_bytes(images.encode(picture(9), "png", 95))
    dry = call(main, *given, *CALL, "--dry-run")
    assert "1 picture of their tool would be scored; 6 have their row there and are not scored again" in dry.stdout
    (event,) = map(json.loads, call(main, *given, *CALL, "--dry-run", "--progress", "json").stdout.splitlines())
    assert (event["event"], event["total"], event["left"], event["kept"]) == ("dry_run", 7, 1, 6)
    assert "b_stylized_wash.png" in event["first"][0]
    night = call(main, *given, *CALL, "--dry-run", "--include", "night/a.jpg").stdout
    assert "5 .png (of a photo that is left out)" in night, night
    end = json.loads(call(main, *given, *CALL, "--progress", "json").stdout.splitlines()[-1])
    assert (end["event"], end["images"], end["rows"]) == ("finished", None, str(out / "rows"))


@pytest.mark.usefixtures("worker_here")
def test_a_result_that_was_replaced_is_scored_again_and_its_row_replaced(
    given: tuple[Path, Path, Path, Path],
) -> None:
    results, out = given[2:]
    bad, other = results / "b_stylized_sea.png", results / "b_stylized_wash.png"
    bad.write_bytes(b"")
    failed = call(main, *given, *CALL)
    assert failed.returncode == 3
    assert "an empty file" in failed.stdout
    before = rows(out)
    for path in (bad, other):
        path.write_bytes(images.encode(picture(99), "png", 95))
    assert call(main, *given, *CALL).returncode == 0
    after = rows(out)
    assert len(after) == 8
    assert (after["status"] == "ok").all()
    changed = {uri for uri in after.index if after.loc[uri, "task_id"] != before.loc[uri, "task_id"]}
    assert changed == {str(bad), str(other)}
    # Under another name there are no second rows, either.
    assert call(main, *given, "--method", "right name", *CALL[2:]).returncode == 0
    assert set(rows(out)["stylizer"]) == {"right name"}
    assert len(rows(out)) == 8


@pytest.mark.usefixtures("worker_here")
def test_a_manifest_says_which_result_is_of_what(given: tuple[Path, Path, Path, Path], tmp_path: Path) -> None:
    listed = tmp_path / "pairs.csv"
    listed.write_text(
        "content_uri,style_uri,result_uri,alpha\n"
        "content/day/a.jpg,styles/oil/sea.jpg,results/day/a_stylized_sea.png,0.5\n"
        "content/day/a.jpg,styles/oil/sea.jpg,results/b_stylized_sea.png,0.5\n"
        "content/day/b.png,styles/oil/sea.jpg,results/nowhere.png,\n"
        "content/day/b.png,styles/oil/sea.jpg,,\n"
    )
    done = call(main, "--manifest", listed, given[3], "--method", "x", "--actors", 1)
    assert done.returncode == 3
    assert "manifest: column not used: alpha" in done.stdout
    made = read_rows(given[3]).to_pandas()
    assert sorted(made["status"]) == ["corrupt", "corrupt", "ok", "ok"]
    errors = " ".join(made["error"].dropna())
    assert "nowhere.png" in errors
    assert "row 4 has no result_uri" in errors


@pytest.mark.usefixtures("worker_here")
def test_summaries_and_comparisons_take_such_rows_and_replay_refuses_them(given: tuple[Path, Path, Path, Path]) -> None:
    assert call(main, *given, *CALL).returncode == 0
    out = given[3]
    assert "their tool ?" not in (out / "summary.md").read_text()
    assert call(summarize.main, "--compare", out, out).returncode == 0
    task_id = read_rows(out).to_pylist()[0]["task_id"]
    assert "made elsewhere" in refused(replay.main, out, task_id)


@pytest.mark.usefixtures("worker_here")
def test_reports_hold_such_rows_against_our_own(given: tuple[Path, Path, Path, Path], tmp_path: Path) -> None:
    assert call(main, *given, *CALL).returncode == 0
    finished_run(*given[:2], tmp_path / "own")
    for outs in ([given[3]], [tmp_path / "own", given[3]]):
        done = call(summarize.main, *outs, "--out", tmp_path / "report", "--trust-paths")
        assert done.returncode == 0, done.stderr
        page = (tmp_path / "report" / "index.html").read_text()
        assert "their tool scored" in page
        assert page.count("data:image/jpeg") >= 3


@pytest.mark.usefixtures("worker_here")
def test_an_own_run_takes_such_rows_beside_its_own(given: tuple[Path, Path, Path, Path], tmp_path: Path) -> None:
    own = (*given[:2], tmp_path / "own", "--stylizer", "identity", "--actors", 1)
    assert call(stylize_folder.main, *own).returncode == 0
    assert call(main, *given[:3], tmp_path / "own", *CALL).returncode == 0
    both = rows(tmp_path / "own")
    assert both["stylizer"].value_counts().to_dict() == {"identity": 8, "their tool": 8}
    # Neither job does the other's work, or its own, again.
    for done in (call(stylize_folder.main, *own), call(main, *given[:3], tmp_path / "own", *CALL)):
        assert "nothing to do" in done.stdout
        assert "no longer in OUT/images" not in done.stdout
    assert rows(tmp_path / "own").equals(both)


@pytest.mark.usefixtures("local_ray")
def test_results_and_rows_may_lie_in_a_bucket(
    given: tuple[Path, Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with bucket() as s3:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.setitem(WORKER_ENV, name, os.environ[name])
        there = s3.upload(given[2], "results")
        out = there.rpartition("/")[0] + "/out"
        done = call(main, *given[:2], there, out, *CALL)
        assert done.returncode == 0, done.stderr
        assert "8 ok, 0 not ok" in done.stdout
        assert "nothing to do" in call(main, *given[:2], there, out, *CALL).stdout
        uris = set(pd.read_parquet(f"{out}/rows")["output_uri"])
        assert f"{there}/night/a_stylized_sea.png" in uris


def test_dry_run_says_what_fits_and_writes_nothing(given: tuple[Path, Path, Path, Path]) -> None:
    for name in ("a_stylized_sea.png", "e_stylized_sea.png"):
        (given[2] / name).write_bytes(images.encode(picture(1), "png", 95))
    (given[2] / "readme.txt").write_text("no picture")
    done = call(main, *given, *CALL, "--dry-run")
    assert done.returncode == 0
    assert "8 pictures of their tool would be scored; nothing was written" in done.stdout
    # What has a line of its own is not counted among the rest again.
    assert done.stdout.count("several photos or artworks") == 1
    assert done.stdout.count("fits no photo and artwork") == 1
    assert "RESULTS: 1 skipped: 1 .txt" in done.stdout
    assert not given[3].exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"pattern": None}, "--pattern"),
        ({"pattern": "{photo}-{style}"}, "no result has a photo and an artwork"),
        ({"pattern": "{who}"}, "--pattern: give {photo} and {style}"),
        ({"method": None}, "--method"),
        ({"method": " "}, "--method: expected a name"),
        ({"results": "missing"}, "RESULTS: no such folder"),
        ({"results": "empty"}, "no images in this folder"),
        ({"out": "results/out"}, "OUT lies in RESULTS"),
        ({"more": ["--perceptual", "nowhere.pth"]}, "nowhere.pth"),
        ({"more": ["--quality", 5]}, "unknown option --quality"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_calls_are_refused_in_one_line(
    given: tuple[Path, Path, Path, Path], tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    (tmp_path / "empty").mkdir()
    settings = {"pattern": CALL[3], "method": "x", "results": "results", "out": "out", "more": []} | change
    words = [word for name in ("pattern", "method") if settings[name] for word in (f"--{name}", settings[name])]
    paths = (*given[:2], tmp_path / settings["results"], tmp_path / settings["out"])
    assert told in refused(main, *paths, *words, *settings["more"])


def test_results_of_an_own_run_are_not_scored_into_it(folders: tuple[Path, Path], tmp_path: Path) -> None:
    finished_run(*folders, tmp_path / "own")
    words = (*folders, tmp_path / "own" / "images", tmp_path / "own", "--method", "x", "--pattern", "{style}/{photo}")
    assert "rows would be replaced; give another OUT" in refused(main, *words)


def test_a_manifest_without_results_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    listed = tmp_path / "pairs.csv"
    listed.write_text("content_uri,style_uri\ncontent/day/a.jpg,styles/oil/sea.jpg\n")
    words = ("--manifest", listed, tmp_path / "out", "--method", "x")
    assert "row 1 has no result_uri" in refused(main, *words)
    assert "--pattern goes with folders" in refused(main, *words, "--pattern", "{photo}_{style}")
    assert "--manifest is given twice" in refused(main, *words, "--manifest", tmp_path / "more.csv")


def test_the_main_job_says_that_it_does_not_use_results(tmp_path: Path) -> None:
    listed = tmp_path / "pairs.csv"
    listed.write_text("content_uri,style_uri,result_uri\na.jpg,b.jpg,c.jpg\n")
    seen = manifest.Seen()
    (pair,) = manifest.read(str(listed), seen=seen)
    assert (pair.result, seen.unused) == (None, ["result_uri"])


def test_the_help_names_no_score_that_takes_the_method(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert "cfsd" in told
    assert "flicker" not in told
