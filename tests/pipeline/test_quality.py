"""Quality columns: what is measured, against what, and what is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from stylize import config as configs
from stylize.errors import UsageError, WeightsError
from stylize.measure import on_device
from stylize.measure.ssim import ssim
from stylize.measure.statistics import statistics
from stylize.pipeline import quality
from stylize.pipeline.quality import Scorer, shrunk
from stylize.validation import Origin
from tests.support import torchvisions
from tests.support.samples import picture
from tests.support.torchvisions import without_network

PHOTO, OTHER = picture(1, 64, 48), picture(2, 64, 48)


def scorer(**settings: Any) -> Scorer:
    values = {"content": "c", "styles": "s", "out": "o", "stylizer": "identity"}
    return Scorer(configs.build(values | settings), "cpu")


def test_without_weights_there_are_ssim_and_statistics_alone() -> None:
    row = scorer().score(PHOTO, "a", OTHER, None)
    assert row["ssim"] == ssim(PHOTO, OTHER)
    assert row["content_entropy_bits"] == statistics(PHOTO).entropy_bits
    assert row["output_colourfulness"] == statistics(OTHER).colourfulness
    assert not {"content_distance", "gram_distance", "lpips", "perceptual_variant"} & row.keys()


def test_an_accelerator_measures_what_the_cpu_does() -> None:
    told = "a column of _compared in quality.py stays null on a card unless `scores` of on_device.py gives it, too"
    assert scorer()._compared(PHOTO, "a", OTHER).keys() == set(on_device.NAMES), told


def test_vgg19_names_itself_and_finds_a_picture_nearest_to_itself(real_data: Path) -> None:
    vgg = real_data / "weights" / "vgg19_features_fp16.safetensors"
    one = scorer(perceptual=str(vgg))
    look = one.style_features(PHOTO)
    same, other = (one.score(PHOTO, "a", result, look) for result in (PHOTO, OTHER))
    for name in ("content_distance", "gram_distance", "moments_distance"):
        assert same[name] == 0 < other[name]
    assert len(same["perceptual_variant"].split()[1]) == 64


def test_more_columns_come_where_they_are_asked_for(real_data: Path) -> None:
    vgg = str(real_data / "weights" / "vgg19_features_fp16.safetensors")
    assert not {"cfsd", "ssim_uniform"} & scorer(perceptual=vgg).score(PHOTO, "a", OTHER, None).keys()
    row = scorer(perceptual=vgg, scores=["cfsd", "ssim_uniform"]).score(PHOTO, "a", OTHER, None)
    assert row["ssim_uniform"] == structural_similarity(PHOTO, OTHER, channel_axis=2)
    assert row["cfsd"] > 0


@pytest.mark.parametrize(
    ("given", "perceptual", "lpips"),
    [
        ({"scores": "distances"}, "torchvision", "none"),
        ({"scores": ["cfsd"]}, "torchvision", "none"),
        ({"scores": ["cfsd", "lpips"], "perceptual": "none"}, "torchvision", "alex"),
        ({"scores": ("lpips", "flicker")}, None, "alex"),
        ({"scores": ["distances", "lpips"], "perceptual": "/v.pth", "lpips": "vgg"}, "/v.pth", "vgg"),
        ({"perceptual": "/v.pth"}, "/v.pth", "none"),
        ({"scores": "ssim_uniform"}, None, "none"),
    ],
)
def test_scores_name_their_networks(given: dict[str, Any], perceptual: str | None, lpips: str) -> None:
    made = configs.build({"content": "c", "styles": "s", "out": "o"} | given)
    assert (made.perceptual, made.lpips) == (perceptual, lpips)


def test_an_unknown_score_is_a_wrong_call() -> None:
    with pytest.raises(UsageError, match="ssim_uniform"):
        scorer(scores=["ssim7"])


@pytest.mark.parametrize("size", [(16, 16), (4000, 40), (40, 4000)])  # a strip is shrunk to less than 32 px
def test_a_picture_too_small_for_vgg19_has_no_distances(real_data: Path, size: tuple[int, int]) -> None:
    one = scorer(perceptual=str(real_data / "weights" / "vgg19_features_fp16.safetensors"), scores="cfsd")
    tiny = picture(1, *size)
    assert one.style_features(tiny) is None
    row = one.score(tiny, "a", tiny, None)
    assert row["ssim"] == pytest.approx(1)
    assert not {"content_distance", "cfsd"} & row.keys()


def test_a_photos_statistics_are_those_of_its_size() -> None:
    one, half = scorer(), PHOTO[::2, ::2].copy()
    for photo in (PHOTO, half, PHOTO):
        row = one.score(photo, "a", photo, None)
        assert row["content_colourfulness"] == row["output_colourfulness"] == statistics(photo).colourfulness


def test_networks_look_at_512_px_at_most() -> None:
    assert shrunk(picture(1, 1024, 300), torch.device("cpu")).shape == (3, 150, 512)
    assert shrunk(PHOTO, torch.device("cpu")).shape == (3, 48, 64)


def test_a_result_of_another_size_is_not_held_against_the_photo() -> None:
    row = scorer(scores="ssim_uniform").score(PHOTO, "a", np.zeros((32, 32, 3), np.uint8), None)
    assert not {"ssim", "ssim_uniform"} & set(row)
    assert row["output_entropy_bits"] == 0


def test_missing_vgg19_is_named() -> None:
    with pytest.raises(WeightsError, match=r"nowhere\.pth"):
        scorer(perceptual="nowhere.pth")


@pytest.mark.parametrize("called", ["perceptual", "--perceptual"])
def test_what_gives_vgg19_is_called_as_the_call_has_it(
    called: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_network(tmp_path, monkeypatch)
    job = configs.build(
        {"content": "c", "styles": "s", "out": "o", "scores": "distances"}, {"perceptual": Origin(called)}
    )
    with pytest.raises(WeightsError, match=rf"vgg19-dcbb9e9d\.pth there, or give a file with {called} PATH"):
        Scorer(job, "cpu")


def test_lpips_files_are_called_as_torchvision_calls_them() -> None:
    networks = {"alex": "AlexNet", "vgg": "VGG16", "squeeze": "SqueezeNet1_1"}
    for name, network in networks.items():
        url = torchvisions.networks().get_weight(f"{network}_Weights.IMAGENET1K_V1").url
        assert quality._LPIPS_FILES[name] == Path(url).name


def test_lpips_reads_torchvisions_cache_and_names_its_variant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lpip = pytest.importorskip("torchmetrics.image.lpip")
    from torchvision.models import squeezenet1_1

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="torchvision's cache"):
        scorer(lpips="squeeze")
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    file = tmp_path / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    file.write_bytes(b"<html>")
    with pytest.raises(WeightsError, match=r"lpips: .*-b8a52dc0\.pth: damaged or no weights file; remove it"):
        scorer(lpips="squeeze")
    torch.save(squeezenet1_1().state_dict(), file)
    one = scorer(lpips="squeeze")
    assert one.score(PHOTO, "a", PHOTO, None)["lpips"] == pytest.approx(0, abs=1e-6)
    row = one.score(PHOTO, "a", OTHER, None)
    assert row["lpips"] > 1e-4
    # Which takes [-1, 1] where it is not told otherwise.
    told = lpip.LearnedPerceptualImagePatchSimilarity("squeeze").eval()
    both = (torch.from_numpy(one).permute(2, 0, 1)[None] / 127.5 - 1 for one in (OTHER, PHOTO))
    assert row["lpips"] == pytest.approx(float(told(*both)), rel=1e-4)
    assert row["lpips_variant"].startswith("squeeze torchmetrics ")
