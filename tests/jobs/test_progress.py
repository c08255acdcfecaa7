"""What is shown while a job runs."""

from __future__ import annotations

from jobs.progress import Reporter, duration


def test_rows_of_earlier_runs_count_as_done_but_not_as_pace() -> None:
    shown = Reporter(10, "off")
    shown.keep(6)
    assert shown.line() == "6 of 10 done, 0 failed, starting"
    shown._start -= 2
    shown.add(2, 1)
    assert shown.line() == "8 of 10 done, 1 failed, 1.0 images/s, 2 s left"


def test_durations_are_short() -> None:
    assert [duration(s) for s in (5, 600, 12_000)] == ["5 s", "10 min", "3 h 20 min"]
