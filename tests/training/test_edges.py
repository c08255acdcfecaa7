"""Texture and blotches that a photo has not: where the term counts them and where not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from stylize.training import edges


def halves() -> Tensor:
    """A photo (1, 3, 64, 64): flat on the left, noise on the right."""
    photo = torch.full((1, 3, 64, 64), 0.5)
    photo[..., 32:] = torch.rand(3, 64, 32, generator=torch.Generator().manual_seed(0))
    return photo


def test_a_photo_is_not_charged_for_its_own_edges() -> None:
    photo = torch.zeros(1, 3, 64, 64)
    photo[..., 32:] = 1.0
    assert edges.distance(photo, photo) < 1e-3


def test_texture_costs_where_the_photo_is_flat() -> None:
    photo = halves()
    stripes = 0.2 * (torch.arange(64) // 4 % 2).to(photo.dtype)
    left, right = photo.clone(), photo.clone()
    left[..., :32] += stripes[:32]
    right[..., 32:] += stripes[32:]
    own = edges.distance(photo, photo)
    assert edges.distance(photo, left) - own > 10 * abs(edges.distance(photo, right) - own)


def test_blotches_of_colour_alone_cost() -> None:
    photo = torch.full((1, 3, 64, 64), 0.5)
    blotch = photo.clone()
    # Equal luma: what red gains, green loses by the ratio of their weights.
    blotch[:, 0, 16:48, 16:48] += 0.2
    blotch[:, 1, 16:48, 16:48] -= 0.2 * 0.299 / 0.587
    cost = edges.distance(photo, blotch)
    assert cost > 0.01
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edges, "CHROMA", 1.5)
        assert edges.distance(photo, blotch) == pytest.approx(float(cost) / 2, rel=0.01)


def test_flat_on_flat_has_a_finite_slope() -> None:
    result = torch.full((1, 3, 64, 64), 0.5, requires_grad=True)
    edges.distance(torch.zeros_like(result), result).backward()  # type: ignore[no-untyped-call]
    assert result.grad is not None
    assert result.grad.isfinite().all()
