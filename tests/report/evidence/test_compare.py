from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stylize.errors import UsageError
from stylize.report.evidence.compare import Comparison, Line, compare, told
from stylize.report.evidence.statistics import Interval
from stylize.report.evidence.verdicts import TIME, Change, Verdict
from tests.support.made_rows import of_sweep, row, rows


def run(factor: float = 1.0, noise: float = 0.01, seed: int = 0, **changes: Any) -> pd.DataFrame:
    """40 rows around 0.1 s times `factor`."""
    rng = np.random.default_rng(seed)
    return rows([row(n, stylize_s=0.1 * factor * float(np.exp(rng.normal(0, noise))), **changes) for n in range(40)])


def verdicts(a: pd.DataFrame, b: pd.DataFrame, **options: Any) -> dict[str, str]:
    return {line.quantity.word: str(line.change.verdict) for line in compare(a, b, **options).lines}


def test_a_run_is_the_same_as_another_within_the_tolerance() -> None:
    found = compare(run(), run(1.02, seed=1))
    assert {line.change.verdict for line in found.lines} == {found.verdict} == {"same"}


def test_slower_by_more_than_the_tolerance_is_worse() -> None:
    assert verdicts(run(), run(1.2, seed=1))["stylize time"] == "worse"
    assert compare(run(), run(1.2, seed=1)).verdict == "worse"
    assert compare(run(), run(1.2, seed=1), 0.5).verdict == "same"


def test_faster_is_better() -> None:
    assert verdicts(run(), run(0.8, seed=1))["stylize time"] == "better"
    assert compare(run(), run(0.8, seed=1)).verdict == "better"


def test_what_one_run_has_alone_is_told() -> None:
    found = compare(run(), run(seed=1, ssim=None))
    assert found.alone == ["SSIM of compact fp32, 512 px: measured in the first run alone"]
    assert (found.notes, found.verdict) == ([], "undecided")
    assert f"  {found.alone[0]}" in told(found, "a", "b")
    assert compare(run(), run(2, seed=1, ssim=None)).verdict == "worse"
    assert compare(run()[:30], run()).notes == ["0 tasks of the first run and 10 of the second are in that one alone"]
    assert compare(run(), run(seed=1)).notes == []


def test_what_noise_hides_is_undecided() -> None:
    a, b = run(noise=1.0), run(1.06, noise=1.0, seed=1)
    assert verdicts(a, b)["stylize time"] == "undecided"
    assert compare(a, b).verdict == "undecided"


def test_a_time_is_not_worse_for_a_neighbours_work() -> None:
    busy = run(1.4, seed=1, cpu_wait_s=0.05)
    assert verdicts(run(), busy)["stylize time"] == "undecided"
    assert verdicts(run(), run(1.4, seed=1, cpu_wait_s=0.001))["stylize time"] == "worse"
    assert verdicts(run(), run(4, seed=1, cpu_wait_s=0.1))["stylize time"] == "worse"
    # Nor is it better, where it was the first run that had the neighbours.
    assert verdicts(busy, run())["stylize time"] == "undecided"
    lines = told(compare(run(), busy), "A", "B")
    assert [line.partition(")  ")[2] for line in lines[1:3]] == [
        "undecided: others had the processors, so that less than 2x says nothing", "same",
    ]  # fmt: skip


def test_more_memory_and_less_ssim_are_worse() -> None:
    found = verdicts(run(), run(seed=1, image_host_bytes=150_000_000, ssim=0.4))
    assert (found["memory of one more image"], found["SSIM"]) == ("worse", "worse")
    assert verdicts(run(), run(seed=1, ssim=0.6))["SSIM"] == "better"


def test_a_task_that_is_no_longer_ok_is_worse() -> None:
    b = run()
    b.loc[3, ["status", "ok", "clean"]] = ["crashed", False, False]
    found = compare(run(), b)
    assert found.verdict == "worse"
    assert found.broken == ["compact fp32, 3 in wash: crashed"]
    assert "no longer ok: compact fp32, 3 in wash: crashed" in "\n".join(told(found, "A", "B"))


@pytest.mark.parametrize("what", ["settings", "weights"])
def test_a_run_shares_its_tasks_with_one_that_did_them_otherwise_too(what: str) -> None:
    def made(*ways: int) -> pd.DataFrame:
        return rows(
            row(
                100 * way + n,
                content_uri=f"/photos/day/{n}.jpg",
                settings_json=json.dumps({"stylizer_settings": {"alpha": way if what == "settings" else 1}}),
                weights_sha256=str(way if what == "weights" else 0) * 64,
            )
            for way in ways
            for n in range(8)
        )

    one, both = made(1), made(1, 2)
    for a, b, alone in ((one, both, "0 tasks of the first run and 8"), (both, one, "8 tasks of the first run and 0")):
        found = compare(a, b)
        assert (found.shared, found.verdict) == (8, "same")
        assert found.notes == [f"{alone} of the second are in that one alone"]
    assert compare(both, both).shared == 16
    # What one run has of a method alone is compared with what the other has of it, and the difference told.
    assert compare(one, made(2)).shared == 8


def test_another_machine_is_refused() -> None:
    with pytest.raises(UsageError, match="different hardware"):
        compare(run(), run(device_name="Another"))


def test_runs_in_other_precisions_share_nothing_and_are_told_what_they_lack() -> None:
    with pytest.raises(UsageError, match=r"share 0 tasks; comparing needs 5 .* methods, precisions and num"):
        compare(run(), run(precision="bf16"))
    sweep = rows([of_sweep(n, "m", "fp32", 512) for n in range(7)])
    for two in ((run(), sweep), (sweep, run())):
        with pytest.raises(UsageError, match=r"share 0 tasks; one of them is a sweep, .* a sweep alone; comp"):
            compare(*two)


def test_runs_outside_of_sweeps_pair_by_photo_and_artwork_whatever_folder_they_lie_in() -> None:
    b = rows([row(n, content_uri=f"/elsewhere/{n}.jpg", workers=None, repeat=None) for n in range(40)])
    a = rows([row(n, workers=None, repeat=None) for n in range(40)])
    assert compare(a, b).shared == 40


def test_two_photos_of_one_name_in_other_folders_or_formats_are_two() -> None:
    names = [f"/{side}/{n}.{kind}" for side in ("day", "night") for n in range(5) for kind in ("jpg", "png")]
    a, b = (
        rows(row(k, content_uri=f"/{root}{name}", photo=name[1:-4]) for k, name in enumerate(names)) for root in "ab"
    )
    assert compare(a, b).shared == 20


def test_sizes_of_few_pictures_are_judged_together_and_the_line_names_them() -> None:
    def sizes(factor: float) -> pd.DataFrame:
        return rows(
            row(n, resolution_px=px, content_uri=f"/{k}.jpg", stylize_s=0.1 * factor)
            for n, (px, k) in enumerate(
                [(256, k) for k in range(6)] + [(1024, k) for k in range(3)] + [(None, k) for k in range(3)]
            )
        )

    found = {(line.method, line.quantity.word): line.change for line in compare(sizes(1), sizes(2)).lines}
    assert found["compact fp32, 256 px", "stylize time"].n == 6
    assert found["compact fp32, own size, 1024 px", "stylize time"].verdict == "worse"


def test_files_of_other_bytes_that_are_called_the_same_are_no_pair() -> None:
    a, b = (run(content_sha256=sha256, style_sha256="s") for sha256 in ("a", "b"))
    with pytest.raises(UsageError, match="share 0 tasks, and 40 pairs by name whose files have other bytes; "):
        compare(a, b)
    mixed = pd.concat([a.iloc[:10], b.iloc[10:]])
    found = compare(a, mixed)
    assert found.shared == 10
    assert found.notes == ["left out 30 pairs by name whose files have other bytes"]


def test_images_of_one_task_on_two_kinds_of_machine_are_no_pair() -> None:
    a, b = run(), run(seed=1)
    fast, moved = ({"device_name": name, "setup": f"{name}, isolated"} for name in ("A fast one", "A slow one"))
    for rows_of, first in ((a, 30), (b, 35)):
        rows_of.loc[rows_of.index < first, fast.keys()] = list(fast.values())
        rows_of.loc[rows_of.index >= first, moved.keys()] = list(moved.values())
        rows_of.loc[rows_of.index >= first, "stylize_s"] *= 4
    found = compare(a, b)
    assert found.notes == ["left out 5 pairs of two machines or modes"]
    assert (found.shared, found.lines[0].change.n, found.verdict) == (35, 35, "same")
    b.loc[32, ["ok", "clean", "status"]] = [False, False, "crashed"]
    assert compare(a, b).verdict == "worse"


def test_settings_that_differ_are_told() -> None:
    a, b = (run(settings_json=json.dumps({"quality": 95, "stylizer_settings": {"alpha": n}})) for n in (1, 0.5))
    found = compare(a, b.assign(weights_sha256="x"))
    assert found.notes == ["settings that differ: alpha 0.5, not 1"]
    assert f"  {found.notes[0]}" in told(found, "A", "B")
    found = compare(a.assign(weights_sha256="y"), a.assign(weights_sha256="x"))
    assert found.notes == ["settings that differ: weights"]


def test_runs_of_warm_ups_alone_share_nothing_and_that_is_told() -> None:
    for first in (0, 40):
        told = f"share 0 tasks; {first} rows of the first run and 40 rows of the second are warm-up and not compared"
        with pytest.raises(UsageError, match=told):
            compare(run(warmup=bool(first)), run(warmup=True))


def test_what_does_nothing_makes_no_run_worse() -> None:
    found = verdicts(run(stylizer="identity"), run(3, stylizer="identity"))
    assert list(found) == ["SSIM"]


def test_a_sweep_resumed_with_other_weights_is_compared_by_those_that_the_other_has() -> None:
    old, new = (
        [of_sweep(n + first, "m", "fp32", 512, weights_sha256=sha * 16, stylize_s=time_s) for n in range(7)]
        for first, sha, time_s in ((0, "cafe", 0.1), (7, "feed", 0.2))
    )
    both = rows([*old, *new])
    found = [compare(*sides) for sides in ((both, rows(new)), (rows(old), both))]
    assert [(one.shared, str(one.verdict)) for one in found] == [(7, "same")] * 2


def line(verdict: Verdict, *, enough: bool = True) -> Line:
    return Line("m", TIME, Change(9, Interval(1, 1, 1) if enough else None, verdict))


def test_what_is_better_in_one_thing_and_undecided_in_another_is_undecided() -> None:
    assert Comparison([line(Verdict.BETTER), line(Verdict.UNDECIDED)], [], 9, [], []).verdict == Verdict.UNDECIDED


def test_a_line_of_too_few_pairs_does_not_decide_and_has_no_verdict() -> None:
    found = Comparison([line(Verdict.SAME), line(Verdict.UNDECIDED, enough=False)], [], 9, [], [])
    assert found.verdict == Verdict.SAME
    assert [text.split("  ")[-1] for text in told(found, "A", "B")[1:]] == ["same", "(n = 9)", "verdict: same"]
