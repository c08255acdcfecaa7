from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stylize.errors import UsageError
from stylize.report.frame import load, of_other_networks
from tests.support.made_rows import of_sweep, row, rows, written


def test_a_sweeps_variant_is_taken_apart_whatever_its_label() -> None:
    frame = rows(
        [of_sweep(1, "my x2 label 3 px", "auto", 768, 2, " each", precision="bf16"), of_sweep(2, "a", "fp32", 64)]
    )
    assert list(frame["method"]) == ["my x2 label 3 px", "a"]
    assert list(frame["asked_precision"]) == ["auto", "fp32"]
    assert list(frame["precision"]) == ["bf16", "fp32"]
    assert list(frame["scaling"]) == ["weak", "strong"]


def test_runs_of_one_method_in_other_settings_are_told_apart_by_what_differs() -> None:
    texts = [json.dumps({"stylizer_settings": {"alpha": alpha, "compile": False}}) for alpha in (0.5, 1.0)]
    frame = rows([row(1, settings_json=texts[0]), row(2, settings_json=texts[1]), row(3, stylizer="identity")])
    assert list(frame["method"]) == ["compact (alpha=0.5)", "compact (alpha=1.0)", "identity"]


def test_pictures_of_a_methods_name_made_elsewhere_make_no_list_of_its_settings() -> None:
    asked = {"stylizer": "compact", "precision": "bf16", "seed": 0, "quality": 95, "settings": {}}
    ours = [json.dumps(asked | {"stylizer_settings": {"alpha": alpha, "folded": True}}) for alpha in (0.5, 1.0)]
    scored = json.dumps({"stylizer": "compact", "style_resolution_px": 512, "settings": {}})
    theirs = row(9, settings_json=scored, measure_mode="scored", precision=None)
    assert set(rows([row(1, settings_json=ours[0]), theirs])["method"]) == {"compact"}
    frame = rows([*(row(n, settings_json=text) for n, text in enumerate(ours)), theirs])
    assert list(frame["method"]) == ["compact (alpha=0.5)", "compact (alpha=1.0)", "compact"]
    other = theirs | {"task_id": "b" * 64, "settings_json": scored.replace("512", "256")}
    assert sorted(rows([theirs, other])["method"]) == [f"compact (style_resolution_px={px})" for px in (256, 512)]


def test_every_setting_and_other_weights_tell_methods_apart_but_for_the_size() -> None:
    asked: dict[str, Any] = {"seed": 0, "quality": 95, "resolution_px": 512, "settings": {}, "stylizer_settings": {}}
    other: list[dict[str, Any]] = [
        {},
        {"resolution_px": 64},
        {"seed": 1},
        {"quality": 80},
        {"style_weights": [1.0, 2.0]},
        {"strip": True},
    ]
    made = [
        row(n, settings_json=json.dumps(asked | change), weights_sha256="cafe" * 4) for n, change in enumerate(other)
    ]
    frame = rows([*made, row(9, settings_json=json.dumps(asked), weights_sha256="feedfeedfeed")])
    assert frame["method"].iloc[0] == frame["method"].iloc[1]
    assert frame["method"].nunique() == len(other)
    assert "weights=feedfeed" in frame["method"].iloc[6]
    assert "style_weights=[1.0, 2.0]" in frame["method"].iloc[4]


def test_a_mix_of_artworks_is_a_style_of_its_own() -> None:
    mix = row(2, style_uri="/art/wash.jpg", style_uris='["/art/wash.jpg", "/art/sea.jpg"]')
    frame = rows([row(1, style_uri="/art/wash.jpg"), mix])
    assert list(frame["style"]) == ["wash", "wash + sea"]
    assert frame["style_uri"].nunique() == 2


def test_a_backbone_is_part_of_the_name() -> None:
    assert list(rows([row(1, stylizer="gatys", backbone="vgg19")])["method"]) == ["gatys vgg19"]


def test_warmup_and_failed_rows_are_not_clean() -> None:
    frame = rows([row(1), row(2, warmup=True), row(3, status="oom", warmup=None), row(4, warmup=None)])
    assert list(frame["clean"]) == [True, False, False, True]


def test_modes_and_machines_are_never_mixed() -> None:
    frame = rows([row(1), row(2, measure_mode="throughput"), row(3, device_name="Another"), row(4, threads=1)])
    assert frame["setup"].nunique() == 4


def test_a_card_is_named_without_the_processors_threads() -> None:
    (setup,) = rows([row(1, device="cuda:0", device_name="A card")])["setup"]
    assert setup == "A card, isolated"
    (setup,) = rows([row(1, threads=None)])["setup"]
    assert setup == "A processor, isolated"


def test_a_row_that_no_worker_filled_in_belongs_to_its_runs_machine() -> None:
    lost = row(2, status="timeout", device_name=None, threads=None, warmup=None)
    assert rows([row(1), lost])["setup"].nunique() == 1
    assert list(rows([lost])["setup"]) == ["unknown"]


def test_an_accelerators_memory_counts_where_there_is_one() -> None:
    assert list(rows([row(1), row(2, image_device_bytes=7)])["memory_bytes"]) == [100_000_000, 7]


def test_a_row_that_no_worker_filled_in_is_of_no_other_outs_machine_whatever_they_are_called(tmp_path: Path) -> None:
    lost = row(2, status="timeout", device_name=None, threads=None)
    outs = [written(tmp_path / name / "x/out", [row(1, device_name=name), lost]) for name in ("a", "b")]
    assert list(load(outs)["setup"]) == ["a, 2 threads, isolated"] * 2 + ["b, 2 threads, isolated"] * 2


def test_a_folder_without_rows_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no rows folder"):
        load([tmp_path])
    (tmp_path / "rows").mkdir()
    with pytest.raises(UsageError, match="no rows in"):
        load([tmp_path])


def test_a_column_is_read_once_however_often_it_is_wanted(tmp_path: Path) -> None:
    made = [row(n, settings_json=json.dumps({"quality": 90 + n}), weights_sha256="w") for n in range(2)]
    read = load([written(tmp_path / "out", made)], also=["style_sha256", "photo", "photo"])
    assert read.columns.is_unique


def test_a_negative_time_or_size_is_no_measurement() -> None:
    frame = rows([row(0, stylize_s=-1.0, total_s=-1.0, host_peak_rss_bytes=-5), row(1, host_peak_rss_bytes=5)])
    assert frame["stylize_s"].tolist()[1:] == [0.1]
    assert frame[["stylize_s", "total_s", "whole_bytes"]].isna().all(axis=1).tolist() == [True, False]


def test_a_time_that_no_clock_can_tell_is_no_measurement_and_none_is() -> None:
    frame = rows([row(n, stylize_s=seconds) for n, seconds in enumerate((5e-324, 0.0, 1e-7))])
    assert frame["stylize_s"].isna().tolist() == [True, False, False]


def test_a_picture_of_which_no_number_format_is_recorded_stands_among_the_others() -> None:
    frame = rows([row(0), row(1, precision=None), row(2, precision=None, status="crashed")])
    assert frame["precision"].fillna("none").tolist() == ["fp32", "?", "none"]


def test_scores_by_other_networks_than_most_are_left_out_and_told() -> None:
    judges = ("vgg19 a", "vgg19 b", "vgg19 b", None)
    made = [
        row(n, perceptual_variant=judge, gram_distance=n + 1.0, lpips_variant=f"alex torchmetrics {n}", lpips=0.1)
        for n, judge in enumerate(judges)
    ]
    frame = rows(made)
    assert frame["gram_distance"].isna().tolist() == [True, False, False, False]
    assert frame["lpips"].tolist() == [0.1] * len(made)
    assert frame["ssim"].tolist() == [0.5] * len(made)
    assert of_other_networks(frame) == [
        "1 row has scores by other networks than most, which do not compare and are left out"
    ]
    assert of_other_networks(rows(made[1:])) == []


def test_a_sweep_that_was_resumed_with_other_weights_has_both_apart_at_every_size() -> None:
    made = [("quick", 64, "cafe"), ("quick", 64, "feed"), ("quick", 96, "feed"), ("a (alpha=0.5)", 64, "beef")]
    again = of_sweep(9, "a (alpha=0.5)", "fp32", 64, weights_sha256="feed" * 16)
    elsewhere = of_sweep(8, "far", "fp32", 64, settings_json='{"settings": {"cold": 1}}', device_name="Another")
    frame = rows([
        *(of_sweep(n, name, "fp32", px, weights_sha256=sha * 16) for n, (name, px, sha) in enumerate(made)), again,
        of_sweep(7, "far", "fp32", 64), elsewhere,
    ])  # fmt: skip
    assert list(frame["method"]) == [
        "quick (weights=cafecafe)", "quick (weights=feedfeed)", "quick (weights=feedfeed)",
        "a (alpha=0.5, weights=beefbeef)", "a (alpha=0.5, weights=feedfeed)", "far", "far",
    ]  # fmt: skip
    assert list(frame["label"]) == ["quick"] * 3 + ["a (alpha=0.5)"] * 2 + ["far"] * 2
