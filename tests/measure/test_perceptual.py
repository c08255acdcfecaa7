"""Perceptual distances against their formulas."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from stylize.measure.perceptual import (
    STYLE_LAYERS,
    Perceptual,
    StyleFeatures,
    content_distance,
    gram,
    structural_distance,
)


def features(seed: int) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {name: torch.rand(1, 3 + i, 8, 6, generator=rng) for i, name in enumerate(STYLE_LAYERS)}


def test_gram_is_the_mean_outer_product() -> None:
    x = torch.rand(2, 3, 4, 5)
    assert torch.allclose(gram(x), torch.einsum("nchw,ndhw->ncd", x, x) / 20, atol=1e-6)


def test_statistics_of_bf16_features_are_taken_in_fp32() -> None:
    x = torch.full((1, 2, 64, 64), 300.0, dtype=torch.bfloat16)
    assert gram(x).dtype == torch.float32
    assert torch.allclose(gram(x), torch.full((1, 2, 2), 90_000.0))


def test_distances_follow_their_formulas_by_layer() -> None:
    one, two = features(0), features(1)
    moments, grams = (
        StyleFeatures.of(one).moments_distance(StyleFeatures.of(two)),
        StyleFeatures.of(one).gram_distance(StyleFeatures.of(two)),
    )
    assert list(moments) == list(grams) == list(STYLE_LAYERS)
    for name in STYLE_LAYERS:
        a, b = (x[name][0].flatten(1) for x in (one, two))
        means = (a.mean(1) - b.mean(1)).square().mean()
        deviations = (a.std(1, correction=0) - b.std(1, correction=0)).square().mean()
        assert abs(moments[name] - float(means + deviations)) < 1e-5
        assert abs(grams[name] - float((a @ a.T / 48 - b @ b.T / 48).square().mean())) < 1e-5


def test_a_picture_is_nearest_itself_and_noise_is_far(real_data: Path) -> None:
    judge = Perceptual(real_data / "weights" / "vgg19_features_fp16.safetensors", option="--vgg")
    y, x = torch.meshgrid(torch.linspace(0, 1, 48), torch.linspace(0, 1, 64), indexing="ij")
    picture = torch.stack([x, y, x * y])
    noisy = (picture + 0.1 * torch.randn(3, 48, 64, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    content, look = judge.features(picture)
    assert content.shape == (1, 512, 6, 8)
    again, same = judge.features(picture)
    other, far = judge.features(noisy)
    assert content_distance(content, again) == 0 < content_distance(content, other)
    assert sum(look.gram_distance(same).values()) == 0 < sum(look.gram_distance(far).values())
    assert sum(look.moments_distance(same).values()) == 0 < sum(look.moments_distance(far).values())


def cfsd_as_published(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Chung et al. 2024 as their evaluation computes it, in double precision."""
    a, b = (x[0].double().flatten(1).T / x.shape[1] for x in (ours, theirs))
    own, other = (torch.log_softmax(x @ x.T, 1) for x in (a, b))
    return float(functional.kl_div(own, other, reduction="sum", log_target=True))


@pytest.mark.parametrize(
    ("scale", "size"),
    [(1.0, (50, 30)), (8.0, (28, 20)), (400.0, (28, 20))],
    ids=["nearly_alike", "apart", "one_alike_alone"],
)
def test_structural_distance_is_the_published_one(
    scale: float, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylize.measure.perceptual._PLACES_AT_ONCE", 2**20)  # the larger of the sizes in three parts
    rng = torch.Generator().manual_seed(3)
    ours, theirs = (torch.rand(1, 64, *size, generator=rng) * scale for _ in range(2))
    expected = cfsd_as_published(ours, theirs)
    assert expected > 1e-5
    assert structural_distance(ours, theirs) == pytest.approx(expected, rel=1e-3)
    assert structural_distance(ours, ours) == pytest.approx(0, abs=1e-9)
    assert structural_distance(theirs, ours) != pytest.approx(expected, rel=1e-6)
