"""People's votes in reports: each with the methods and the size of the rows that it was between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from stylize.errors import counted
from stylize.votes import VoteStore, agreement, compare_pairs, rank
from stylize.votes.agreement import SCORES
from stylize.votes.ranking import LEAST_PICTURES

if TYPE_CHECKING:
    from stylize.report.evidence.pick import Option

LEFT, RIGHT = "left_method", "right_method"
_ROW = ["run_id", "task_id"]
"""What a vote names a result by."""
MOST_OPEN = 10
"""Pairs of methods that are named as undecided, of the best methods first: sixty methods have 1,770."""


def of_rows(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return all votes on results of these rows, and a sentence on those that are left out, empty for none.

    Their methods are called as reports call them, `side_px` is the size. Votes between two sizes, and on rows that
    are no longer there, as of a run whose images were made anew, are left out. Those between results of two OUTs lie in
    one of them: a task that its rows lack is looked for in all. Raises as `read_votes`.
    """
    frames = [VoteStore(home).read().to_pandas().assign(home=home) for home in sorted(rows["home"].unique())]
    votes = pd.concat(frames, ignore_index=True).sort_values("voted_at", kind="stable", ignore_index=True)
    votes = votes.drop_duplicates("vote_id", keep="last")  # an OUT may be the copy of another
    if votes.empty:
        return votes.assign(side_px=pd.Series(dtype=float), left_home=votes["home"], right_home=votes["home"]), ""
    names = (rows["method"] + " " + rows["precision"]).rename("name")
    keyed = rows[["home", *_ROW]].assign(name=names, side_px=rows["resolution_px"].fillna(-1))
    for side, column in (("left", LEFT), ("right", RIGHT)):
        found = _found(keyed, votes["home"], votes[[f"{side}_{name}" for name in _ROW]].set_axis(_ROW, axis=1))
        votes = votes.assign(**{column: found["name"], f"{side}_px": found["side_px"], f"{side}_home": found["home"]})
    unknown = votes[LEFT].isna() | votes[RIGHT].isna()
    sizes = ~unknown & (votes["left_px"] != votes["right_px"])
    same = ~unknown & ~sizes & (votes[LEFT] == votes[RIGHT])
    reasons = {"on results that are not among these rows": unknown, "between two sizes": sizes,
               "between results of one method": same}  # fmt: skip
    kept = votes[~(unknown | sizes | same)]
    return kept.assign(side_px=kept["left_px"]), _left_out({why: int(which.sum()) for why, which in reasons.items()})


def _left_out(counts: Mapping[str, int]) -> str:
    """Return one sentence on votes that say nothing of these rows; empty for none."""
    if not (total := sum(counts.values())):
        return ""
    told = ", ".join(f"{n} {why}" for why, n in counts.items() if n)
    return f"{total} vote{'s are' if total > 1 else ' is'} left out: {told}."


def _found(keyed: pd.DataFrame, homes: pd.Series, results: pd.DataFrame) -> pd.DataFrame:
    """Return what `keyed` says of each result in its OUT, else in any; nulls for one that is nowhere."""
    own = keyed.drop_duplicates(["home", *_ROW]).set_index(["home", *_ROW], drop=False)
    anywhere = keyed.drop_duplicates(_ROW).set_index(_ROW)
    found = own.reindex(pd.MultiIndex.from_frame(results.assign(home=homes)[["home", *_ROW]])).set_axis(homes.index)
    return found.where(found["home"].notna(), anywhere.reindex(pd.MultiIndex.from_frame(results)).set_axis(homes.index))


def at(votes: pd.DataFrame, side_px: float | None) -> pd.DataFrame:
    """Return the votes on results of one size; None: photos' own."""
    return votes[votes["side_px"] == (-1 if side_px is None or pd.isna(side_px) else side_px)]


def judge(options: Sequence[Option], start: int, votes: pd.DataFrame, side_px: float | None) -> None:
    """Put into options of one size how likely people are to prefer each, and which others they clearly prefer.

    start: the number of the first option.
    """
    here = at(votes, side_px)
    if here.empty:
        return
    preferred = rank(here).set_index("method")
    settled = compare_pairs(here).query("settled")
    clearly = set(zip(settled["better"], settled["other"], strict=True))
    for option in options:
        if option.name not in preferred.index:
            continue
        line = preferred.loc[option.name]
        option.values["votes"] = float(line["preferred"])
        if line["pictures"] >= LEAST_PICTURES:
            option.known.add("votes")
        rivals = _rivals(here, option.name)
        if rivals & {other.name for other in options}:
            option.compared["votes"] = {
                number for number, other in enumerate(options, start)
                if other is not option and other.name in preferred.index
            }  # fmt: skip
        option.of["votes"] = f"{_cast(here, option.name)}, against {', '.join(sorted(rivals))}"
        option.behind["votes"] = [
            number for number, other in enumerate(options, start) if (other.name, option.name) in clearly
        ]


def ranked(votes: pd.DataFrame, side_px: float | None) -> pd.DataFrame:
    """Return the methods of one size as people prefer them: `rank`'s columns."""
    return rank(at(votes, side_px))


def agreeing(votes: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return how often each score prefers the result that people prefer, over all sizes: `agreement`'s columns."""
    # A task has one row in each OUT, whichever run made it.
    named = rows.assign(run_id=rows["home"])
    keyed = votes.assign(left_run_id=votes["left_home"], right_run_id=votes["right_home"])
    return agreement(keyed, named[["run_id", "task_id", *(name for name in SCORES if name in named)]])


def words(votes: pd.DataFrame, side_px: float | None, side: str) -> Iterator[str]:
    """Say whom people prefer at a size, and how many more votes would settle what is undecided."""
    here = at(votes, side_px)
    if here.empty:
        return
    pairs = compare_pairs(here)
    best = rank(here)["method"].iloc[0]
    behind = pairs[pairs["settled"] & (pairs["better"] == best)]["other"]
    if len(behind):
        told = ", ".join(f"{other} ({_cast(here, best, other)})" for other in behind)
        yield f"At {side}, people prefer {best} to {told}."
    undecided = pairs[~pairs["settled"]]
    for line in undecided[:MOST_OPEN].itertuples():
        two = f"{line.better} and {line.other} in people's votes ({_cast(here, line.better, line.other)})"
        more = ""
        if pd.isna(line.low):
            more = f"; it takes votes on more photos, as fewer than {LEAST_PICTURES} pairs settle nothing"
        elif not pd.isna(line.votes_needed):
            more = f"; about {counted(line.votes_needed, 'more vote')} on the two would settle it"
        yield f"At {side}, no difference seen between {two}{more}."
    if (others := len(undecided) - MOST_OPEN) > 0:
        yield f"At {side}, nor between {counted(others, 'more pair')} of methods in people's votes."


def _cast(votes: pd.DataFrame, *names: str) -> str:
    """Return how many votes are on results of all these methods, and on how many pairs."""
    mine = votes
    for name in names:
        mine = mine[(mine[LEFT] == name) | (mine[RIGHT] == name)]
    if mine.empty:
        return "by votes on others alone"
    on = len(mine[["content_uri", "style_uri"]].drop_duplicates())
    return f"{counted(len(mine), 'vote')} on {counted(on, 'pair')} of photo and artwork"


def _rivals(votes: pd.DataFrame, name: str) -> set[str]:
    """Return the methods that a method was voted on beside."""
    return {*votes.loc[votes[RIGHT] == name, LEFT], *votes.loc[votes[LEFT] == name, RIGHT]}
