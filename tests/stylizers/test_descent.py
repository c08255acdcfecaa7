"""The optimisers of gatys find minima, whatever the size of picture and loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stylize.stylizers._descent import LBFGS, Adam, Descent
from stylize.stylizers.base import to_tensor
from tests.support.samples import picture


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
    return to_tensor(picture(1, side, side), torch.device("cpu"))[None]


class Plain:
    """Steepest descent at the largest rate that is stable."""

    def step(self, image: Tensor, gradient: Tensor) -> None:
        image.sub_(gradient * (image.numel() / 200))

    def grow(self, size: Any) -> None: ...

    def retreat(self) -> None: ...


def test_lbfgs_is_faster_than_steepest_descent() -> None:
    fast, slow = (descend(descent, goal(48), 40) for descent in (LBFGS(1.0, 10), Plain()))
    assert loss(slow, goal(48)) < loss(torch.full_like(slow, 0.5), goal(48))
    assert loss(fast, goal(48)) < 0.02 * loss(slow, goal(48))


@pytest.mark.parametrize(("side", "weight"), [(48, 1e-4), (300, 1.0), (300, 1e-2)])
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
