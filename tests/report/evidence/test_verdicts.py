"""Words and intervals agree, whatever the rows: that is held for made-up runs by the hundred."""

from __future__ import annotations

import re
from dataclasses import astuple
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylize.report.evidence import verdicts
from stylize.report.evidence.cells import by_size
from stylize.report.evidence.statistics import Interval
from stylize.report.evidence.verdicts import Quantity, Verdict, judge
from stylize.report.page import words
from tests.support.made_rows import of_sweep, rows

finite = st.floats(-3, 3)
QUANTITIES = st.sampled_from(verdicts.QUANTITIES)


@given(finite, finite, finite, QUANTITIES)
def test_a_difference_is_said_only_where_the_whole_interval_is_beyond_the_margin(
    a: float, b: float, c: float, quantity: Quantity
) -> None:
    low, value, high = sorted((a, b, c))
    if quantity.is_ratio:
        low, value, high = np.exp([low, value, high])
    verdict = judge(Interval(value, low, high), quantity)
    one, room = (1.0, quantity.margin) if quantity.is_ratio else (0.0, quantity.margin)
    ends = (one / (1 + room), one * (1 + room)) if quantity.is_ratio else (-room, room)
    more, less = low > ends[1], high < ends[0]
    assert (verdict == Verdict.SAME) == (low >= ends[0] and high <= ends[1])
    assert (verdict == (Verdict.WORSE if quantity.less_is_better else Verdict.BETTER)) == more
    assert (verdict == (Verdict.BETTER if quantity.less_is_better else Verdict.WORSE)) == less


def made(seed: int, factor: float, noise: float, n: int, repeats: int, few: int, px: int = 300) -> pd.DataFrame:
    """Two methods at one size, the second `factor` times the first, over n photos; and one of few photos."""
    rng = np.random.default_rng(seed)
    found: list[dict[str, Any]] = []
    for name, times, count in (("one", 1.0, n), ("two", factor, n), ("three", 3.0, few)):
        for photo in range(count):
            for repeat in range(repeats):
                noisy = float(np.exp(rng.normal(0, noise)))
                found.append(of_sweep(
                    len(found), name, "fp32", px, content_uri=f"/p/{photo}.jpg", repeat=repeat + 1,
                    stylize_s=0.1 * times * noisy, ssim=min(1.0, 0.3 * noisy), gram_distance=1e9 * times * noisy,
                ))  # fmt: skip
    return rows(found)


@settings(max_examples=20)
@given(
    st.integers(0, 10**6), st.floats(0.3, 3), st.sampled_from([0.001, 0.05, 0.5]), st.integers(1, 9),
    st.integers(1, 3), st.integers(1, 6), st.sampled_from([300, 600]),
)  # fmt: skip
def test_each_sentence_says_its_size_and_no_more_than_its_interval(
    seed: int, factor: float, noise: float, n: int, repeats: int, few: int, px: int
) -> None:
    for size in by_size(made(seed, factor, noise, n, repeats, few, px)):
        (machine,) = size.machines
        for line in words.at_size(size):
            assert line.startswith(f"At {px} px, ")
            if match := re.match(r"At \S+ px, (\S+ fp32) (is the fastest|comes nearest|keeps most)", line):
                quantity = {"is": verdicts.TIME, "comes": verdicts.STYLE, "keeps": verdicts.SSIM}[match[2].split()[0]]
                second = re.search(r"next is (\S+ fp32)", line)
                assert second is not None
                others = set(machine.values) - {match[1]}
                for other in others:
                    change = machine.against(match[1], other, quantity)
                    assert change.verdict == Verdict.BETTER or (change.interval is None and other in line)
                    if change.interval is not None:
                        sign = 1 if quantity.is_ratio else 0
                        ends = (change.interval.low, change.interval.high)
                        assert max(ends) < sign if quantity.less_is_better else min(ends) > sign
            if match := re.match(r"At \S+ px, no difference seen in (.+?) between (\S+ fp32)", line):
                quantity = next(one for one in verdicts.QUANTITIES if one.word == match[1])
                for other, count in re.findall(
                    r"(\S+ fp32) \S+(?: \S+)? \(n = (\d+)\)", line.split(" and ", 1)[1].split(". ")[0]
                ):
                    change = machine.against(other, match[2], quantity)
                    assert change.verdict != Verdict.WORSE
                    assert change.n == int(count) >= verdicts.LEAST_PAIRS


def test_the_other_way_round_is_the_same_change_turned() -> None:
    (size,) = by_size(made(1, 1.5, 0.05, 8, 2, 1))
    (machine,) = size.machines
    for quantity in (verdicts.TIME, verdicts.MEMORY, verdicts.SSIM, verdicts.STYLE):
        there = verdicts.against(machine.samples["one fp32"], machine.samples["two fp32"], quantity)
        back = verdicts.against(machine.samples["two fp32"], machine.samples["one fp32"], quantity)
        turned = there.inverted(quantity)
        assert turned.verdict == back.verdict
        assert turned.interval is not None
        assert back.interval is not None
        assert astuple(turned.interval) == pytest.approx(astuple(back.interval), rel=0.01)


@pytest.mark.parametrize("seed", range(10))
def test_equal_methods_are_not_told_apart(seed: int) -> None:
    (size,) = by_size(made(seed, 1.0, 0.2, 9, 3, 1))
    (machine,) = size.machines
    assert machine.against("one fp32", "two fp32", verdicts.TIME).verdict == Verdict.UNDECIDED


def test_of_few_photos_nothing_is_said_however_often_they_were_measured() -> None:
    (size,) = by_size(made(1, 3.0, 0.001, 4, 3, 1))
    assert any(line.startswith("At 300 px, too few images to say which is the fastest") for line in words.at_size(size))


def test_a_time_of_nothing_is_in_no_ratio() -> None:
    rows = made(1, 1.5, 0.01, 12, 1, 1)
    rows.loc[rows.index[rows["method"] == "one"][0], "stylize_s"] = 0.0
    both = verdicts.samples({"a": rows[rows["method"] == "one"], "b": rows[rows["method"] == "two"]})
    change = verdicts.against(both["b"], both["a"], verdicts.TIME)
    assert change.n == 11
    assert change.interval is not None
    assert np.isfinite(astuple(change.interval)).all()
