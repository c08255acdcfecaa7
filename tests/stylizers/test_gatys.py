"""Gatys: the loss comes down, from every backbone and start."""

from __future__ import annotations

import copy
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import stylize
from stylize.backbones import BACKBONES, load_backbone
from stylize.errors import UsageError
from stylize.stylizers import gatys
from stylize.stylizers.base import to_tensor
from stylize.stylizers.gatys import Gatys
from tests.support.samples import picture
from tests.support.torchvisions import networks

CPU = torch.device("cpu")


def load(weights: Path | str = "random", precision: str = "fp32", **settings: Any) -> Gatys:
    """One whose backbone is small unless said otherwise."""
    small: dict[str, Any] = {"backbone": "squeezenet1_1", "iterations": 4, "scales": 1}
    stylizer = stylize.load("gatys", weights=weights, precision=precision, style_resolution_px=64, **(small | settings))
    assert isinstance(stylizer, Gatys)
    return stylizer


_read = functools.cache(load_backbone)


@pytest.fixture(autouse=True)
def files_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """VGG19's takes 0.8 s each time."""

    def read(*given: Any) -> Any:
        return copy.deepcopy(_read(*given))  # as a network is brought to its precision

    monkeypatch.setattr(gatys, "load_backbone", read)


@pytest.fixture(scope="module")
def vgg(real_data: Path) -> Iterator[Path]:
    yield real_data / "weights" / "vgg19_features_fp16.safetensors"
    _read.cache_clear()


def watched(stylizer: Gatys) -> list[dict[str, float]]:
    """The loss terms of every step to come."""
    seen: list[dict[str, float]] = []
    stylizer.on_step = lambda _step, _steps, terms: seen.append(terms)
    return seen


@pytest.mark.parametrize(("optimizer", "start"), [("lbfgs", "content"), ("adam", "content"), ("lbfgs", "noise")])
def test_style_comes_closer_than_the_content_is(vgg: Path, optimizer: str, start: str) -> None:
    stylizer = load(vgg, backbone="vgg19", iterations=12, optimizer=optimizer, start=start)
    seen = watched(stylizer)
    stylizer(picture(1, 40, 33), picture(2, 40, 40))
    last = stylizer.outcome()
    assert last["style_loss"] < 0.5 * seen[0]["style_loss"]
    assert set(last) == {"content_loss", "style_loss", "variation_loss"}


def test_more_content_weight_keeps_more_of_the_content(vgg: Path) -> None:
    losses = []
    for weight in (0.1, 100.0):
        stylizer = load(vgg, backbone="vgg19", iterations=10, content_weight=weight)
        stylizer(picture(1, 40, 40), picture(2, 40, 40))
        losses.append(stylizer.outcome()["content_loss"])
    assert losses[1] < losses[0]


def test_bf16_reaches_about_the_style_loss_of_fp32(vgg: Path) -> None:
    losses = []
    for precision in ("fp32", "bf16"):
        stylizer = load(vgg, precision, backbone="vgg19", iterations=12)
        stylizer(picture(1, 40, 32), picture(2, 40, 40))
        losses.append(stylizer.outcome()["style_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=0.2)


def test_noise_is_that_of_the_seed() -> None:
    first, same, other = (load(start="noise", seed=seed)(picture(1), picture(2)) for seed in (5, 5, 6))
    assert (first == same).all()
    assert (first != other).mean() > 0.5


def test_preserved_color_is_the_contents_chroma() -> None:
    content = to_tensor(picture(1), CPU) / 4 + 0.375
    results = []
    for preserve in (True, False):
        stylizer = load(preserve_color=preserve, optimizer="adam", learning_rate=0.05)
        results.append(stylizer.stylize(content, stylizer.encode_style(to_tensor(picture(2), CPU))))
    kept, free = results
    inside = ((kept > 0) & (kept < 1)).all(0)
    assert inside.float().mean() > 0.9
    wanted, got, without = (_chroma(x)[:, inside] for x in (content, kept, free))
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=0)
    assert (without - wanted).abs().mean() > 0.005
    assert (_luma(kept) - _luma(content)).abs().mean() > 0.005


@pytest.mark.parametrize(("iterations", "scales"), [(6, 3), (7, 2), (5, 1), (2, 3), (1, 2)])
def test_every_iteration_is_told_once_and_in_order(iterations: int, scales: int) -> None:
    stylizer = load(iterations=iterations, scales=scales, style_layers=["features.1"], content_layers=["features.1"])
    steps: list[tuple[int, int]] = []
    stylizer.on_step = lambda step, of, _terms: steps.append((step, of))
    result = stylizer(picture(1, 512, 256), picture(2, 96, 96))
    assert result.shape == (256, 512, 3)
    assert steps == [(step, iterations) for step in range(1, iterations + 1)]


def test_coarse_to_fine_takes_no_size_too_small_for_the_network() -> None:
    stylizer = load(scales=8, iterations=10)
    assert stylizer(picture(1, 300, 33), picture(2, 200, 32)).shape == (33, 300, 3)


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_gives_a_picture(name: str) -> None:
    stylizer = load(backbone=name, iterations=2)
    content = to_tensor(picture(1, 40, 33), CPU)
    result = stylizer.stylize(content, stylizer.encode_style(to_tensor(picture(2, 40, 40), CPU)))
    assert torch.isfinite(result).all()
    assert not torch.equal(result, content)
    assert stylizer.columns()["backbone"] == name
    assert stylizer.weights_sha256 == "random"


@pytest.mark.parametrize(("rate", "optimizer"), [(10.0, "lbfgs"), (30.0, "lbfgs"), (1e30, "adam")])
def test_steps_that_go_too_far_are_taken_back(rate: float, optimizer: str) -> None:
    stylizer = load(iterations=20, scales=2, learning_rate=rate, optimizer=optimizer)
    seen = watched(stylizer)
    result = stylizer(picture(1), picture(9))
    assert result.std() > 0
    assert stylizer.outcome()["content_loss"] < 10
    assert all(terms["style_loss"] < 10 * seen[0]["style_loss"] for terms in seen)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("preserve_color", [False, True])
def test_one_nan_in_the_photo_gives_no_picture(optimizer: str, preserve_color: bool) -> None:
    stylizer = load(optimizer=optimizer, preserve_color=preserve_color)
    content = to_tensor(picture(1), CPU)
    content[1, 20, 30] = float("nan")
    code = stylizer.encode_style(to_tensor(picture(2), CPU))
    assert torch.isnan(stylizer.stylize(content, code)).all()


def test_code_serves_photos_of_other_sizes_and_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    stylizer = load(scales=3, iterations=6)
    code, other = (stylizer.encode_style(to_tensor(picture(2), CPU)) for _ in range(2))
    content = to_tensor(picture(1, 256, 64), CPU)
    monkeypatch.setattr(stylizer, "_grams", None)  # no photo pays for a pass over the artwork
    fresh = stylizer.stylize(content, other)
    stylizer.stylize(to_tensor(picture(3), CPU), code)
    assert torch.equal(stylizer.stylize(content, code), fresh)


def test_average_pooling_changes_the_result() -> None:
    first, second = (load(pooling=pooling)(picture(1), picture(2)) for pooling in ("max", "average"))
    assert (first != second).any()


def test_layers_can_be_given_by_commas_as_the_list_shows_them() -> None:
    layers = ("features.1", "features.4")
    assert load(style_layers="features.1, features.4").style_layers == load(style_layers=layers).style_layers == layers


def test_a_list_of_styles_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="gatys takes one style"):
        load()(picture(1), [picture(2), picture(3)])


def test_an_unknown_backbone_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'alexnet'.*vgg19.*squeezenet1_1"):
        load(backbone="alexnet")


def test_the_weights_file_is_recorded_with_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    torch.save(networks().squeezenet1_1(weights=None).state_dict(), path)
    assert load(path).weights_files == {"mine.pth": hashlib.sha256(path.read_bytes()).hexdigest()}


class Recorder:
    """Keeps the gradient and leaves the picture."""

    def step(self, image: Tensor, gradient: Tensor) -> None:
        self.gradient = gradient.flatten()

    def grow(self, size: Any) -> None: ...


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_pictures_gradient_in_half_precision_keeps_its_direction(
    vgg: Path, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fp16 runs on accelerators, but rounds and overflows alike on a CPU."""
    monkeypatch.setattr(Gatys, "_check_precision", lambda self, *_: None)
    content = to_tensor(picture(1, 40, 40), CPU)
    gradients = []
    for chosen in ("fp32", precision):
        stylizer, recorder = load(vgg, chosen, backbone="vgg19", iterations=1), Recorder()
        monkeypatch.setattr(stylizer, "_descent", lambda recorder=recorder: recorder)
        stylizer.stylize(content, stylizer.encode_style(to_tensor(picture(2), CPU)))
        gradients.append(recorder.gradient)
    assert torch.nn.functional.cosine_similarity(gradients[0], gradients[1], dim=0) > 0.98
    assert float(gradients[1].norm()) == pytest.approx(float(gradients[0].norm()), rel=0.05)


class Steep:
    """A loss whose gradient passes through fp16 on its way back."""

    def __init__(self, steepness: float) -> None:
        self.steepness, self.times = steepness, 0

    def terms(self, image: Tensor) -> dict[str, Tensor]:
        self.times += 1
        return {"style_loss": (image.half().float() * self.steepness).square().mean()}

    def total(self, terms: dict[str, Tensor], image: Tensor) -> Tensor:
        return terms["style_loss"]


@pytest.mark.parametrize(("steepness", "times"), [(1.0, 1), (2.0**14, 2)])
def test_a_gradient_that_leaves_fp16s_range_is_taken_again_with_less_scaling(steepness: float, times: int) -> None:
    image, loss = torch.rand(1, 3, 64, 64), Steep(steepness)
    _, value, gradient = gatys._gradient(image, loss)  # type: ignore[arg-type]
    expected = 2 * steepness**2 * image / image.numel()
    assert loss.times == times
    assert torch.allclose(gradient, expected, rtol=0.02)
    assert value == pytest.approx(float((steepness * image).square().mean()), rel=0.01)


def _luma(x: Tensor) -> Tensor:
    return (x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0, keepdim=True)


def _chroma(x: Tensor) -> Tensor:
    """Cb and Cr, up to a factor."""
    return (x - _luma(x))[[2, 0]]
