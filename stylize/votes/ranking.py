"""Methods ranked by votes on pairs of their results: the model of Bradley and Terry (1952), section 2.

The chance that i is preferred to j is p_i / (p_i + p_j) with one strength p for each method. A vote for "same" counts
as half a vote for each. Intervals are of the Bayesian bootstrap (Rubin 1981) over pairs of photo and artwork, as votes
on the same pictures say the same thing again: each pair weighs as much as chance says, and so does the prior. Of pairs
that are drawn, votes that all agree would have an interval of no width.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from stylize.errors import UsageError, one_line

Floats = npt.NDArray[np.float64]

DRAWS = 1000
LEAST_PICTURES = 8
"""Pairs of photo and artwork below which there is no interval: all votes of five for one method are chance 1 in 16."""
LEAST_DIFFERENCE = 0.01
"""From one half, of the chance to be preferred: what is nearer no number of votes that people give would settle."""
_Z_INTERVAL, _Z_POWER = 1.96, 0.8416  # 95 % intervals, 80 % power
_SHARE = {"left": 1.0, "right": 0.0, "same": 0.5}
_NEWTON_STEPS, _LONGEST_STEP = 40, 2.0
_LEAST_PRIOR = 1e-4
"""Votes: of less, strengths would have no end."""


def rank(votes: pd.DataFrame, *, draws: int = DRAWS) -> pd.DataFrame:
    """Return a row for each method, the most preferred first.

    votes: `left_method`, `right_method`, `choice` (left, right or same), `content_uri` and `style_uri`. Of a row:
    `votes` it took part in, `pictures` (pairs of photo and artwork) they were on, `preferred` (chance, 0 to 1, that it
    is preferred to another method of these, all being as likely), and the bounds `low` and `high` of its 95 % interval,
    null where there are fewer than LEAST_PICTURES. Raises UsageError for another choice.
    """
    votes = _usable(votes)
    methods, fitted, drawn = _fitted(votes, draws)
    chance, chances = _against_others(fitted), _against_others(drawn)
    low, high = np.quantile(chances, (0.025, 0.975), axis=0) if len(methods) else (chance, chance)
    counts = [votes[(votes["left_method"] == name) | (votes["right_method"] == name)] for name in methods]
    pictures = np.array([part["picture"].nunique() for part in counts], int)
    enough = pictures >= LEAST_PICTURES
    table = pd.DataFrame(
        {
            "method": pd.Series(methods, dtype=object),
            "votes": [len(part) for part in counts],
            "pictures": pictures,
            "preferred": chance,
            "low": np.where(enough, low, math.nan),
            "high": np.where(enough, high, math.nan),
        }
    )
    return table.sort_values(["preferred", "method"], ascending=[False, True], ignore_index=True)


def compare_pairs(votes: pd.DataFrame, *, draws: int = DRAWS) -> pd.DataFrame:
    """Return a row for each two methods, `better` being the one with the higher strength.

    votes: as `rank` takes them. Of a row: `votes` on just these two, `preferred` (chance, 0.5 to 1, that `better` is
    preferred to `other`) with its 95 % interval `low` to `high` (null as in `rank`), `settled` (the interval lies above
    one half), and `votes_needed`: about how many more votes on these two would settle it in four of five cases, if the
    chance is what it seems; null where it is settled or the chance is within LEAST_DIFFERENCE of one half.
    """
    votes = _usable(votes)
    methods, fitted, drawn = _fitted(votes, draws)
    order = sorted(range(len(methods)), key=lambda i: (-fitted[i], methods[i]))
    columns = ["better", "other", "votes", "preferred", "low", "high", "settled", "votes_needed"]
    rows = [
        (a := methods[i], b := methods[j], *_compared(votes, a, b, fitted[i] - fitted[j], drawn[:, i] - drawn[:, j]))
        for place, i in enumerate(order)
        for j in order[place + 1 :]
    ]
    return pd.DataFrame(rows, columns=columns).astype({"votes_needed": "Int64"})


def _compared(votes: pd.DataFrame, better: str, other: str, difference: float, drawn: Floats) -> tuple[object, ...]:
    """Return what `compare_pairs` tells of two methods; of log-strengths the difference, and its bootstrap samples."""
    mine = [(votes["left_method"] == name) | (votes["right_method"] == name) for name in (better, other)]
    part = votes[mine[0] & mine[1]]
    enough = min(votes[one]["picture"].nunique() for one in mine) >= LEAST_PICTURES
    low, high = np.quantile(_logistic(drawn), (0.025, 0.975)) if enough else (math.nan, math.nan)
    preferred = float(_logistic(np.array(difference)))
    settled = bool(low > 0.5)
    return len(part), preferred, low, high, settled, None if settled else _needed(preferred, part)


def _needed(preferred: float, part: pd.DataFrame) -> int | None:
    """Return how many more votes would settle a pair: the usual number for a mean share against one half."""
    if preferred - 0.5 < LEAST_DIFFERENCE:
        return None
    # A vote for "same" counts one half, and so varies less than one for either.
    same = float((part["choice"] == "same").mean()) if len(part) else 0.0
    spread = math.sqrt(max(preferred * (1 - preferred) - same / 4, 0.01))
    total = math.ceil(((_Z_INTERVAL * spread + _Z_POWER * spread) / (preferred - 0.5)) ** 2)
    return max(total, LEAST_PICTURES) - len(part) if max(total, LEAST_PICTURES) > len(part) else 1


def _usable(votes: pd.DataFrame) -> pd.DataFrame:
    """Return the votes between two methods, with `picture` numbering their pairs of photo and artwork."""
    if wrong := sorted(map(repr, {*votes["choice"]} - _SHARE.keys())):
        raise UsageError(f"choice: expected one of {', '.join(_SHARE)}, got {one_line(wrong[0])}")
    votes = votes[votes["left_method"] != votes["right_method"]]
    keys = votes[["content_uri", "style_uri"]].fillna("")
    return votes.assign(picture=pd.factorize(pd.MultiIndex.from_frame(keys))[0])


def _fitted(votes: pd.DataFrame, draws: int) -> tuple[list[str], Floats, Floats]:
    """Return the methods, their log-strengths (K,), and those of every bootstrap sample (draws, K)."""
    methods = sorted({*votes["left_method"], *votes["right_method"]})
    if not methods:
        return [], np.empty(0), np.empty((draws, 0))
    number = {name: place for place, name in enumerate(methods)}
    left, right = (votes[f"{side}_method"].map(number).to_numpy(int) for side in ("left", "right"))
    share = votes["choice"].map(_SHARE).to_numpy(float)
    pictures = int(votes["picture"].max()) + 1
    wins = np.zeros((pictures, len(methods), len(methods)))
    np.add.at(wins, (votes["picture"].to_numpy(int), left, right), share)
    np.add.at(wins, (votes["picture"].to_numpy(int), right, left), 1 - share)
    prior = 1 / len(methods)
    rng = np.random.default_rng(0)  # always alike, so that a report made anew says the same
    samples = np.tensordot(rng.exponential(size=(draws, pictures)), wins, 1)
    # What several said of the same two results is no more than one picture says.
    alike = len(votes) / np.count_nonzero(np.triu(wins + wins.transpose(0, 2, 1)))
    priors = rng.gamma(prior, alike, samples.shape).clip(_LEAST_PRIOR)
    return methods, _strengths(wins.sum(0)[None], np.array(prior))[0], _strengths(samples, priors)


def _strengths(wins: Floats, prior: Floats) -> Floats:
    """Return log-strengths (N, K), of sum 0, for N matrices of votes for the row's method against the column's.

    A prior of about 1/K votes for each against each other (for two methods Jeffreys's) keeps them finite where one
    method won all its votes, or two have no votes in common.
    """
    samples, count, _ = wins.shape
    wins = wins + (1 - np.eye(count)) * prior
    met = wins + wins.transpose(0, 2, 1)
    strengths = np.zeros((samples, count))
    for _ in range(_NEWTON_STEPS):
        chance = _logistic(strengths[:, :, None] - strengths[:, None, :])
        gradient = (wins - met * chance).sum(2)
        pull = met * chance * (1 - chance)
        hessian = np.eye(count) * pull.sum(2)[:, :, None] - pull + 1 / count  # the last term: sum 0
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        strengths += np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        if np.abs(step).max(initial=0) < 1e-9:
            break
    centred: Floats = strengths - strengths.mean(1, keepdims=True)
    return centred


def _logistic(difference: Floats) -> Floats:
    chance: Floats = 1 / (1 + np.exp(-difference))
    return chance


def _against_others(strengths: Floats) -> Floats:
    """Return for each method the mean chance to be preferred to each of the others; (..., K) to the same."""
    count = strengths.shape[-1]
    if count == 0:
        return strengths
    chance = _logistic(strengths[..., :, None] - strengths[..., None, :])
    mean: Floats = (chance.sum(-1) - 0.5) / max(count - 1, 1)
    return mean
