"""Optimisers for a picture that grows: what was learnt about the loss's curvature at one size serves at the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class Descent(Protocol):
    """What moves a picture downhill."""

    def step(self, image: Tensor, gradient: Tensor) -> None:
        """Move `image` (1, 3, H, W) in place by one step, given the loss's gradient there."""

    def grow(self, size: Sequence[int]) -> None:
        """Go on with a picture of another (height, width)."""

    def retreat(self) -> None:
        """Go on from an earlier picture, as the last step led out of what numbers hold: anew, in steps half as long."""


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1), started anew at each size."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._mean: Tensor | None = None
        self._square: Tensor | None = None
        self._count = 0

    def step(self, image: Tensor, gradient: Tensor) -> None:
        """Move `image` in place by one step."""
        if self._mean is None or self._square is None:
            self._mean, self._square = torch.zeros_like(gradient), torch.zeros_like(gradient)
        self._count += 1
        self._mean.lerp_(gradient, 0.1)
        self._square.lerp_(gradient.square(), 0.001)
        mean = self._mean / (1 - 0.9**self._count)
        root = (self._square / (1 - 0.999**self._count)).sqrt_().add_(1e-8)
        image.addcdiv_(mean, root, value=-self.rate)

    def grow(self, size: Sequence[int]) -> None:
        """Forget the smaller picture."""
        self._mean = self._square = None
        self._count = 0

    def retreat(self) -> None:
        """Start anew, in steps half as long."""
        self._mean = self._square = None
        self._count = 0
        self.rate /= 2


class LBFGS:
    """Limited-memory BFGS without a line search (Nocedal and Wright 2006, algorithms 7.4 and 7.5), on (1, 3, H, W).

    history: steps looked back on; each holds two images in memory.
    """

    def __init__(self, rate: float, history: int) -> None:
        self.rate = rate
        self.history = history
        self.pairs: list[tuple[Tensor, Tensor, float]] = []  # step, change of the gradient, 1 / their product
        self._last: tuple[Tensor, Tensor] | None = None  # step and gradient before it

    def step(self, image: Tensor, gradient: Tensor) -> None:
        """Move `image` in place by one step, given the loss's gradient there."""
        if self._last is not None:
            step, before = self._last
            self._remember(step, gradient - before)
        if self.pairs:
            step = self._direction(gradient).mul_(-self.rate)
        else:
            # Nothing is known yet: a step so small that it cannot hurt, for what it tells.
            # Where the gradient is 0 already, it stays where it is.
            step = gradient * (-self.rate / max(1.0, float(gradient.abs().sum())))
        image.add_(step)
        self._last = step, gradient

    def grow(self, size: Sequence[int]) -> None:
        """Go on with a picture of another (height, width)."""
        self._last = None
        pairs, self.pairs = self.pairs, []
        for step, change, _ in pairs:
            # The loss is a mean over pixels, so each one's share of the gradient falls as they grow more.
            share = step.shape[-2] * step.shape[-1] / (size[0] * size[1])
            self._remember(_resized(step, size), _resized(change, size) * share)

    def retreat(self) -> None:
        """Start anew, in steps half as long."""
        self.pairs, self._last = [], None
        self.rate /= 2

    def _remember(self, step: Tensor, change: Tensor) -> None:
        product = float(torch.dot(step.flatten(), change.flatten()))
        if product > 1e-6 * float(step.norm() * change.norm()):
            self.pairs.append((step, change, 1 / product))
            del self.pairs[: -self.history]

    def _direction(self, gradient: Tensor) -> Tensor:
        direction = gradient.clone()
        shares = []
        for step, change, inverse in reversed(self.pairs):
            share = inverse * torch.dot(step.flatten(), direction.flatten())
            direction.sub_(change * share)
            shares.append(share)
        _, change, inverse = self.pairs[-1]
        direction.mul_(1 / (inverse * change.square().sum()))
        for (step, change, inverse), share in zip(self.pairs, reversed(shares), strict=True):
            direction.add_(step * (share - inverse * torch.dot(change.flatten(), direction.flatten())))
        return direction


def _resized(image: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(image, list(size), mode="bilinear")
