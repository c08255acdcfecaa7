"""8-bit convolutions stay near the plain ones, keep NaN, and replace all but those asked for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from stylize.stylizers._int8 import Int8Conv2d, largest_activation, quantize

pytestmark = pytest.mark.skipif(
    "onednn" not in torch.backends.quantized.supported_engines, reason="this torch has no 8-bit kernels"
)


@pytest.fixture(autouse=True)
def same_random_numbers() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def distance(a: Tensor, b: Tensor) -> float:
    """Root mean square, relative to b's."""
    return float((a - b).square().mean().sqrt() / b.square().mean().sqrt())


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate"])
@pytest.mark.parametrize(("size", "stride", "groups"), [(3, 1, 1), (3, 2, 1), (3, 1, 16), (9, 1, 1), (3, 2, 4)])
def test_result_is_near_the_plain_convolutions(
    mode: Literal["zeros", "reflect", "replicate"], size: int, stride: int, groups: int
) -> None:
    conv = nn.Conv2d(16, 32, size, stride, padding=size // 2, groups=groups, padding_mode=mode)
    x = torch.rand(1, 16, 25, 32) - 0.3
    expected = conv(x)
    result = Int8Conv2d(conv)(x)
    assert result.shape == expected.shape
    assert 0 < distance(result, expected) < 0.02


@pytest.mark.parametrize("largest", [127, 255])
def test_seven_bits_of_activations_are_near_too_and_eight_only_where_sums_do_not_overflow(
    largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if largest > largest_activation():
        pytest.skip("this processor adds pairs of 8-bit products in 16 bits")
    monkeypatch.setattr("stylize.stylizers._int8.largest_activation", lambda: largest)
    conv = nn.Conv2d(16, 8, 3)
    conv.weight.abs_()  # the largest sums there are: nothing cancels
    x = torch.rand(1, 16, 12, 12) + 0.5
    assert distance(Int8Conv2d(conv)(x), conv(x)) < 0.01


def test_channels_innermost_and_no_bias_change_nothing() -> None:
    conv = nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect", bias=False)
    x = torch.rand(2, 8, 11, 14).contiguous(memory_format=torch.channels_last)
    assert distance(Int8Conv2d(conv)(x), conv(x)) < 0.02


def test_channels_of_very_different_weights_keep_their_own_precision() -> None:
    conv = nn.Conv2d(8, 2, 1)
    conv.weight[1] *= 1e-4
    assert conv.bias is not None
    conv.bias.zero_()
    x = torch.rand(1, 8, 20, 20)
    assert distance(Int8Conv2d(conv)(x)[:, 1], conv(x)[:, 1]) < 0.02


@pytest.mark.parametrize("value", [0.0, 0.25, -3.0])
def test_flat_image_comes_out_as_the_plain_convolutions(value: float) -> None:
    conv = nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")
    x = torch.full((1, 3, 8, 8), value)
    torch.testing.assert_close(Int8Conv2d(conv)(x), conv(x), atol=0.02, rtol=0.02)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(("stride", "padding"), [(1, 1), (2, 1), (1, 0)])
def test_what_is_not_finite_comes_out_as_nan_of_the_same_size(bad: float, stride: int, padding: int) -> None:
    conv = nn.Conv2d(6, 4, 3, stride, padding=padding, groups=2)
    x = torch.rand(1, 6, 9, 12)
    x[0, 2, 4, 5] = bad
    result = Int8Conv2d(conv)(x)
    assert result.shape == conv(x).shape
    assert torch.isnan(result).all()


def test_it_warns_of_nothing() -> None:
    conv = Int8Conv2d(nn.Conv2d(3, 4, 3))
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            conv(torch.rand(1, 3, 8, 8))
    finally:
        torch.set_warn_always(before)


def test_only_what_is_kept_stays_as_it_was() -> None:
    kept = nn.Sequential(nn.Conv2d(4, 4, 1))
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3)), kept)
    quantize(net, [kept])
    assert [type(module) for module in net.modules() if isinstance(module, nn.Conv2d | Int8Conv2d)] == [
        Int8Conv2d,
        Int8Conv2d,
        nn.Conv2d,
    ]
