"""Keeping a photo's own colours (Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer")."""

from __future__ import annotations

import torch
from torch import Tensor

from stylize.machine.double import near_double

_LUMA = (0.299, 0.587, 0.114)
_BAND_PIXELS = 2**20


class Colors:
    """A picture's colours as a linear transfer sees them: means, deviations and correlations, gathered by rows."""

    def __init__(self, *parts: Tensor) -> None:
        """Take parts of one picture, (3, H, W) in [0, 1] each."""
        self._count, self._sums, self._products = 0, _zeros(3, 1), _zeros(3, 3)
        # Sums of squares are only good near zero: of one colour nothing at all must be left.
        self._near: Tensor | None = None
        for part in parts:
            self.add(part)

    def add(self, part: Tensor) -> None:
        """Take some rows more, (3, H, W)."""
        if self._near is None:
            self._near = near_double(part[:, :1, 0]).double()
        for rows in torch.split(part, max(1, _BAND_PIXELS // part.shape[2]), 1):
            flat = near_double(rows.flatten(1)).double() - self._near
            self._count += flat.shape[1]
            self._sums += flat.sum(1, keepdim=True).cpu()
            self._products += (flat @ flat.T).cpu()

    def mean_std(self) -> tuple[Tensor, Tensor]:
        """Return the mean and standard deviation of each colour, (3, 1) each, in double precision."""
        assert self._near is not None
        off = self._sums / self._count
        variance = (self._products.diagonal()[:, None] - self._count * off.square()) / max(1, self._count - 1)
        return self._near.cpu() + off, variance.clamp_min(1e-16).sqrt()

    def correlation(self) -> Tensor:
        """Return the colours' correlations, (3, 3); an identity in the sums keeps a single colour invertible."""
        off, std = self._sums / self._count, self.mean_std()[1]
        products = (self._products - self._count * off @ off.T) / (std @ std.T)
        return (products + torch.eye(3, dtype=torch.float64, device="cpu")) / self._count


def match_colors(source: Tensor, target: Colors) -> Tensor:
    """Return `source`, (3, H, W) in [0, 1], with the colour distribution `target`; values may leave [0, 1].

    Correlation alignment, as the PyTorch port of AdaIN does it (the paper's section 3, a linear transfer): colours are
    standardised, whitened by the source's correlation and coloured by the target's. The port's sums over pixels are
    means here, without which pictures of different sizes would change the contrast.
    """
    own = Colors(source)
    (mean, std), (goal_mean, goal_std) = own.mean_std(), target.mean_std()
    transfer = goal_std * (_root(target.correlation(), 0.5) @ _root(own.correlation(), -0.5)) / std.T
    flat = near_double(source.flatten(1)).double()
    mean, transfer, goal_mean = (one.to(flat.device) for one in (mean, transfer, goal_mean))
    return (transfer @ (flat - mean) + goal_mean).to(source).view_as(source)


def luminance_only(result: Tensor, content: Tensor) -> Tensor:
    """Return the content with the result's luminance (section 4 of the paper), clamped: each (3, H, W) in [0, 1]."""
    weights = result.new_tensor(_LUMA).view(3, 1, 1)
    change = ((result - content) * weights).sum(0, keepdim=True)
    return (content + change).clamp(0, 1)


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.float64, device="cpu")


def _root(correlation: Tensor, power: float) -> Tensor:
    values, vectors = torch.linalg.eigh(correlation)
    root: Tensor = vectors @ torch.diag(values**power) @ vectors.T
    return root
