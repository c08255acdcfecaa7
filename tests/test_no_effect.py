"""An option that changes nothing beside the others gets one line, in every command that has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs import benchmark, score, stylize_folder
from jobs.run.resolve import resolve
from stylize import load
from stylize.__main__ import main as stylize_main
from stylize.pipeline.room import ahead_bytes
from stylize.results.run_record import read_runs
from stylize.tasks import pairing
from stylize.training.config import configure
from tests.support.main_job import call
from tests.support.worker_here import working_here

GIVEN = {"content": "c", "styles": "s", "out": "o", "gpus_per_actor": 0, "cpus_per_actor": 1}


AGAIN = "; rows record it, so a call without it does all again"


def notes(**given: Any) -> list[str]:
    return resolve(GIVEN | given).notes


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"quality": 80, "format": "png"}, "quality 80 changes nothing: png keeps every pixel as it is" + AGAIN),
        ({"quality": 80, "format": "webp"}, None),
        ({"quality": 95, "format": "png"}, None),
        ({"seed": 3}, "seed 3 changes nothing: compact draws no random numbers with these settings" + AGAIN),
        ({"seed": 3, "pairing": "random"}, None),
        ({"seed": 3, "stylizer": "gatys"},
         "seed 3 changes nothing: gatys draws no random numbers with these settings" + AGAIN),
        ({"seed": 3, "stylizer": "gatys", "settings": {"start": "noise"}}, None),
        ({"style_resolution_px": None, "stylizer": "johnson"},
         "style_resolution_px none changes nothing: johnson's styles are weights, not pictures" + AGAIN),
        ({"style_resolution_px": 300}, None),
        ({"layout": "flat", "name": "{photo}"}, "layout flat changes nothing: name names the results"),
        ({"layout": "flat"}, None),
    ],
)  # fmt: skip
def test_a_jobs_option_without_effect_is_told(given: dict[str, Any], said: str | None) -> None:
    assert notes(**given) == ([said] if said else [])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"runtime": "onnxruntime", "max_memory": "1GiB"}, "4.4 megapixels with torch in strips, not with onnxruntime"),
        ({"precision": "int8", "max_memory": "1GiB"}, "4.4 megapixels with torch in strips, not with openvino in int8"),
        ({"precision": "int8", "max_memory": "1GiB", "measure_mode": "isolated", "actors": 1},
         "4.9 megapixels with torch"),
        ({"stylizer": "johnson", "runtime": "onnxruntime", "max_memory": "1GiB"},
         "2.7 megapixels with torch in strips, not with onnxruntime, and where the style is an ONNX file not at all"),
        ({"precision": "int8"}, None),
        ({"runtime": "torch", "max_memory": "1GiB"}, None),
        ({"stylizer": "gatys", "max_memory": "1GiB"}, None),
    ],
)  # fmt: skip
def test_images_that_another_runtime_has_no_room_for_are_told(given: dict[str, Any], said: str | None) -> None:
    told = notes(device="cpu", **given)
    assert len(told) == bool(said)
    beginning = f"max_memory: {given.get('stylizer', 'compact')} does images of more than "
    assert said is None or (told[0].startswith(beginning) and said in told[0])


def test_so_many_megapixels_are_those_that_are_planned_so() -> None:
    stylizer = load("compact", device="cpu", runtime="onnxruntime", weights="random", max_memory=2**30)
    code = stylizer.code(np.zeros((64, 64, 3), np.uint8))
    for ahead, side in ((0, 4.86e6**0.5), (ahead_bytes(2, 2**30), 4.37e6**0.5)):
        assert stylizer.plan_within(int(side * 0.99), int(side * 0.99), code, 1, ahead).strips == 1
        assert stylizer.plan_within(int(side * 1.01), int(side * 1.01), code, 1, ahead).strips > 1


def test_it_is_told_and_recorded_by_a_run_and_told_by_a_dry_run(folders: tuple[Path, Path], tmp_path: Path) -> None:
    words = [*folders, tmp_path / "out", "--stylizer", "identity", "--format", "png", "--quality", 80]
    said = "--quality 80 changes nothing: png keeps every pixel as it is" + AGAIN
    assert said in call(stylize_folder.main, *words, "--dry-run").stdout
    with working_here():
        assert said in call(stylize_folder.main, *words).stdout
        without_progress = call(stylize_folder.main, *words, "--progress", "off", "--scores", "ssim_uniform").stdout
    assert said in without_progress
    assert "8 rows that stay lack what is asked for now (ssim_uniform)" in without_progress
    assert said in read_runs(tmp_path / "out")[0].notes


def test_scoring_tells_it(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("content_uri,style_uri,result_uri\nc.jpg,s.jpg,r.jpg")
    words = ["--manifest", tmp_path / "m.csv", tmp_path / "out", "--method", "theirs", "--dry-run"]
    told = call(score.main, *words, "--style-resolution-px", 300, "--scores", "flicker").stdout
    assert "--style-resolution-px 300 changes nothing: only the scores distances and cfsd look at artworks" in told
    assert "flicker stays null" in told


def test_a_sweep_tells_it(folders: tuple[Path, Path], tmp_path: Path) -> None:
    plan = {"title": "x", "methods": [{"name": "compact"}], "precisions": ["int8"], "resolutions_px": [48, 64],
            "repeats": 1, "device": "cpu", "max_memory": "1GiB", "content": str(folders[0]),
            "styles": str(folders[1])}  # fmt: skip
    (tmp_path / "sweep.yaml").write_text(json.dumps(plan))
    told = call(benchmark.main, tmp_path / "sweep.yaml", tmp_path / "out", "--dry-run").stdout
    assert told.count("megapixels with torch in strips, not with openvino in int8") == 1


def test_restyling_one_image_tells_it(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [folders[0] / "day" / "a.jpg", folders[1] / "ink" / "wash.jpg", tmp_path / "r.png"]
    more = ["--quality", "80", "--style-weights", "2"]
    assert stylize_main([*map(str, words), "--weights", "random", *more]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "--quality 80 changes nothing: png keeps every pixel as it is",
        "--style-weights 2 changes nothing: one artwork has all of it",
    ]


def test_training_tells_it(folders: tuple[Path, Path], tmp_path: Path) -> None:
    given = {"photos": folders[0], "styles": folders[1], "out": tmp_path / "out"}
    assert configure(given | {"style_px": 200, "identity_weight": 2}).idle() == [
        "--style-px 200 changes nothing: compact does not take it"
    ]
    assert configure(given | {"photos_per_style": 2}).idle() == [
        "--photos-per-style 2 changes nothing: pooled_share is 0"
    ]
    assert configure(given | {"photos_per_style": 2, "pooled_share": 1}).idle() == []
    one = given | {"styles": folders[1] / "ink" / "wash.jpg", "style_px": 200, "identity_weight": 2}
    assert configure(one | {"consistency_ramp": 7}).idle() == [
        "--identity-weight 2.0 changes nothing: johnson does not take it",
        "--consistency-ramp 7 changes nothing: consistency_weight is 0",
    ]
    assert configure(one | {"consistency_ramp": 7, "consistency_weight": 1}).idle()[1:] == []
    assert configure(one | {"photos_per_style": 2, "pooled_share": 1}).idle()[1:] == [
        "--photos-per-style 2 changes nothing: johnson does not take it"
    ]


def test_a_manifests_seed_that_nothing_takes_is_told(folders: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(f"content_uri,style_uri,seed\n{folders[0]}/day/a.jpg,{folders[1]}/ink/wash.jpg,7\n")
    for method, said in (("compact", "seed changes nothing: compact draws no"), ("gatys", "rows have their own seed")):
        config = resolve({"manifest": str(path), "out": "o", "stylizer": method}).job
        (line,) = pairing.survey(config).lines()
        assert line.startswith(f"manifest: {said}")
