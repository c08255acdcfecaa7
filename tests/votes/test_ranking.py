"""Methods ranked by votes whose strengths are known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from stylize.errors import UsageError
from stylize.votes import compare_pairs, rank
from tests.support.votes import vote, voted


def test_strengths_that_made_the_votes_are_found() -> None:
    strengths = {"a": 4.0, "b": 2.0, "c": 1.0}
    ranked = rank(voted(strengths, 6000, seed=0)).set_index("method")
    assert list(ranked.index) == ["a", "b", "c"]
    for name, own in strengths.items():
        others = [other for other in strengths if other != name]
        true = np.mean([own / (own + strengths[other]) for other in others])
        assert ranked.loc[name, "preferred"] == pytest.approx(true, abs=0.02)
        assert ranked.loc[name, "low"] < true < ranked.loc[name, "high"]


def test_a_same_counts_half_for_each() -> None:
    votes = pd.DataFrame([vote(n, "same") for n in range(40)])
    ranked = rank(votes)
    assert ranked["preferred"].tolist() == pytest.approx([0.5, 0.5])
    (pair,) = compare_pairs(votes).to_dict("records")
    assert not pair["settled"]
    assert pd.isna(pair["votes_needed"])


def test_sides_do_not_matter() -> None:
    one = pd.DataFrame([vote(n, "left", "a", "b") for n in range(20)])
    other = pd.DataFrame([vote(n, "right", "b", "a") for n in range(20)])
    pd.testing.assert_frame_equal(rank(one), rank(other))


def test_a_method_that_always_won_has_a_finite_strength() -> None:
    ranked = rank(pd.DataFrame([vote(n, "left", "a", "b") for n in range(20)]))
    assert 0.9 < ranked["preferred"][0] < 1
    # Jeffreys's interval of 20 of 20; votes that say the same of the same pictures again make it no narrower.
    assert ranked["low"][0] == pytest.approx(0.88, abs=0.02)
    again = rank(pd.DataFrame([vote(n, "left", "a", "b", content_uri=f"/{n % 20}.jpg") for n in range(60)]))
    assert again["low"][0] == pytest.approx(0.88, abs=0.02)


def test_votes_on_few_pictures_settle_nothing_however_many_they_are() -> None:
    votes = pd.DataFrame([vote(n, "left", "a", "b", content_uri=f"/{n % 7}.jpg") for n in range(200)])
    assert rank(votes)["low"].isna().all()
    assert not compare_pairs(votes)["settled"].any()
    on_eight = pd.DataFrame([vote(n, "left", "a", "b", content_uri=f"/{n % 8}.jpg") for n in range(200)])
    assert compare_pairs(on_eight)["settled"].all()


def test_chance_alone_is_seldom_a_finding() -> None:
    """Of 100 polls on methods that are alike, 5 % may be settled; over 10 % would be 1 in 100."""
    found = [compare_pairs(voted({"a": 1, "b": 1}, 100, seed=n), draws=300)["settled"][0] for n in range(100)]
    assert sum(found) <= 10


def test_as_many_votes_as_are_said_to_be_needed_settle_it_in_about_four_of_five() -> None:
    poll = pd.DataFrame([vote(n, "left" if n % 5 < 3 else "right", "a", "b") for n in range(20)])
    (pair,) = compare_pairs(poll).to_dict("records")
    assert not pair["settled"]
    total = 20 + pair["votes_needed"]
    chance = pair["preferred"]
    settled = [
        compare_pairs(voted({"a": chance, "b": 1 - chance}, total, seed=n, pictures=1000), draws=200)["settled"][0]
        for n in range(50)
    ]
    assert 31 <= sum(settled) <= 47


def test_votes_for_same_lessen_the_votes_that_are_needed() -> None:
    plain = pd.DataFrame([vote(n, "left" if n % 5 < 3 else "right", "a", "b") for n in range(20)])
    tied = pd.DataFrame([vote(n, ("left", "left", "right", "same", "same")[n % 5], "a", "b") for n in range(20)])
    assert compare_pairs(tied)["preferred"][0] == pytest.approx(compare_pairs(plain)["preferred"][0])
    assert compare_pairs(tied)["votes_needed"][0] < compare_pairs(plain)["votes_needed"][0]


def test_no_votes_rank_nothing() -> None:
    none = pd.DataFrame([vote(0)]).iloc[:0]
    assert len(rank(none)) == 0
    assert len(compare_pairs(none)) == 0
    of_one = pd.DataFrame([vote(0, "left", "a", "a")])
    assert len(rank(of_one)) == 0


def test_a_choice_that_is_none_is_named() -> None:
    votes = pd.DataFrame([vote(0), vote(1, "LEFT")])
    for count in (rank, compare_pairs):
        with pytest.raises(UsageError, match="choice: expected one of left, right, same, got 'LEFT'"):
            count(votes)


def test_sixty_methods_with_few_votes_are_ranked() -> None:
    ranked = rank(voted({f"m{n}": float(1 + n) for n in range(60)}, 600, seed=1), draws=100)
    assert len(ranked) == 60
    assert ranked["preferred"].between(0, 1).all()
    assert not any(map(math.isnan, ranked["preferred"]))
    best = {int(name[1:]) for name in ranked["method"][:20]}
    assert np.mean(list(best)) > 35


def test_a_method_on_few_pictures_settles_nothing_against_one_on_many() -> None:
    on_two = [vote(n, "left", "a", "b", content_uri=f"/{n % 2}.jpg") for n in range(40)]
    on_eight = [vote(n, "left", "a", "c", content_uri=f"/{n % 8}.jpg") for n in range(40, 80)]
    pairs = compare_pairs(pd.DataFrame(on_two + on_eight)).set_index(["better", "other"])
    assert math.isnan(pairs.loc[("a", "b"), "low"])
    assert pairs.loc[("a", "c"), "low"] > 0.5


def test_votes_that_were_given_are_not_needed_again() -> None:
    poll = [vote(n, "left" if n % 5 < 3 else "right", "a", "b") for n in range(40)]
    (half,), (whole,) = (compare_pairs(pd.DataFrame(some)).to_dict("records") for some in (poll[:20], poll))
    spread = whole["preferred"] * (1 - whole["preferred"])
    total = math.ceil((1.96 + 0.8416) ** 2 * spread / (whole["preferred"] - 0.5) ** 2)
    assert whole["votes_needed"] == total - 40
    assert half["votes_needed"] > 0
