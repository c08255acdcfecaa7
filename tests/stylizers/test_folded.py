"""Folded layers are the plain ones, at every parity of the sides and up to the border."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from stylize.stylizers._folded import Conv9, Mode, Pointwise, UpConv, mirror
from stylize.stylizers._layers import normalize, normalize_in_fp32

SIZES = [(8, 8), (5, 7), (6, 3), (9, 4)]


@pytest.fixture(autouse=True)
def same_random_numbers() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("size", [*SIZES, (2, 2), (1, 3)])
def test_upsampling_then_convolution(mode: Mode, groups: int, size: tuple[int, int]) -> None:
    conv = nn.Conv2d(8, 12, 3, padding=1, padding_mode="reflect", groups=groups)
    x = torch.randn(2, 8, *size)
    expected = conv(F.interpolate(x, scale_factor=2, mode=mode))
    torch.testing.assert_close(F.pixel_shuffle(UpConv(conv, mode)(x), 2), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_upsampling_then_convolution_with_channels_innermost(mode: Mode) -> None:
    conv = nn.Conv2d(8, 12, 3, padding=1, padding_mode="reflect")
    x = torch.randn(1, 8, 5, 6).contiguous(memory_format=torch.channels_last)
    net = UpConv(conv, mode).to(memory_format=torch.channels_last)
    expected = conv(F.interpolate(x, scale_factor=2, mode=mode))
    torch.testing.assert_close(F.pixel_shuffle(net(x), 2), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_nine_by_nine_convolution(size: tuple[int, int]) -> None:
    conv = nn.Conv2d(4, 3, 9, padding=4, padding_mode="reflect")
    x = torch.randn(2, 4, 2 * size[0], 2 * size[1])
    result = F.pixel_shuffle(Conv9(conv)(F.pixel_unshuffle(x, 2)), 2)
    torch.testing.assert_close(result, conv(x), atol=1e-5, rtol=0)


def test_pointwise_convolution() -> None:
    conv = nn.Conv2d(6, 5, 1)
    x = torch.randn(2, 6, 10, 8)
    result = F.pixel_shuffle(Pointwise(conv)(F.pixel_unshuffle(x, 2)), 2)
    torch.testing.assert_close(result, conv(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_mirror_is_reflection_padding_of_the_full_size(size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, 2 * size[0], 2 * size[1])
    assert torch.equal(mirror(F.pixel_unshuffle(x, 2)), F.pixel_unshuffle(F.pad(x, (4, 4, 4, 4), mode="reflect"), 2))


@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-5), (torch.bfloat16, 0.06)])
@pytest.mark.parametrize("count", [1, 3])
def test_four_phases_are_normalized_as_one_channel(dtype: torch.dtype, near: float, count: int) -> None:
    x = torch.randn(count, 5, 12, 10) * 3 + torch.arange(5.0).view(1, 5, 1, 1)
    gain, shift = (torch.randn(1, 5, 1, 1) for _ in range(2))
    wide_gain, wide_shift = (value.repeat_interleave(4, dim=1) for value in (gain, shift))
    phases = normalize(F.pixel_unshuffle(x, 2).to(dtype), wide_gain, wide_shift, phases=4).float()
    expected = F.instance_norm(x) * gain + shift
    torch.testing.assert_close(F.pixel_shuffle(phases, 2), expected, atol=near, rtol=near)


@pytest.mark.parametrize("correction", [0, 1])
@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-5), (torch.bfloat16, 0.06)])
def test_normalization_divides_by_the_pixels_less_the_correction(
    dtype: torch.dtype, near: float, correction: int
) -> None:
    x = torch.randn(2, 5, 2, 2)
    gain, shift = (torch.randn(1, 5, 1, 1) for _ in range(2))
    var, mean = torch.var_mean(x, (2, 3), keepdim=True, correction=correction)
    expected = (x - mean) / (var + 1e-5).sqrt() * gain + shift
    result = normalize(x.to(dtype), gain, shift, correction).float()
    torch.testing.assert_close(result, expected, atol=near, rtol=near)


@pytest.mark.parametrize("phases", [1, 4])
def test_a_batch_is_normalized_together_as_its_images_one_by_one(phases: int) -> None:
    x = (torch.randn(3, 8, 16, 12) * 3 + 2).bfloat16()
    gain, shift = (torch.randn(3, 8, 1, 1) for _ in range(2))
    together = normalize_in_fp32(x, gain, shift, 1, phases)
    assert together.dtype == x.dtype
    alone = [normalize(x[k : k + 1].float(), gain[k : k + 1], shift[k : k + 1], 1, phases) for k in range(3)]
    torch.testing.assert_close(together.float(), torch.cat(alone), atol=0.03, rtol=0.01)
