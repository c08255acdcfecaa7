"""The loss terms of gatys: their values and gradients are the formulas', in half precision, too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from stylize.stylizers._losses import ContentTerm, StyleTerm, gram, total_variation


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
