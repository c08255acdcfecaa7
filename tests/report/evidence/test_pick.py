from __future__ import annotations

from stylize.report.evidence import pick


def option(name: str, **values: float) -> pick.Option:
    return pick.Option("a machine", name, 600, 9, values, 1.0, {}, set(values))


def test_what_memory_was_not_measured_of_is_within_no_limit() -> None:
    assert not pick.Wanted(most_bytes=1e9).allows(option("one", time=1.0))
    assert pick.Wanted().allows(option("one", time=1.0))


def test_of_votes_more_are_better() -> None:
    found = pick.ranked([option("less", votes=0.3), option("more", votes=0.7)], pick.Wanted(), "votes")
    assert [one.name for one, _ in found] == ["more", "less"]
