"""Training: crops, losses, and a run that is killed and goes on."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

import stylize
from stylize import images
from stylize.backbones import load_backbone
from stylize.errors import UsageError, WeightsError
from stylize.training import losses
from stylize.training.data import Crops, list_images
from stylize.training.loop import TrainConfig, Trainer
from tests.conftest import picture


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(4):
        (folder / f"{seed}.jpg").write_bytes(images.encode(picture(seed, 160, 120), "jpg", 90))
    return folder


def test_crops_are_square_in_range_and_repeatable(photos: Path) -> None:
    first, again = (list(islice(Crops(list_images(photos), 64, 2.0, seed=3), 6)) for _ in range(2))
    assert all(crop.shape == (3, 64, 64) and 0 <= crop.min() <= crop.max() <= 1 for crop in first)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])


def test_a_broken_photo_costs_a_draw_not_the_run(photos: Path) -> None:
    (photos / "0.jpg").write_bytes(b"broken")
    assert len(list(islice(Crops(list_images(photos), 64, 2.0, seed=0), 20))) == 20


def test_empty_folder_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no images"):
        list_images(tmp_path)


def test_gram_is_the_mean_outer_product() -> None:
    features = torch.rand(2, 3, 4, 5)
    expected = torch.einsum("nchw,ndhw->ncd", features, features) / 20
    assert torch.allclose(losses.gram(features), expected, atol=1e-6)


def test_wrong_vgg_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "vgg.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"vgg\.pth"):
        load_backbone("vgg19", ["relu1_1"], path)


def test_weights_that_carry_code_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vgg.pth"
    torch.save(Path, path)
    with pytest.raises(WeightsError, match=r"vgg\.pth"):
        load_backbone("vgg19", ["relu1_1"], path)


def test_a_killed_run_goes_on_and_its_weights_load(photos: Path, tmp_path: Path, real_data: Path) -> None:
    vgg = real_data / "weights" / "vgg19_features_fp16.safetensors"
    config = TrainConfig(
        photos=photos, paintings=photos, out=tmp_path / "out", vgg=vgg, steps=2, batch=1, crop_px=64, loaders=0,
        checkpoint_every=1, sample_every=2,
    )  # fmt: skip
    first = Trainer(config)
    parts = first.one_step()
    first.save()
    assert {"loss", "content", "moments", "gram"} <= parts.keys()
    second = Trainer(config)
    assert second.step == 1
    path = second.run()
    with safe_open(path, "pt") as file:
        assert file.metadata()["step"] == "2"
        assert json.loads(file.metadata()["settings"])["crop_px"] == 64
    assert stylize.load("compact", weights=path).weights_sha256
    assert (tmp_path / "out" / "sample_000002.jpg").exists()


def test_training_moves_towards_the_style(photos: Path, tmp_path: Path, real_data: Path) -> None:
    for path in sorted(photos.iterdir())[1:]:
        path.unlink()
    vgg = real_data / "weights" / "vgg19_features_fp16.safetensors"
    config = TrainConfig(
        photos=photos, paintings=photos, out=tmp_path, vgg=vgg, batch=1, crop_px=64, loaders=0,
        identity_share=0, learning_rate=1e-2,
    )  # fmt: skip
    trainer = Trainer(config)
    seen = [trainer.one_step()["loss"] for _ in range(14)]
    assert sum(seen[-4:]) < 0.8 * sum(seen[:4])
