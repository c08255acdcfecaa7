from __future__ import annotations

from dataclasses import replace
from typing import Any

from stylize.report.evidence import pick, verdicts, votes
from stylize.report.evidence.cells import Size, by_size
from tests.support.made_rows import of_sweep, rows


def size_of(**methods: dict[str, Any]) -> Size:
    """One size of these methods, over seven photos each; of the floor under two names, too."""
    floor = {name: {"stylize_s": 1e-6, "ssim": 1.0, "stylizer": "identity"} for name in ("identity", "does nothing")}
    made = [
        of_sweep(100 * number + n, name, "fp32", 600, content_uri=f"/p/{n}.jpg", **({"stylizer": name} | changes))
        for number, (name, changes) in enumerate((methods | floor).items())
        for n in range(7)
    ]
    (size,) = by_size(rows(made))
    return size


def test_what_no_other_is_clearly_better_than_is_marked_and_the_floor_wins_nothing() -> None:
    size = size_of(
        fast={"stylize_s": 0.01, "ssim": 0.3, "gram_distance": 9.0},
        near={"stylize_s": 1.0, "ssim": 0.3, "gram_distance": 1.0},
        like={"stylize_s": 1.01, "ssim": 0.3001, "gram_distance": 1.01},
        poor={"stylize_s": 1.1, "ssim": 0.2, "gram_distance": 2.0},
    )
    best = {name.removesuffix(" fp32"): mark for name, mark in size.machines[0].unbeaten().items()}
    assert best == {"fast": True, "near": True, "like": True, "poor": False}


def test_without_a_style_distance_time_and_ssim_decide() -> None:
    size = size_of(fast={"stylize_s": 0.01, "ssim": 0.3}, slow={"stylize_s": 0.1, "ssim": 0.3})
    assert size.machines[0].unbeaten() == {"fast fp32": True, "slow fp32": False}


def test_a_style_that_is_met_wholly_is_compared_as_others_are() -> None:
    size = size_of(**{name: {"gram_distance": far} for name, far in (("same", 0.0), ("too", 0.0), ("far", 5.0))})
    assert size.machines[0].unbeaten() == {"far fp32": False, "same fp32": True, "too fp32": True}
    ranking = size.machines[0].ranking(verdicts.STYLE)
    assert ranking is not None
    assert (ranking.best, [*ranking.alike], [*ranking.behind]) == ("same fp32", ["too fp32"], ["far fp32"])


def test_what_was_compared_with_nothing_is_not_called_the_best() -> None:
    size = size_of(only={"ssim": 0.3})
    choice = pick.choice([size], votes.of_rows(size.rows.assign(home="/nowhere"))[0])
    assert [mark for _, mark in pick.ranked(choice.options, pick.Wanted(), "ssim")] == [pick.ALONE]
    assert size.machines[0].unbeaten() == {"only fp32": False}


def test_the_best_within_limits_is_picked_and_what_is_not_told_apart_is_named() -> None:
    gb = 10**9
    size = size_of(
        near={"stylize_s": 1.0, "gram_distance": 1.0, "host_peak_rss_bytes": 2 * gb},
        like={"stylize_s": 0.2, "gram_distance": 1.01, "host_peak_rss_bytes": gb // 2},
        fast={"stylize_s": 0.01, "gram_distance": 9.0, "host_peak_rss_bytes": gb // 2},
    )
    choice = pick.choice([size], votes.of_rows(size.rows.assign(home="/nowhere"))[0])

    def marks(*limits: Any, by: str = "style") -> list[tuple[str, str]]:
        return [(one.name.split()[0], mark) for one, mark in pick.ranked(choice.options, pick.Wanted(*limits), by)]

    assert marks() == [("near", pick.ALIKE), ("like", pick.ALIKE), ("fast", "")]
    assert marks(600, 1e9) == [("like", pick.BEST), ("fast", "")]
    assert marks(600, 1e9, 0.1) == [("fast", pick.BEST)]
    assert marks(600, 1e9, 0.001) == []
    assert marks(by="time") == [("fast", pick.BEST), ("like", ""), ("near", "")]
    few = [replace(one, known=one.known - {"style"}) if one.name == "near fp32" else one for one in choice.options]
    ranked = [(one.name.split()[0], mark) for one, mark in pick.ranked(few, pick.Wanted(), "style")]
    assert ranked == [("like", pick.BEST), ("near", pick.FEW), ("fast", "")]
    lines, found = pick.told(choice, pick.Wanted(600, 1e8), "style")
    assert (lines, found) == (
        ["nothing measured by Gram distance at 600 px, within 100 MB for the whole worker"],
        False,
    )
