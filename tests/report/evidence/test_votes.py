from __future__ import annotations

import shutil
import uuid
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest

from jobs.summarize import main
from stylize.report.evidence import pick, votes
from stylize.report.evidence.cells import by_size
from stylize.report.frame import load
from stylize.votes import VoteStore
from tests.support.made_rows import row, rows, written
from tests.support.votes import vote


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Three methods over ten photos. People prefer `good` to `poor` always, and `good` to `like` in half."""
    made = {
        name: [
            row(100 * k + n, stylizer=name, content_uri=f"/p/{n}.jpg", ssim=0.9 - 0.3 * k, gram_distance=2.0 - k / 2)
            for n in range(10)
        ]
        for k, name in enumerate(("good", "like", "poor"))
    }
    folder = written(tmp_path / "out", [one for rows in made.values() for one in rows])
    store = VoteStore(str(folder))
    for n in range(10):
        for other, choice in (("poor", "left"), ("like", "left" if n % 2 else "right")):
            sides = (("left", made["good"][n]), ("right", made[other][n]))
            of_sides = {
                f"{side}_{name}": one.get(column, "method")
                for side, one in sides
                for name, column in (("run_id", "run_id"), ("task_id", "task_id"), ("method", "stylizer"))
            }
            store.add({"vote_id": uuid.uuid4().hex, "voter": "a", "choice": choice, "content_uri": f"/p/{n}.jpg",
                       "style_uri": "/art/ink/wash.jpg", **of_sides})  # fmt: skip
    return folder


def test_people_decide_which_is_the_best_by_votes(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(out), "--pick", "votes", "--at", "512"]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = {line.split()[0]: line.rpartition("  ")[2] for line in lines[1:]}
    assert (told["good"], told["like"]) == ("no difference seen", "no difference seen")
    assert lines[-1].strip().startswith("poor fp32, 512 px: votes ")
    assert lines[-1].endswith("(10 votes on 10 pairs of photo and artwork, against good fp32)")


def test_a_report_says_whom_people_prefer_what_is_undecided_and_which_scores_agree(out: Path, tmp_path: Path) -> None:
    assert main([str(out), "--out", str(tmp_path / "report")]) == 0
    text = (tmp_path / "report" / "summary.md").read_text()
    assert "At 512 px, people prefer good fp32 to poor fp32 (10 votes on 10 pairs of photo and artwork)." in text
    assert "no difference seen between " in text.partition("in people's votes")[0].splitlines()[-1]
    assert "## What people prefer at 512 px" in text
    ssim, gram = (
        next(line for line in text.splitlines() if line.startswith(f"| {name} | 20"))
        for name in ("ssim", r"gram\_distance")
    )
    assert "| 75 % |" in ssim
    assert "| 25 % |" in gram
    assert '"votes"' not in text


def sentences(*told: tuple[str, str, int, int]) -> list[str]:
    """What is said of votes for the first of two methods, so many on each of so many photos."""
    made = [vote(k, "left", left, right, content_uri=f"/p/{k % photos}.jpg")
            for left, right, count, photos in told for k in range(count)]  # fmt: skip
    return list(votes.words(pd.DataFrame(made).assign(side_px=512), 512, "512 px"))


def test_no_number_of_votes_on_few_photos_settles_anything() -> None:
    (said,) = sentences(("good", "poor", 40, 5))
    assert said == (
        "At 512 px, no difference seen between good and poor in people's votes (40 votes on 5 pairs of photo and "
        "artwork); it takes votes on more photos, as fewer than 8 pairs settle nothing."
    )


def test_of_many_methods_the_best_are_named_as_undecided_and_the_rest_counted() -> None:
    *named, rest = sentences(*((one, other, 1, 1) for one, other in combinations("abcdef", 2)))
    assert len(named) == 10
    assert rest == "At 512 px, nor between 5 more pairs of methods in people's votes."


def test_brackets_hold_the_votes_on_the_methods_that_are_named() -> None:
    said = sentences(("good", "poor", 12, 2), ("good", "like", 30, 6))
    assert {one.partition("(")[2].partition(")")[0] for one in said} == {
        "30 votes on 6 pairs of photo and artwork",
        "12 votes on 2 pairs of photo and artwork",
        "by votes on others alone",
    }
    (preferred, *_) = sentences(("good", "poor", 20, 10), ("good", "worse", 18, 9))
    assert preferred.startswith("At 512 px, people prefer good to ")
    assert "poor (20 votes on 10 pairs of photo and artwork)" in preferred
    assert "worse (18 votes on 9 pairs of photo and artwork)" in preferred


def test_a_method_that_stands_against_the_photo_alone_is_not_the_best_by_votes() -> None:
    made = rows(row(10 * k + n, stylizer=name, content_uri=f"/p/{n}.jpg")
                for k, name in enumerate(("compact", "identity")) for n in range(9))  # fmt: skip
    ballots = pd.DataFrame([
        vote(n, choice, "compact fp32", "identity fp32", content_uri=f"/p/{n}.jpg")
        for n in range(9) for choice in ("left", "right")
    ]).assign(side_px=512)  # fmt: skip
    lines, _ = pick.told(pick.choice(by_size(made), ballots), pick.Wanted(), "votes")
    (line,) = lines[1:]
    assert "votes 50 %" in line
    assert line.endswith("(18 votes on 9 pairs of photo and artwork, against identity fp32)  not compared")


def test_a_report_without_votes_does_not_speak_of_them(tmp_path: Path) -> None:
    out = written(tmp_path / "out", [row(n) for n in range(3)])
    assert main([str(out), "--out", str(tmp_path / "report")]) == 0
    assert "agree with people" not in (tmp_path / "report" / "index.html").read_text()


def test_votes_on_two_sizes_or_on_rows_that_are_gone_do_not_count(tmp_path: Path) -> None:
    folder = written(tmp_path / "out", [row(1), row(2, resolution_px=1024, stylizer="adain")])
    one, other = load([folder])["task_id"]
    for run_id, task_id in (("r", other), ("r", "ab" * 32), ("made anew since", other)):
        VoteStore(str(folder)).add({
            "vote_id": uuid.uuid4().hex, "voter": "a", "choice": "left", "left_run_id": "r", "right_run_id": run_id,
            "left_task_id": one, "right_task_id": task_id, "left_method": "x", "right_method": "y",
        })  # fmt: skip
    ballots, left_out = votes.of_rows(load([folder]))
    assert ballots.empty
    assert left_out == "3 votes are left out: 2 on results that are not among these rows, 1 between two sizes."
    assert main([str(folder), "--out", str(tmp_path / "report")]) == 0
    assert left_out in (tmp_path / "report" / "summary.md").read_text()


def test_votes_between_the_results_of_two_runs_count_in_a_report_of_both(tmp_path: Path) -> None:
    one = written(tmp_path / "one", [row(n, content_uri=f"/p/{n}.jpg", ssim=0.9) for n in range(8)])
    other = written(
        tmp_path / "two",
        [row(100 + n, run_id="s", content_uri=f"/p/{n}.jpg", stylizer="adain", ssim=0.1) for n in range(8)],
    )
    for n in range(8):
        VoteStore(str(one)).add({
            "vote_id": uuid.uuid4().hex, "voter": "a", "choice": "left", "left_run_id": "r", "right_run_id": "s",
            "left_task_id": row(n)["task_id"], "right_task_id": row(100 + n)["task_id"], "left_method": "x",
            "right_method": "y", "content_uri": f"/p/{n}.jpg",
        })  # fmt: skip
    both = load([one, other])
    ballots, left_out = votes.of_rows(both)
    assert left_out == ""
    assert votes.ranked(ballots, 512)["method"].tolist() == ["compact fp32", "adain fp32"]
    (ssim,) = votes.agreeing(ballots, both).to_dict("records")
    assert (ssim["votes"], ssim["agreeing"]) == (8, 1.0)
    ballots, left_out = votes.of_rows(load([one]))
    assert ballots.empty
    assert left_out == "8 votes are left out: 8 on results that are not among these rows."


def test_a_vote_that_lies_in_two_outs_as_one_is_the_others_copy_counts_once(out: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(out, tmp_path / "copy")
    (alone, _), (both, left_out) = (votes.of_rows(load(outs)) for outs in ([out], [out, copy]))
    assert (len(both), left_out) == (len(alone), "") == (20, "")
