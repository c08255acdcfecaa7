"""Scores held against votes."""

from __future__ import annotations

import pandas as pd
import pytest

from stylize.votes import agreement
from tests.support.votes import vote


def polled(choices: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Votes on compact, left, with an SSIM of 0.8 and a Gram distance of 2, and adain with 0.4 and 1."""
    votes = pd.DataFrame([vote(number, choice) for number, choice in enumerate(choices)])
    rows = [
        {"run_id": "r", "task_id": one[f"{side}_task_id"], "ssim": ssim, "gram_distance": gram, "lpips": None}
        for one in votes.to_dict("records")
        for side, ssim, gram in (("left", 0.8, 2.0), ("right", 0.4, 1.0))
    ]
    return votes, pd.DataFrame(rows)


def test_a_score_agrees_where_its_better_side_was_preferred() -> None:
    told = agreement(*polled(["left"] * 15 + ["right"] * 5 + ["same"] * 9)).set_index("score")
    assert list(told.index) == ["ssim", "gram_distance"]  # lpips was not measured
    assert told.loc["ssim", "agreeing"] == pytest.approx(0.75)
    assert told.loc["gram_distance", "agreeing"] == pytest.approx(0.25)
    assert told.loc["ssim", "votes"] == 20
    assert told.loc["ssim", "low"] < 0.75 < told.loc["ssim", "high"]


def test_votes_on_rows_that_are_gone_or_score_alike_are_left_out() -> None:
    votes, rows = polled(["left"] * 20)
    rows.loc[rows["task_id"] == votes["left_task_id"][0], "ssim"] = 0.4
    gone = rows[rows["task_id"] != votes["left_task_id"][1]]
    assert agreement(votes, gone).set_index("score").loc["ssim", "votes"] == 18


def test_votes_that_all_agree_have_an_interval() -> None:
    told = agreement(*polled(["left"] * 8)).set_index("score")
    assert told.loc["ssim", ["agreeing", "high"]].tolist() == [1, 1]
    assert told.loc["ssim", "low"] == pytest.approx(0.74, abs=0.03)
    assert told.loc["gram_distance", "high"] == pytest.approx(0.26, abs=0.03)


def test_few_pictures_have_no_interval() -> None:
    told = agreement(*polled(["left"] * 5))
    assert told["agreeing"].tolist() == [1.0, 0.0]
    assert told["low"].isna().all()
