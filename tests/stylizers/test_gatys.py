"""Gatys: the loss is the formula's and comes down, from every backbone and start; its optimisers find minima."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision.models
from torch import Tensor

import stylize
from stylize.backbones import BACKBONES
from stylize.errors import UsageError, WeightsError
from stylize.stylizers._descent import LBFGS, Adam, Descent
from stylize.stylizers._losses import ContentTerm, StyleTerm, gram, total_variation
from stylize.stylizers.base import to_tensor
from stylize.stylizers.gatys import Gatys
from tests.support.samples import picture

CPU = torch.device("cpu")


def load(weights: Path | str = "random", precision: str = "fp32", **settings: Any) -> Gatys:
    """One whose backbone is small unless said otherwise."""
    small: dict[str, Any] = {"backbone": "squeezenet1_1", "iterations": 4, "scales": 1}
    stylizer = stylize.load("gatys", weights=weights, precision=precision, **(small | settings))
    assert isinstance(stylizer, Gatys)
    return stylizer


@pytest.fixture(scope="module")
def vgg(real_data: Path) -> Path:
    return real_data / "weights" / "vgg19_features_fp16.safetensors"


def watched(stylizer: Gatys) -> list[dict[str, float]]:
    """The loss terms of every step to come."""
    seen: list[dict[str, float]] = []
    stylizer.on_step = lambda _step, _steps, terms: seen.append(terms)
    return seen


@pytest.mark.parametrize(("optimizer", "start"), [("lbfgs", "content"), ("adam", "content"), ("lbfgs", "noise")])
def test_style_comes_closer_than_the_content_is(vgg: Path, optimizer: str, start: str) -> None:
    stylizer = load(vgg, backbone="vgg19", iterations=12, optimizer=optimizer, start=start)
    seen = watched(stylizer)
    stylizer(picture(1, 72, 65), picture(2, 64, 64))
    last = stylizer.outcome()
    assert last["style_loss"] < 0.5 * seen[0]["style_loss"]
    assert set(last) == {"content_loss", "style_loss", "variation_loss"}


def test_more_content_weight_keeps_more_of_the_content(vgg: Path) -> None:
    losses = []
    for weight in (0.1, 100.0):
        stylizer = load(vgg, backbone="vgg19", iterations=10, content_weight=weight)
        stylizer(picture(1, 64, 64), picture(2, 64, 64))
        losses.append(stylizer.outcome()["content_loss"])
    assert losses[1] < losses[0]


def test_bf16_reaches_about_the_style_loss_of_fp32(vgg: Path) -> None:
    losses = []
    for precision in ("fp32", "bf16"):
        stylizer = load(vgg, precision, backbone="vgg19", iterations=12)
        stylizer(picture(1, 72, 64), picture(2, 64, 64))
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


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("preserve_color", [False, True])
def test_one_nan_in_the_photo_gives_no_picture(optimizer: str, preserve_color: bool) -> None:
    stylizer = load(optimizer=optimizer, preserve_color=preserve_color)
    content = to_tensor(picture(1), CPU)
    content[1, 20, 30] = float("nan")
    code = stylizer.encode_style(to_tensor(picture(2), CPU))
    assert torch.isnan(stylizer.stylize(content, code)).all()


def test_code_serves_photos_of_other_sizes_and_scales() -> None:
    stylizer = load(scales=3, iterations=6)
    code = stylizer.encode_style(to_tensor(picture(2), CPU))
    content = to_tensor(picture(1, 256, 64), CPU)
    fresh = stylizer.stylize(content, stylizer.encode_style(to_tensor(picture(2), CPU)))
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


def test_unknown_backbone_and_layer_name_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'vgg20'.*vgg19.*squeezenet1_1"):
        load(backbone="vgg20")
    with pytest.raises(UsageError, match=r"no layer 'relu4_1'.*features\.1"):
        load(style_layers=["relu4_1"])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torchvision's cache, empty, with no network behind it."""

    def refuse(url: str, *_args: object, **_kwargs: object) -> None:
        raise URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    return tmp_path / "hub" / "checkpoints"


def test_missing_weights_name_the_cache_and_the_option(cache: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        stylize.load("gatys")
    line = str(caught.value)
    assert str(cache / "vgg19-dcbb9e9d.pth") in line
    assert "--weights" in line
    assert "\n" not in line


def test_file_in_torchvisions_cache_is_used_and_its_hash_kept(cache: Path) -> None:
    path = cache / Path(torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1.url).name
    cache.mkdir(parents=True)
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), path)
    stylizer = stylize.load("gatys", backbone="squeezenet1_1", iterations=1)
    assert stylizer.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert stylizer(picture(1), picture(2)).shape == picture(1).shape


def test_the_weights_file_is_recorded_with_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), path)
    assert load(path).weights_files == {"mine.pth": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_weights_file_of_another_backbone_is_named(tmp_path: Path) -> None:
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"other\.pth: .*expected torchvision's weights of vgg16"):
        load(tmp_path / "other.pth", backbone="vgg16")


# The loss


def plain_style(features: Tensor, target: Tensor) -> Tensor:
    flat = features[0].flatten(1)
    return ((flat @ flat.T / flat.shape[1] - target) ** 2).sum() / (target**2).sum()


def plain_content(features: Tensor, target: Tensor) -> Tensor:
    return ((features - target) ** 2).mean() / (target**2).mean()


Term = Callable[[Tensor, Tensor], Tensor]


def value_and_gradient(term: Term, features: Tensor, target: Tensor, scale: float = 3) -> tuple[Tensor, Tensor]:
    leaf = features.clone().requires_grad_(True)
    value = term(leaf, target)
    (gradient,) = torch.autograd.grad(scale * value, leaf)
    return value.detach(), gradient.float()


def features(seed: int, channels: int = 24, height: int = 19, width: int = 23) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, channels, height, width, generator=generator).relu_() * 2


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("term", "plain"), [(StyleTerm.apply, plain_style), (ContentTerm.apply, plain_content)])
def test_term_and_gradient_are_the_formulas(term: Term, plain: Term, layout: torch.memory_format) -> None:
    x = features(1).contiguous(memory_format=layout)
    target = gram(features(2)) if plain is plain_style else features(2)
    value, gradient = value_and_gradient(term, x, target)
    expected, expected_gradient = value_and_gradient(plain, x, target)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("near", [1.0, 0.05], ids=["far", "near"])
@pytest.mark.parametrize("size", [1.0, 3000.0], ids=["small", "large"])
def test_gradient_of_half_precision_keeps_its_direction(dtype: torch.dtype, near: float, size: float) -> None:
    """Also where sums over the channels leave fp16's range: VGG19's features go up to 17000."""
    x, other = (size * features(seed, 512, 12, 12) for seed in (1, 2))
    for term, target in (
        (StyleTerm.apply, torch.lerp(gram(x), gram(other), near)),
        (ContentTerm.apply, torch.lerp(x, other, near)),
    ):
        goal = target if target.dim() == 2 else target.to(dtype)
        # As much as keeps each element's share of the loss in fp16's range: the gradient is linear in it.
        scale = float(size * x.numel())
        _, expected = value_and_gradient(term, x.to(dtype).float(), goal.float(), scale)
        _, gradient = value_and_gradient(term, x.to(dtype), goal, scale)
        likeness = torch.nn.functional.cosine_similarity(gradient.flatten(), expected.flatten(), dim=0)
        assert likeness > 0.98


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
    monkeypatch.setattr(Gatys, "_check_precision", lambda self: None)
    content = to_tensor(picture(1, 40, 40), CPU)
    gradients = []
    for chosen in ("fp32", precision):
        stylizer, recorder = load(vgg, chosen, backbone="vgg19", iterations=1), Recorder()
        monkeypatch.setattr(stylizer, "_descent", lambda recorder=recorder: recorder)
        stylizer.stylize(content, stylizer.encode_style(to_tensor(picture(2), CPU)))
        gradients.append(recorder.gradient)
    assert torch.nn.functional.cosine_similarity(gradients[0], gradients[1], dim=0) > 0.98
    assert float(gradients[1].norm()) == pytest.approx(float(gradients[0].norm()), rel=0.05)


def test_gram_of_many_positions_in_half_precision_is_summed_in_fp32() -> None:
    x = features(1, 8, 200, 180)
    flat = x[0].flatten(1).double()
    expected = (flat @ flat.T / flat.shape[1]).float()
    torch.testing.assert_close(gram(x), expected)
    torch.testing.assert_close(gram(x.to(torch.bfloat16)), expected, atol=0, rtol=0.01)


def test_total_variation_is_the_mean_squared_step() -> None:
    image = torch.zeros(1, 3, 4, 5)
    image[..., 2:] = 0.5  # one step of a half in each row, over four places
    assert float(total_variation(image)) == pytest.approx(0.25 / 4)


# The optimisers


def descend(descent: Descent, goal: Tensor, steps: int, image: Tensor | None = None, weight: float = 1.0) -> Tensor:
    """`steps` down a bowl steeper to one side by a hundred times: the mean of share * (image - goal)^2."""
    image = torch.full_like(goal, 0.5) if image is None else image
    share = torch.logspace(0, 2, goal.shape[-1]) * weight
    for _ in range(steps):
        descent.step(image, 2 * share * (image - goal) / image.numel())
    return image


def loss(image: Tensor, goal: Tensor) -> float:
    return float((torch.logspace(0, 2, goal.shape[-1]) * (image - goal).square()).mean())


def goal(side: int) -> Tensor:
    return to_tensor(picture(1, side, side), CPU)[None]


class Plain:
    """Steepest descent at the largest rate that is stable."""

    def step(self, image: Tensor, gradient: Tensor) -> None:
        image.sub_(gradient * (image.numel() / 200))

    def grow(self, size: Any) -> None: ...


def test_lbfgs_is_faster_than_steepest_descent() -> None:
    fast, slow = (descend(descent, goal(48), 40) for descent in (LBFGS(1.0, 10), Plain()))
    assert loss(slow, goal(48)) < loss(torch.full_like(slow, 0.5), goal(48))
    assert loss(fast, goal(48)) < 0.02 * loss(slow, goal(48))


@pytest.mark.parametrize(("side", "weight"), [(48, 1e-4), (600, 1.0), (600, 1e-2)])
def test_lbfgs_works_whatever_the_size_and_scale_of_the_loss(side: int, weight: float) -> None:
    image = descend(LBFGS(1.0, 10), goal(side), 30, weight=weight)
    assert loss(image, goal(side)) < 0.05 * loss(torch.full_like(image, 0.5), goal(side))


def test_lbfgs_remembers_no_more_than_its_history() -> None:
    descent = LBFGS(1.0, 4)
    descend(descent, goal(32), 20)
    assert 1 <= len(descent.pairs) <= 4


@pytest.mark.parametrize("make", [lambda: LBFGS(1.0, 10), lambda: Adam(0.02)], ids=["lbfgs", "adam"])
def test_a_picture_without_a_gradient_stays_as_it_is(make: Callable[[], Descent]) -> None:
    image = torch.rand(1, 3, 4, 4)
    before, descent = image.clone(), make()
    for _ in range(2):
        descent.step(image, torch.zeros_like(image))
    assert torch.equal(image, before)


@pytest.mark.parametrize("make", [lambda: LBFGS(1.0, 10), lambda: Adam(0.02)], ids=["lbfgs", "adam"])
def test_descent_goes_on_when_the_picture_grows(make: Callable[[], Descent]) -> None:
    descent = make()
    small = descend(descent, goal(32), 30)
    large = torch.nn.functional.interpolate(small, (64, 64), mode="bilinear")
    before = loss(large, goal(64))
    descent.grow((64, 64))
    descend(descent, goal(64), 15, large)
    assert loss(large, goal(64)) < 0.5 * before


def test_what_lbfgs_learnt_small_serves_large() -> None:
    kept = LBFGS(1.0, 10)
    descend(kept, goal(32), 30)
    kept.grow((64, 64))
    images = []
    for descent in (kept, LBFGS(1.0, 10)):
        images.append(descend(descent, goal(64), 4))  # from grey again
    assert loss(images[0], goal(64)) < 0.9 * loss(images[1], goal(64))


def test_adams_first_step_is_its_rate() -> None:
    image = torch.zeros(1, 3, 2, 2)
    Adam(0.02).step(image, torch.tensor([1e-6, -5.0]).repeat(6).view(1, 3, 2, 2))
    np.testing.assert_allclose(image.flatten()[:2], [-0.02, 0.02], rtol=0.02)


def _luma(x: Tensor) -> Tensor:
    return (x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0, keepdim=True)


def _chroma(x: Tensor) -> Tensor:
    """Cb and Cr, up to a factor."""
    return (x - _luma(x))[[2, 0]]


def test_the_photo_still_pulls_in_fp16() -> None:
    # At the scale of VGG19's features and of the loss: the factor alone is 0 in fp16.
    size = (1, 512, 32, 48)
    features, target = (torch.randn(size, generator=torch.Generator().manual_seed(n)) * 600 for n in (1, 2))
    gradients = []
    for dtype in (torch.float32, torch.float16):
        leaf = features.to(dtype, copy=True).requires_grad_(True)
        (ContentTerm.apply(leaf, target.to(dtype)) * (3 * 256 * 384 / 256)).backward()
        assert leaf.grad is not None
        gradients.append(leaf.grad.float())
    exact, half = gradients
    assert torch.nn.functional.cosine_similarity(exact.flatten(), half.flatten(), dim=0) > 0.99
