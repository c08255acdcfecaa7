from __future__ import annotations

from typing import Any

import pandas as pd

from stylize.report.evidence import pick, votes
from stylize.report.evidence.cells import by_size
from tests.support.made_rows import of_sweep, rows


def option(name: str, **values: float) -> pick.Option:
    return pick.Option("a machine", name, 600, 9, values, 1.0, {}, set(values))


def test_what_memory_was_not_measured_of_is_within_no_limit() -> None:
    assert not pick.Wanted(most_bytes=1e9).allows(option("one", time=1.0))
    assert pick.Wanted().allows(option("one", time=1.0))


def test_of_votes_more_are_better() -> None:
    found = pick.ranked([option("less", votes=0.3), option("more", votes=0.7)], pick.Wanted(), "votes")
    assert [one.name for one, _ in found] == ["more", "less"]


def told(made: list[dict[str, Any]], wanted: pick.Wanted | None = None, by: str = "time") -> list[str]:
    found = rows(made)
    lines, _ = pick.told(pick.choice(by_size(found), votes.of_rows(found)[0]), wanted or pick.Wanted(), by)
    return lines[1:]


def several(first: int, method: str, px: int = 600, workers: int = 1, **changes: Any) -> list[dict[str, Any]]:
    return [of_sweep(first + n, method, "fp32", px, workers, **changes) for n in range(7)]


def test_nothing_is_said_of_a_difference_between_sizes_or_machines() -> None:
    made = several(0, "slow", stylize_s=0.2) + several(7, "fast", stylize_s=0.1)
    made += several(14, "slow", 300, stylize_s=0.03) + several(21, "fast", 300, stylize_s=0.03)
    made += several(28, "other", stylize_s=0.4, device_name="Another processor")
    marks = {tuple(line.split(": ")[0].split(", ")[:2]): line.partition(")  ")[2] for line in told(made)}
    assert marks == {
        ("  slow fp32", "300 px"): "no difference seen at 300 px on this machine",
        ("  fast fp32", "300 px"): "no difference seen at 300 px on this machine",
        ("  fast fp32", "600 px"): "best at 600 px on this machine",
        ("  slow fp32", "600 px"): "",
        ("  other fp32", "600 px"): "not compared",
    }


def test_methods_of_other_photos_are_not_alike() -> None:
    made = several(0, "one", stylize_s=0.2)
    made += [one | {"content_uri": f"/other/{n}.jpg"} for n, one in enumerate(several(7, "two", stylize_s=0.1))]
    assert [line.partition(")  ")[2] for line in told(made)] == ["not compared", "not compared"]


def test_what_was_measured_with_more_workers_alone_is_named() -> None:
    made = several(0, "one") + several(7, "two", workers=2) + several(14, "one", workers=2)
    assert told(made)[-1] == "left out, as measured with more workers alone: two fp32 (2 workers), 600 px"
    assert told(several(0, "one") + several(7, "one", workers=2))[-1].startswith("  one fp32")


def test_what_nobody_timed_counts_by_what_was_scored() -> None:
    made = several(0, "one", stylize_s=None, gram_distance=2.0)
    found = rows(made)
    (only,) = pick.choice(by_size(found), pd.DataFrame({"side_px": []})).options
    assert only.n == 7
