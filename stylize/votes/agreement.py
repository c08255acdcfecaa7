"""Whether a score prefers the result that people prefer."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from stylize.votes.ranking import DRAWS, LEAST_PICTURES

SCORES = {
    "ssim": True, "gram_distance": False, "moments_distance": False, "content_distance": False, "lpips": False,
    "cfsd": False,
}  # fmt: skip
"""Columns that may agree with people -> whether the higher value is the better one."""


def agreement(votes: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each score that `rows` has: how often the better scored result is the one that was preferred.

    votes: as `read_votes` gives them. rows: `run_id`, `task_id` and scores. Of a row: `score`, `votes` (those with a
    preference, of which both results have different scores), `pictures` (pairs of photo and artwork) they are on,
    `agreeing` (share of them, 0 to 1; one half is chance), and the bounds `low` and `high` of its 95 % interval by the
    Bayesian bootstrap over pictures, as `rank` has it, null where there are fewer than LEAST_PICTURES.
    """
    votes = votes[votes["choice"] != "same"]
    keyed = rows.drop_duplicates(["run_id", "task_id"]).set_index(["run_id", "task_id"])
    picture = pd.factorize(pd.MultiIndex.from_frame(votes[["content_uri", "style_uri"]].fillna("")))[0]
    told = []
    for score, higher in SCORES.items():
        if score not in rows or rows[score].isna().all():
            continue
        left, right = (
            keyed[score].reindex(pd.MultiIndex.from_frame(votes[[f"{side}_run_id", f"{side}_task_id"]])).to_numpy(float)
            for side in ("left", "right")
        )
        known = np.isfinite(left) & np.isfinite(right) & (left != right)
        agrees = (((left > right) == higher) == (votes["choice"] == "left").to_numpy())[known]
        told.append({"score": score, **_share(agrees, picture[known])})
    return pd.DataFrame(told, columns=["score", "votes", "pictures", "agreeing", "low", "high"])


def _share(agrees: np.ndarray, picture: np.ndarray) -> dict[str, float]:
    _, group = np.unique(picture, return_inverse=True)
    pictures = int(group.max(initial=-1)) + 1
    share, low, high = float(agrees.mean()) if len(agrees) else math.nan, math.nan, math.nan
    if pictures >= LEAST_PICTURES:
        rng = np.random.default_rng(0)
        weights = rng.exponential(size=(DRAWS, pictures))
        prior = rng.gamma(0.5, len(agrees) / pictures, (2, DRAWS))  # Jeffreys's, of as many votes as a picture has
        hits, all_votes = np.bincount(group, agrees), np.bincount(group)
        shares = (weights @ hits + prior[0]) / (weights @ all_votes + prior.sum(0))
        low, high = np.quantile(shares, (0.025, 0.975))
        low, high = min(low, share), max(high, share)
    return {"votes": len(agrees), "pictures": pictures, "agreeing": share, "low": low, "high": high}
