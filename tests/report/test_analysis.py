from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stylize.report import analysis
from tests.support.made_rows import BEGIN, of_sweep, row, rows


def test_percentiles_leave_warmup_and_failures_out_and_failures_stand_beside_them() -> None:
    times = [row(n, stylize_s=float(n)) for n in range(1, 21)]
    bad = [row(30, warmup=True, stylize_s=500.0), row(31, status="oom", stylize_s=None), row(32, status="nan")]
    (line,) = analysis.measures(rows(times + bad)).to_dict("records")
    assert (line["n"], line["not_ok"]) == (20, 2)
    assert line["reasons"] in ("1 oom, 1 nan", "1 nan, 1 oom")
    assert line["stylize_p50_s"] == pytest.approx(10.5)
    assert line["stylize_p95_s"] == pytest.approx(19.05)


def test_growth_finds_the_exponents_of_time_and_memory() -> None:
    made = [
        of_sweep(n, "m", "fp32", px, stylize_s=0.3 * (px * (px * 2 // 3) / 1e6) ** 1.2)
        for n, px in enumerate([300, 300, 600, 600, 1200, 1200])
    ]
    (line,) = analysis.growth(rows(made)).to_dict("records")
    assert line["time_exponent"] == pytest.approx(1.2)
    assert line["time_at_1_mp"] == pytest.approx(0.3)
    assert line["memory_exponent"] == pytest.approx(1, abs=1e-6)
    assert line["memory_at_1_mp"] == pytest.approx(2e8, rel=1e-4)


def test_growth_is_of_whole_images_alone() -> None:
    made = [of_sweep(n, "m", "fp32", px, stylize_s=px**2 / 1e6) for n, px in enumerate([300, 600, 1200])]
    strips: dict[str, Any] = {"strips": 9, "stylize_s": 50.0, "image_host_bytes": 10}
    made += [of_sweep(9, "m", "fp32", 1200, **strips), of_sweep(10, "m", "fp32", 2400, **strips)]
    (line,) = analysis.growth(rows(made)).to_dict("records")
    assert (line["n"], line["sizes"], line["most_megapixels"]) == (3, 3, pytest.approx(0.96))
    assert line["time_exponent"] == pytest.approx(1)
    assert line["memory_exponent"] == pytest.approx(1, abs=1e-6)


def test_two_sizes_have_no_fit_however_many_pictures_they_have() -> None:
    made = [of_sweep(n, "m", "fp32", px) for n, px in enumerate([300, 300, 300, 1200, 1200, 1200])]
    (line,) = analysis.growth(rows(made)).to_dict("records")
    assert line["sizes"] == 2
    assert np.isnan(line["time_exponent"])


def test_growth_says_nothing_of_a_single_size() -> None:
    assert analysis.growth(rows([row(n) for n in range(5)])).empty


def test_precisions_pair_the_same_tasks() -> None:
    base = [of_sweep(n, "m", "fp32", 300, stylize_s=0.1 * (n + 1), ssim=0.5) for n in range(7)]
    less = [of_sweep(n + 10, "m", "bf16", 300, stylize_s=0.05 * (n + 1), ssim=0.48, image_host_bytes=6_000_000,
                     content_uri=f"/photos/day/{n}.jpg") for n in range(7)]  # fmt: skip
    alone = [of_sweep(20, "m", "bf16", 600)]
    (line,) = analysis.precisions(rows(base + less + alone)).to_dict("records")
    assert (line["precision"], line["n"]) == ("bf16", 7)
    assert line["speed"] == pytest.approx(2)
    assert line["memory"] == pytest.approx(0.5)
    assert line["ssim_delta"] == pytest.approx(-0.02)
    assert np.isfinite([line["speed_low"], line["memory_high"]]).all()


def test_a_precision_measured_of_few_photos_has_a_speed_and_no_interval() -> None:
    made = [of_sweep(10 * turn + n, "m", p, 300, stylize_s=0.1 / turn, content_uri=f"/photos/day/{n}.jpg")
            for turn, p in ((1, "fp32"), (2, "bf16")) for n in range(4)]  # fmt: skip
    (line,) = analysis.precisions(rows(made)).to_dict("records")
    assert line["speed"] == pytest.approx(2)
    assert np.isnan([line[f"{name}_{end}"] for name in ("speed", "memory") for end in ("low", "high")]).all()


def test_precisions_take_a_task_that_lies_in_two_outs_once() -> None:
    def sweep(first: int, seconds: float) -> list[dict[str, Any]]:
        return [
            of_sweep(first + 10 * turn + n, "m", precision, 300, stylize_s=seconds / (turn + 1), ssim=0.5 - 0.02 * turn,
                     content_uri=f"/photos/day/{n}.jpg")
            for turn, precision in enumerate(("fp32", "bf16")) for n in range(7)
        ]  # fmt: skip

    one, other = rows(sweep(0, 0.1)), rows(sweep(100, 9.0))
    # The second was cut: each task held against each of the two OUTs would be as slow as the other run was.
    both = pd.concat([one, other[other["precision"] == "fp32"].assign(home="/other")], ignore_index=True)
    pd.testing.assert_frame_equal(analysis.precisions(both), analysis.precisions(one))


def scaled(seconds: float, workers: int, each: str = "") -> list[dict[str, Any]]:
    """12 images per worker, one behind the other, each worker from its own beginning."""
    found = []
    for worker in range(workers):
        for turn in range(12):
            found.append(of_sweep(
                1000 * workers + 100 * worker + turn + 50 * bool(each), "m", "fp32", 300, workers, each,
                stylize_s=seconds, total_s=seconds, worker_id=f"worker-{worker}",
                started_at=BEGIN + timedelta(seconds=5 * worker + turn * seconds),
            ))  # fmt: skip
    return found


def test_efficiency_is_the_rate_a_worker_over_that_of_one_and_loading_does_not_count() -> None:
    found = analysis.scaling(rows(scaled(0.1, 1) + scaled(0.125, 2))).set_index("workers")
    assert found.loc[1, "images_per_s"] == pytest.approx(10)
    assert found.loc[2, "images_per_s"] == pytest.approx(16)
    assert found.loc[2, "efficiency"] == pytest.approx(0.8)


def later(made: list[dict[str, Any]], hours: int, **changes: object) -> list[dict[str, Any]]:
    """The same some hours later, as other tasks."""
    return [
        one | {"task_id": f"{hours}{one['task_id'][1:]}", "started_at": one["started_at"] + timedelta(hours=hours)}
        | changes for one in made
    ]  # fmt: skip


def rates(made: list[dict[str, Any]], homes: int = 1) -> list[tuple[float, float]]:
    """Images/s and efficiency, by the number of workers. homes: in so many OUTs, each a day after the other."""
    frames = [rows(later(made, n, run_id=f"r{n}") if n else made).assign(home=f"/out{n}") for n in range(homes)]
    found = analysis.scaling(pd.concat(frames, ignore_index=True))
    return [] if found.empty else found[["images_per_s", "efficiency"]].round(3).apply(tuple, axis=1).tolist()


def test_the_pause_before_a_resumed_run_is_not_in_the_rate() -> None:
    whole = scaled(0.1, 1) + scaled(0.125, 2)
    assert rates(whole) == [(10, 1), (16, 0.8)]
    for begun in (whole[:5], whole[:20], whole[:15]):
        rest = [one for one in whole if one not in begun]
        assert rates(begun + later(rest, 1, run_id="second")) == [(10, 1), (16, 0.8)]


def test_the_same_sweep_in_two_folders_has_each_one_s_rate() -> None:
    assert rates(scaled(0.1, 1) + scaled(0.125, 2), homes=2) == [(10, 1), (16, 0.8)]


def test_a_worker_in_a_dead_one_s_place_is_no_further_one() -> None:
    two = scaled(0.1, 2)
    later_half = [one | {"worker_id": f"{one['worker_id']}0"} for one in two[6:12]]
    assert rates(scaled(0.1, 1) + two[:6] + later_half + two[12:]) == [(10, 1), (20, 1)]


@pytest.mark.parametrize("unknown", [{"total_s": None}, {"started_at": None}, {"total_s": 0.0}, {"total_s": -1.0}])
def test_a_rate_is_of_images_whose_time_is_known(unknown: dict[str, object]) -> None:
    one, two = scaled(0.1, 1), scaled(0.1, 2)
    assert rates(one + [made | unknown for made in two]) == []
    assert rates(one + two + [two[0] | unknown | {"task_id": "f" * 64}]) == [(10, 1), (20, 1)]


def test_strong_and_weak_scaling_are_apart() -> None:
    made = [*scaled(0.1, 1), *scaled(0.2, 2), *scaled(0.1, 1, " each"), *scaled(0.1, 2, " each")]
    found = analysis.scaling(rows(made)).set_index(["scaling", "workers"])["efficiency"]
    assert found[("strong", 2)] == pytest.approx(0.5)
    assert found[("weak", 2)] == pytest.approx(1)


def test_one_worker_that_was_measured_once_is_what_both_kinds_begin_with() -> None:
    made = [*scaled(0.1, 1), *scaled(0.2, 2), *scaled(0.125, 2, " each")]
    found = analysis.scaling(rows(made)).set_index(["scaling", "workers"])["efficiency"]
    assert found.round(3).to_dict() == {("strong", 1): 1, ("strong", 2): 0.5, ("weak", 1): 1, ("weak", 2): 0.8}


def test_scaling_says_nothing_of_one_number_of_workers() -> None:
    assert analysis.scaling(rows(scaled(0.1, 2))).empty


def test_thirds_are_of_photos_not_of_rows() -> None:
    made = [row(n, content_uri=f"/p/{n % 6}.jpg", content_edge_density=(n % 6) / 10) for n in range(60)]
    found = analysis.thirds(rows(made), "content_edge_density")
    assert found.value_counts().to_dict() == {"low": 20, "middle": 20, "high": 20}
    failed = [row(100 + n, content_uri=f"/p/{n}.jpg", status="oom") for n in range(6)]
    found = analysis.thirds(rows(failed + made), "content_edge_density")
    assert found.value_counts().to_dict() == {"low": 22, "middle": 22, "high": 22}
    assert analysis.thirds(rows([row(1), row(2)]), "content_edge_density").isna().all()


def test_the_main_resolution_is_where_most_methods_meet() -> None:
    made = [of_sweep(1, "a", "fp32", 256), of_sweep(2, "a", "fp32", 768), of_sweep(3, "b", "fp32", 768)]
    assert analysis.main_resolution(rows(made)) == 768
    assert analysis.main_resolution(rows([row(1, resolution_px=None)])) is None


def test_failures_are_counted_by_reason_with_an_error() -> None:
    failed = [row(n, status="oom", error="no room", content_uri=f"/in/{n}.jpg") for n in (2, 3, 4, 5, 5)]
    (line,) = analysis.failures(rows([row(1), *failed])).to_dict("records")
    assert (line["status"], line["n"], line["error"]) == ("oom", 5, "no room")
    assert line["photos"] == "2, 3, 4 and 1 more"


def test_stages_are_medians_and_a_kept_style_has_none() -> None:
    (line,) = analysis.stages(rows([row(1), row(2, decode_s=0.03), row(3, decode_s=0.02)])).to_dict("records")
    assert line["decode_s"] == pytest.approx(0.02)
    assert np.isnan(line["style_s"])


def test_nothing_is_made_of_rows_that_all_failed() -> None:
    made = rows([row(n, status="crashed", stylize_s=None, width_px=None, height_px=None) for n in range(3)])
    assert analysis.growth(made).empty
    assert analysis.scaling(made).empty
    assert analysis.precisions(made).empty
    measured = analysis.measures(made)
    assert pd.isna(measured["stylize_p50_s"]).all()
    assert analysis.cells(made) == ({}, {})


def test_a_stage_that_few_images_go_through_has_a_small_share() -> None:
    (line,) = analysis.stage_shares(rows([row(n, style_s=0.4 if n == 0 else None) for n in range(4)])).to_dict(
        "records"
    )
    assert (line["style_s"], line["stylize_s"]) == (pytest.approx(0.1), pytest.approx(0.1))


def test_scores_are_of_the_images_that_count() -> None:
    made = [row(n, ssim=1.0 if n == 0 else 0.5, warmup=n == 0) for n in range(3)]
    assert analysis.measures(rows(made))["ssim_mean"].tolist() == [0.5]
    assert analysis.measures(rows(made[:1]))["ssim_mean"].tolist() == [1.0]


def test_memory_that_was_not_seen_is_none() -> None:
    assert rows([row(0, image_host_bytes=0)])["memory_bytes"].isna().all()


@pytest.mark.parametrize(("unseen", "seen_of", "told"), [(7, 0, np.nan), (5, 0, np.nan), (4, 6, 9e7), (0, 10, 9e7)])
def test_memory_is_of_the_images_where_it_was_seen_and_of_none_where_it_mostly_was_not(
    unseen: int, seen_of: int, told: float
) -> None:
    made = [row(n, image_host_bytes=0 if n < unseen else 90_000_000, measure_mode="throughput") for n in range(10)]
    other = [row(20 + n, stylizer="adain", image_host_bytes=70_000_000, measure_mode="throughput") for n in range(3)]
    first, line = analysis.measures(rows(made + other)).to_dict("records")
    assert (first["memory_n"], first["memory_p50_bytes"]) == (3, 7e7)
    assert (line["n"], line["memory_n"]) == (10, seen_of)
    assert line["memory_p50_bytes"] == pytest.approx(told, nan_ok=True)


def test_efficiency_is_told_against_the_fewest_workers_though_they_are_several() -> None:
    found = analysis.scaling(rows(scaled(0.1, 2) + scaled(0.1, 4))).set_index("workers")["efficiency"]
    assert found.tolist() == pytest.approx([1, 1])


def test_photos_in_no_subfolder_are_a_kind_of_their_own() -> None:
    made = [row(n, content_type="day" if n % 2 else None) for n in range(6)]
    assert sorted(analysis.breakdown(rows(made), "content_type")["content_type"]) == ["(none)", "day"]


def test_many_photos_of_one_statistic_have_thirds_too() -> None:
    made = [row(n, content_uri=f"/p/{n}.jpg", content_edge_density=max(0, n - 20) / 10) for n in range(30)]
    assert analysis.thirds(rows(made), "content_edge_density").value_counts().to_dict() == {
        "low": 10, "middle": 10, "high": 10,
    }  # fmt: skip


def test_of_two_main_resolutions_the_one_nearest_to_512_counts() -> None:
    assert analysis.main_resolution(rows([of_sweep(n, "a", "fp32", px) for n, px in enumerate((128, 512))])) == 512


def test_a_models_memory_below_nothing_is_not_known() -> None:
    assert rows([row(0, model_host_bytes=-5), row(1)])["model_bytes"].fillna(0).tolist() == [0, 5_000_000]
