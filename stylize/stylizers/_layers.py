"""What the feed-forward networks share: channel statistics in fp32."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function

EPS = 1e-5


def conv(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Return a convolution that mirrors the image at its border."""
    pad = size // 2
    mode: Literal["reflect", "zeros"] = "reflect" if pad else "zeros"
    return nn.Conv2d(inputs, outputs, size, stride, padding=pad, groups=groups, padding_mode=mode)


def mean_std(x: Tensor, correction: int = 1) -> tuple[Tensor, Tensor]:
    """Turn (N, C, H, W) into means and standard deviations, (N, C, 1, 1) each, in fp32.

    Huang and Belongie 2017, equations 5 and 6, with `correction` 0; published weights of `adain` and `microast` were
    trained with 1, torch's default: the sum of squares is divided by one less than the pixels.
    """
    if has_torch_function((x,)):  # so that whoever traces a network sees the statistics as such
        pair: tuple[Tensor, Tensor] = handle_torch_function(mean_std, (x,), x, correction)
        return pair
    _, mean, var = _centred(x, correction)
    return mean, (var + EPS).sqrt()


def normalize(x: Tensor, gain: Tensor, shift: Tensor, correction: int = 0, phases: int = 1) -> Tensor:
    """Normalise (N, C, H, W) per instance, then scale and shift by (N or 1, C, 1, 1); statistics in fp32.

    phases: this many neighbouring channels share their statistics.
    """
    if has_torch_function((x,)):
        result: Tensor = handle_torch_function(normalize, (x,), x, gain, shift, correction, phases)
        return result
    # For a batch on an accelerator, image by image would be hundreds of small launches.
    if x.dtype == torch.float32 or (len(x) > 1 and x.device.type != "cpu"):
        return normalize_in_fp32(x, gain, shift, correction, phases)
    return _normalize_half(x, gain, shift, correction, phases)


def normalize_in_fp32(x: Tensor, gain: Tensor, shift: Tensor, correction: int = 0, phases: int = 1) -> Tensor:
    """Do as `normalize`, in fp32 whatever `x` is; the result is as `x` is."""
    centred, _, var = _centred(x, correction, phases)
    return torch.addcmul(shift, centred, gain * torch.rsqrt(var + EPS)).to(x.dtype)


def normalize_by(x: Tensor, mean: Tensor, var: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
    """Return what `normalize` does with statistics of the whole image, for some rows of it (1, C, h, W).

    A channel of variance 0 becomes its `shift` everywhere, whatever rounding has left in it.
    """
    if has_torch_function((x, mean)):
        result: Tensor = handle_torch_function(normalize_by, (x, mean), x, mean, var, gain, shift)
        return result
    gain = gain * var.sign()
    if x.dtype != torch.float32:
        mean, var, gain, shift = (value.flatten() for value in (mean, var, gain, shift))
        return F.batch_norm(x, mean, var, gain, shift, training=False, eps=EPS)
    return torch.addcmul(shift, x - mean, gain * torch.rsqrt(var + EPS))


def unbiased(var: Tensor, x: Tensor, correction: int, phases: int = 1) -> Tensor:
    """Return the variance, known with correction 0, of (N, C, H, W) with another one."""
    count = phases * x.shape[2] * x.shape[3]
    return var * (count / max(1, count - correction))


def _normalize_half(x: Tensor, gain: Tensor, shift: Tensor, correction: int, phases: int) -> Tensor:
    # batch_norm's kernel reads half precision and sums in fp32, three times as fast as the passes below; the digits it
    # loses do not show in half precision. For one image at a time it is instance normalisation.
    if len(x) > 1:
        affine = [value.expand(len(x), -1, -1, -1) for value in (gain, shift)]
        parts = zip(*(value.chunk(len(x)) for value in (x, *affine)), strict=True)
        return torch.cat([_normalize_half(x, gain, shift, correction, phases) for x, gain, shift in parts])
    pixels = phases * x.shape[2] * x.shape[3]
    unbias = pixels / max(1, pixels - correction)
    if phases == 1:
        scale, eps = gain.flatten() / unbias**0.5, EPS / unbias
        return F.batch_norm(x, None, None, scale, shift.flatten(), training=True, eps=eps)
    own, mean, inverse = torch.native_batch_norm(x, None, None, None, None, True, 0.0, EPS)
    mean, inverse = (value.view(1, -1, 1, 1) for value in (mean, inverse))
    common = _shared(mean, phases)
    var = _shared(inverse**-2 - EPS + (mean - common) ** 2, phases) * unbias
    gain = gain * torch.rsqrt(var + EPS)
    return torch.addcmul((shift + (mean - common) * gain).to(x.dtype), own, (gain / inverse).to(x.dtype))


def _centred(x: Tensor, correction: int, phases: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Return x minus its channels' means, those means, and the variances, in fp32.

    In two passes of plain sums: with channels innermost `torch.var_mean` takes 12 times as long on a CPU, and
    batch_norm and group_norm, as fast as this, lose one digit and more (docs/decisions.md).
    """
    x = x.float()
    mean = _shared(x.mean((2, 3), keepdim=True), phases)
    centred = x - mean
    var = _shared(centred.square().mean((2, 3), keepdim=True), phases)
    return centred, mean, unbiased(var, x, correction, phases)


def _shared(statistic: Tensor, phases: int) -> Tensor:
    if phases == 1:
        return statistic
    count, channels = statistic.shape[:2]
    mean = statistic.reshape(count, channels // phases, phases, 1, 1).mean(2)
    return mean.repeat_interleave(phases, dim=1)


def adain(x: Tensor, mean: Tensor, std: Tensor, alpha: float | Tensor = 1.0) -> Tensor:
    """Do adaptive instance normalisation (Huang and Belongie 2017, equation 8), `alpha` of the way.

    x: (N, C, H, W); its variance has correction 1. mean, std: (1, C, 1, 1) in fp32.
    """
    result = normalize(x, std, mean, correction=1)
    if isinstance(alpha, Tensor):  # lerp takes one of x's own precision alone
        return x + (result - x) * alpha
    return result if alpha == 1 else torch.lerp(x, result, alpha)


def at_least(image: Tensor, side: int, size: tuple[int, int] | None = None) -> Tensor:
    """Return (3, H, W) enlarged so that both sides reach `side`, and `size` (height, width) if that is larger."""
    height, width = (max(side, n) for n in size or image.shape[-2:])
    if (height, width) == tuple(image.shape[-2:]):
        return image
    return F.interpolate(image[None], (height, width), mode="bilinear")[0]
