from __future__ import annotations

from stylize.report.evidence import verdicts
from stylize.report.evidence.compare import Comparison, Line
from stylize.report.evidence.statistics import Interval
from stylize.report.evidence.verdicts import Change, Verdict


def line(verdict: Verdict, *, enough: bool = True) -> Line:
    return Line("m", verdicts.TIME, Change(9, Interval(1, 1, 1) if enough else None, verdict))


def test_what_is_better_in_one_thing_and_undecided_in_another_is_undecided() -> None:
    assert Comparison([line(Verdict.BETTER), line(Verdict.UNDECIDED)], [], 9, []).verdict == Verdict.UNDECIDED


def test_a_line_of_too_few_pairs_does_not_decide() -> None:
    lines = [line(Verdict.SAME), line(Verdict.UNDECIDED, enough=False)]
    assert Comparison(lines, [], 9, []).verdict == Verdict.SAME
