"""Rows that stay and lack what is asked for only now are told of, however the run goes on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs import benchmark, score, stylize_folder
from jobs.run.lacking import Lacking
from stylize import images
from stylize.config import JobConfig
from stylize.results.schema import SCORED, key_of
from tests.support.made_rows import GivenRows, row
from tests.support.main_job import call
from tests.support.samples import picture

MEASURED: dict[str, Any] = {"ssim": 0.5, "width_px": 64, "height_px": 96, "weights_sha256": "a" * 64}
VGG = "vgg19 dcbb9e9d3bed"
"""Torchvision's."""
OWN = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
WITH_VGG = {"perceptual_variant": VGG, "content_distance": 0.1}


@pytest.mark.parametrize(
    ("asked", "has", "lacks"),
    [
        ({"scores": "distances"}, {}, True),
        ({"perceptual": "vgg19.pth"}, {}, True),
        ({"scores": "distances"}, WITH_VGG, False),
        ({"scores": "distances"}, {"perceptual_variant": VGG}, False),  # too small for it
        ({"scores": "distances"}, {"perceptual_variant": "vgg19 abc"}, True),
        ({"perceptual": __file__}, WITH_VGG, True),
        ({"perceptual": __file__}, WITH_VGG | {"perceptual_variant": f"vgg19 {OWN}"}, False),
        ({"perceptual": "gone.pth"}, WITH_VGG, False),
        ({"scores": "distances"}, {"ssim": None}, False),
        ({"scores": "distances"}, {"status": "oom"}, False),
        ({"scores": "cfsd"}, WITH_VGG, True),
        ({"scores": "cfsd"}, WITH_VGG | {"cfsd": 0.2}, False),
        ({"scores": "cfsd"}, {"perceptual_variant": VGG}, False),
        ({"scores": "cfsd"}, WITH_VGG | {"perceptual_variant": "vgg19 abc", "cfsd": 0.2}, True),
        ({"scores": "lpips"}, {}, True),
        ({"lpips": "vgg"}, {"lpips_variant": "alex torchmetrics 1"}, True),
        ({"lpips": "vgg"}, {"lpips_variant": "vgg torchmetrics 1"}, False),
        ({"scores": "ssim_uniform"}, {}, True),
        ({"scores": "ssim_uniform"}, {"ssim_uniform": 0.4}, False),
        ({"scores": "flicker"}, {"height_px": 65, "width_px": 66}, True),
        ({"scores": "flicker"}, {"height_px": 65, "width_px": 65}, False),
        ({"scores": "flicker"}, {"height_px": 96, "width_px": 96, "strips": 2}, False),
        ({"scores": "flicker"}, {"height_px": 96, "width_px": 96, "weights_sha256": "random"}, False),
        ({"scores": "flicker"}, {"height_px": 96, "width_px": 96, "flicker": 0.0}, False),
        ({"measure_mode": "isolated"}, {}, True),
        ({"measure_mode": "isolated"}, {"measure_mode": "isolated"}, False),
        ({"measure_mode": "isolated"}, {"measure_mode": SCORED}, False),
        ({"scores": "flicker"}, {"height_px": 96, "width_px": 96, "measure_mode": SCORED}, False),
        ({}, {}, False),
    ],
)
def test_a_row_lacks_what_could_have_been_measured(asked: dict[str, Any], has: dict[str, Any], lacks: bool) -> None:
    made = row(1, **(MEASURED | {"measure_mode": "throughput"} | has))
    config = JobConfig.build({"content": "c", "styles": "s", "out": "o"} | asked)
    lacking = Lacking(config, GivenRows([made]))
    lacking.keep(key_of(made["task_id"]))
    assert bool(lacking.lines()) == lacks


def test_a_row_that_lacks_several_things_is_one_row() -> None:
    made = row(1, **MEASURED)
    config = JobConfig.build({"content": "c", "styles": "s", "out": "o", "scores": ["ssim_uniform", "lpips"]})
    lacking = Lacking(config, GivenRows([made]))
    lacking.keep(key_of(made["task_id"]))
    assert lacking.lines()[0].startswith("1 row that stays lacks what is asked for now (lpips, ssim_uniform): ")


@pytest.mark.usefixtures("worker_here")
def test_scores_that_are_asked_for_on_a_resume_are_told_to_be_lacking(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    words = [*folders, tmp_path / "out", "--stylizer", "identity"]
    assert call(stylize_folder.main, *words).returncode == 0
    more = [*words, "--scores", "ssim_uniform"]
    said = "8 rows that stay lack what is asked for now (ssim_uniform): --redo makes the images again with it"
    for given in ([*more, "--dry-run"], more):
        told = call(stylize_folder.main, *given).stdout
        assert said in told
        assert "`python -m jobs.score`" in told
    assert "lack what is asked" not in call(stylize_folder.main, *words).stdout
    (folders[0] / "new.jpg").write_bytes(images.encode(picture(9), "jpg", 95))
    assert said in call(stylize_folder.main, *more).stdout
    assert call(stylize_folder.main, *more, "--redo").returncode == 0
    assert "lack what is asked" not in call(stylize_folder.main, *more).stdout


@pytest.mark.usefixtures("worker_here")
def test_so_are_those_of_pictures_made_elsewhere(folders: tuple[Path, Path], tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    (results / "b_wash.png").write_bytes(images.encode(picture(9), "png", 95))
    words = [*folders, results, tmp_path / "out", "--method", "theirs", "--pattern", "{photo}_{style}"]
    assert call(score.main, *words).returncode == 0
    told = call(score.main, *words, "--scores", "ssim_uniform").stdout
    assert "1 row that stays lacks what is asked for now (ssim_uniform): --redo scores the pictures again" in told
    assert call(score.main, *words, "--scores", "ssim_uniform", "--redo").returncode == 0
    assert "lacks what" not in call(score.main, *words, "--scores", "ssim_uniform").stdout


@pytest.mark.usefixtures("worker_here")
def test_so_are_those_of_a_sweep(folders: tuple[Path, Path], tmp_path: Path) -> None:
    plan = {"title": "x", "methods": [{"name": "identity"}], "precisions": ["fp32"], "resolutions_px": [48],
            "repeats": 1, "device": "cpu", "content": str(folders[0]), "styles": str(folders[1])}  # fmt: skip
    words = [tmp_path / "sweep.yaml", tmp_path / "out"]
    words[0].write_text(yaml.safe_dump(plan))
    assert call(benchmark.main, *words).returncode == 0
    words[0].write_text(yaml.safe_dump(plan | {"scores": ["ssim_uniform"]}))
    for given in ([*words, "--dry-run"], words):
        told = call(benchmark.main, *given).stdout
        assert "lack what is asked for now (ssim_uniform): the sweep into another OUT has it" in told
