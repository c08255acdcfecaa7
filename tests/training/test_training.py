"""The loop of one worker: that it learns, and that a run in pieces equals a whole one."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import stylize
from stylize.errors import CannotContinueError, UsageError, WeightsError
from stylize.images import decode
from stylize.measure.perceptual import STYLE_LAYERS
from stylize.training import judge, loop, record
from stylize.training.config import TrainConfig, configure
from stylize.training.data import read_folder
from stylize.training.loop import Trainer, WorkerContext, half_precision
from tests.training.conftest import four_photos

ORIGIN = {"versions": "{}", "hardware": "1 x test", "command": "", "git_commit": ""}


def config(photos: Path, styles: Path, out: Path, vgg: Path, **changes: object) -> TrainConfig:
    small = {"batch": 1, "crop_px": 64, "style_px": 64, "loaders": 1, "checkpoint_every": 2, "steps": 4}
    return configure({"photos": photos, "styles": styles, "out": out, "vgg": vgg, **small, **changes})


def trainer(of: TrainConfig) -> Trainer:
    return Trainer(of, read_folder(of.photos), read_folder(of.styles), ORIGIN, WorkerContext())


def run(of: TrainConfig, state: Path | None, scratch: Path) -> list[Path]:
    """Train to the last step, from a checkpoint if one is given; returns copies of all checkpoints."""
    scratch.mkdir()
    one = trainer(of)
    if state:
        one.resume(state)
    kept: list[Path] = []

    def keep(path: Path | None) -> None:
        assert path is not None
        kept.append(path.rename(scratch / f"{one.step}.pt"))

    one.run(keep, lambda now: None, scratch)
    return kept


@dataclass(frozen=True)
class Trained:
    """A folder with photos, a training of four steps in `out`, and its checkpoints after two and four."""

    folder: Path
    checkpoints: list[Path]
    vgg: Path

    def copy(self, folder: Path) -> TrainConfig:
        """The same in another folder."""
        shutil.copytree(self.folder, folder)
        return config(folder / "photos", folder / "photos", folder / "out", self.vgg)


@pytest.fixture(scope="module")
def trained(vgg: Path, loaded_once: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained") / "one"
    folder.mkdir()
    photos = four_photos(folder / "photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "SAMPLE_PX", 32)
        patch.setattr(judge, "load_backbone", loaded_once)
        checkpoints = run(config(photos, photos, folder / "out", vgg), None, folder.parent / "checkpoints")
    return Trained(folder, checkpoints, vgg)


@pytest.mark.parametrize(
    ("steps", "options"),
    [(4, {"reuse": 2}), (2, {"batch": 2, "consistency_weight": 9.0, "consistency_ramp": 5, "pooled_share": 0.7})],
)
def test_a_run_in_two_pieces_gives_the_weights_of_a_whole_one(
    photos: Path, vgg: Path, tmp_path: Path, steps: int, options: dict[str, Any]
) -> None:
    lengths = {"steps": steps, "checkpoint_every": steps // 2}
    both = {"identity_share": 0.4, "decay_share": 0.0, "precision": "fp32"} | lengths | options
    half, _ = run(config(photos, photos, tmp_path / "whole", vgg, **both), None, tmp_path / "a")
    shutil.copytree(tmp_path / "whole", tmp_path / "halves")
    run(config(photos, photos, tmp_path / "halves", vgg, **both), half, tmp_path / "b")
    one, two = (load_file(tmp_path / name / "weights" / "compact.safetensors") for name in ("whole", "halves"))
    assert all(torch.allclose(one[name].float(), two[name].float(), atol=2e-3) for name in one)
    losses = [pd.read_parquet(tmp_path / name / "losses") for name in ("whole", "halves")]
    assert losses[1]["step"].tolist() == [*range(1, steps + 1)]
    np.testing.assert_allclose(losses[0]["loss"], losses[1]["loss"], rtol=1e-3)


def test_steps_after_the_last_checkpoint_are_not_counted_twice(trained: Trained, tmp_path: Path) -> None:
    of = trained.copy(tmp_path / "copy")
    run(of, trained.checkpoints[0], tmp_path / "scratch")
    assert pd.read_parquet(of.out / "losses")["step"].tolist() == [1, 2, 3, 4]


def test_a_run_that_an_older_version_began_has_its_card(trained: Trained, tmp_path: Path) -> None:
    of = trained.copy(tmp_path / "copy")
    (part,) = (of.out / "losses").glob("steps-00000001-*.parquet")
    pd.read_parquet(part).drop(columns="edges").to_parquet(part)
    assert "| 4 |" in record.card(of, trainer(of).metadata() | {"step": "4"}, of.out / "losses")


def test_another_judge_measures_its_own_scales_and_is_told(trained: Trained, tmp_path: Path) -> None:
    of = trained.copy(tmp_path / "copy")
    save_file({name: value / 2 for name, value in load_file(trained.vgg).items()}, tmp_path / "other.safetensors")
    one = trainer(of.model_copy(update={"vgg": tmp_path / "other.safetensors"}))
    one.resume(trained.checkpoints[1])
    assert not one.judge.scales
    assert [(part["step"], part["vgg"]) for part in one.history][1:] == [(4, one.judge.sha256)]
    assert f"vgg of sha256 {one.history[0]['vgg']}" in record.card(of, one.metadata(), of.out / "losses")


def test_weights_carry_their_origin_and_their_card_says_it(trained: Trained, tmp_path: Path) -> None:
    of = trained.copy(tmp_path / "copy")
    photos = tmp_path / "copy" / "photos"
    earlier = read_folder(photos).sha256
    (photos / "3.jpg").unlink()
    run(config(photos, photos, of.out, trained.vgg, steps=5, seed=7), trained.checkpoints[1], tmp_path / "scratch")
    path = of.out / "weights" / "compact.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata["step"] == "5"
    assert read_folder(photos).sha256 in metadata["photos"]
    history = json.loads(metadata["history"])
    assert [(part["step"], part["settings"]["seed"]) for part in history] == [(0, 0), (4, 7)]
    card = path.with_suffix(".md").read_text()
    facts = (metadata["photos"], metadata["vgg_sha256"], "| 4 |", "seed 7", "1 x test", f"photos of sha256 {earlier}")
    assert all(fact in card for fact in facts)
    assert stylize.load("compact", weights=path).weights_sha256
    sheet = decode((of.out / "samples" / "step_000004.jpg").read_bytes())
    assert sheet.pixels.std() > 10


def test_a_photo_that_is_cut_short_does_not_end_a_run_at_its_sample_sheet(
    photos: Path, vgg: Path, tmp_path: Path
) -> None:
    first = photos / "0.jpg"
    first.write_bytes(first.read_bytes()[:2000])
    one = trainer(config(photos, photos, tmp_path / "out", vgg))
    assert first in one.photos.files  # its header is whole
    one.sample()
    assert (tmp_path / "out" / "samples" / "step_000000.jpg").exists()


def test_a_style_of_ones_own_loads_as_johnson(photos: Path, artwork: Path, vgg: Path, tmp_path: Path) -> None:
    run(config(photos, artwork, tmp_path / "out", vgg, steps=1), None, tmp_path / "a")
    path = tmp_path / "out" / "weights" / "night sky.safetensors"
    # The PyTorch examples' names, so that other programs can load it.
    assert {"conv1.conv2d.weight", "res1.conv1.conv2d.weight", "deconv1.conv2d.bias"} <= load_file(path).keys()
    painter = stylize.load("johnson", weights=path, precision="fp32")
    content = decode((photos / "0.jpg").read_bytes()).pixels
    assert painter(content, "night sky").shape == content.shape


@pytest.mark.parametrize(
    ("styles", "settings", "rate", "steps"),
    [("photos", {"identity_share": 0.0}, 2e-3, 16), ("night sky.png", {}, 3e-3, 10)],
    ids=["compact", "johnson"],
)
def test_training_moves_towards_the_style(
    photos: Path, artwork: Path, vgg: Path, tmp_path: Path, styles: str, settings: Any, rate: float, steps: int
) -> None:
    for path in sorted(photos.iterdir())[1:]:
        path.unlink()
    # The rate is each step's own, not the run's.
    one = trainer(config(photos, tmp_path / styles, tmp_path, vgg, learning_rate=1e-9, **settings))
    one.open()
    seen = [float(one.one_step(rate)["loss"]) for _ in range(steps)]
    one.close()
    assert sum(seen[-4:]) < 0.8 * sum(seen[:4])


@pytest.mark.parametrize("styles", [".", "0.jpg"], ids=["compact", "johnson"])
def test_consistency_grows_to_its_weight(photos: Path, vgg: Path, tmp_path: Path, styles: str) -> None:
    options = {"consistency_weight": 100.0, "consistency_ramp": 10, "precision": "fp32", "identity_share": 0.0}
    one = trainer(config(photos, photos / styles, tmp_path, vgg, edges_weight=50.0, **options))
    one.open()
    for weight in (10.0, 20.0):
        parts = one.one_step(1e-6)
        terms = one.config.terms() | {"consistency": weight}
        expected = sum(terms[name] * float(value) for name, value in parts.items() if name != "loss")
        assert float(parts["consistency"]) > 1e-3
        assert float(parts["edges"]) > 1e-3
        assert set(parts) <= {"loss", *record.TERMS}
        assert abs(float(parts["loss"]) - expected) < 1e-3 * expected
    one.close()


@pytest.mark.parametrize(("batch", "styles"), [(3, 1), (8, 2)])
def test_photos_of_a_step_share_a_style_where_statistics_are_pooled(
    photos: Path, vgg: Path, tmp_path: Path, batch: int, styles: int
) -> None:
    one = trainer(config(photos, photos, tmp_path, vgg, batch=batch, pooled_share=0.5, identity_share=0.0))
    one.judge.scales = dict.fromkeys(STYLE_LAYERS, 1.0)
    one.open()
    assert one.batches is not None
    content, style = one.batches.get(0)
    one.close()
    assert (len(content.image), len(style.image)) == (batch, styles)
    assert one.model(content.image, style.image).shape == content.image.shape


def test_a_batch_that_cannot_be_shared_out_is_refused(photos: Path, vgg: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"batch 6 is no multiple of photos_per_style 4; change one of them"):
        config(photos, photos, tmp_path, vgg, batch=6, pooled_share=0.5)
    # One style is all photos' own.
    assert config(photos, photos / "0.jpg", tmp_path, vgg, batch=6, pooled_share=0.5).batch == 6


def test_training_can_begin_with_weights(trained: Trained, tmp_path: Path) -> None:
    path = trained.folder / "out" / "weights" / "compact.safetensors"
    photos = trained.folder / "photos"
    second = trainer(config(photos, photos, tmp_path / "b", trained.vgg, start_from=path))
    ours, theirs = second.average.tensors(), load_file(path)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert len(second.history[0]["start_from"]) == 64


def test_a_loss_that_is_no_number_ends_the_run(photos: Path, vgg: Path, tmp_path: Path) -> None:
    of = config(photos, photos, tmp_path / "out", vgg, content_weight=1e38, learning_rate=1.0)
    with pytest.raises(CannotContinueError, match=r"learning_rate"):
        run(of, None, tmp_path / "s")


def test_wrong_vgg_file_is_named(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "vgg.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"vgg\.pth"):
        trainer(config(photos, photos, tmp_path / "out", path))


def test_a_checkpoint_is_read_to_the_cpu(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU the optimiser's step counts would else make the host wait for the device at every step."""
    of = trained.copy(tmp_path / "copy")
    places: list[object] = []
    load = torch.load

    def spy(*arguments: Any, **options: Any) -> Any:
        places.append(options["map_location"])
        return load(*arguments, **options)

    monkeypatch.setattr(torch, "load", spy)
    trainer(of).resume(trained.checkpoints[1])
    assert [torch.device(str(place)) for place in places] == [torch.device("cpu")]


def test_what_is_no_checkpoint_of_this_training_is_one_line(photos: Path, vgg: Path, tmp_path: Path) -> None:
    one = trainer(config(photos, photos, tmp_path / "out", vgg, steps=2))
    good = torch.load(one._checkpoint(tmp_path), weights_only=True)
    path = tmp_path / "bad.pt"
    for bad in (
        [1],
        {"step": 1},
        good | {"step": "x"},
        good | {"model": {}},
        good | {"model": [1]},
        good | {"average": good["average"] | {next(iter(good["average"])): torch.ones(1)}},
        good | {"optimizer": {}},
        good | {"history": "[]"},
        good | {"history": "{"},
        {"a": Path},
    ):
        torch.save(bad, path)
        with pytest.raises(WeightsError, match=r"bad\.pt: .*; expected a checkpoint of this training$"):
            one.resume(path)


@pytest.mark.parametrize("native", [True, False])
def test_emulated_bf16_is_no_reason_to_train_in_it(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    of = config(photos, photos, tmp_path / "out", tmp_path)
    assert half_precision(of, torch.device("cuda")) == native


def test_a_steps_time_holds_the_wait_for_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 103.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    pending = [({"step": float(step), "step_s": 0.5}, {"loss": torch.tensor(float(step))}) for step in (1, 2)]
    assert loop._settled(pending) == [{"step": step, "step_s": 0.5 + 1.5, "loss": step} for step in (1, 2)]
