"""What the methods that take any style share: how much of it, several at once, and the photo's own colours."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from stylize import images
from stylize.errors import UsageError, counted
from stylize.stylizers import _feedforward, base
from stylize.stylizers._color import Colors, match_colors
from stylize.stylizers._pictures import check_code, to_tensor

if TYPE_CHECKING:
    from stylize.stylizers._runtimes.onnx_graph import Graph


_BAND_ROWS = 64
"""How many rows of a photo are looked at as numbers at a time."""


class Settings(_feedforward.Settings):
    """alpha in [0, 1]: 0 keeps the photo, 1 is the full style. preserve_color: keep its colours, too."""

    alpha: float = Field(
        1.0, ge=0, le=1, description="how much style: 1 all, 0 the photo itself; below 1 takes twice the time"
    )
    preserve_color: bool = Field(False, description="give the artwork the photo's colours first")


class _Pictures:
    """A style kept as pictures, because its code depends on each photo's colours."""

    def __init__(self, pictures: list[tuple[Tensor, float]]) -> None:
        self.pictures = pictures


class ArbitraryStyle(_feedforward.FeedForward):
    """A feed-forward method that takes any picture as a style. Subclasses define `encode` and `forward`."""

    settings_type: ClassVar[type[base.Settings]] = Settings
    mixes = True
    per_image = ("alpha",)

    @property
    def blends_codes(self) -> bool:
        """Return whether `alpha` is applied here, to codes; else `forward` applies it, as the method's paper says."""
        return True

    @abstractmethod
    def encode(self, style: Tensor) -> Any:
        """Turn (3, H, W) in [0, 1] into the network's code, tensors in fp32."""

    def flat(self, code: Any) -> Tensor:
        """Return a code, or one of a batch, as (N, K): its numbers in a row."""
        return _row(code)

    def encoder_graph(self, graph: Graph, style: str) -> str:
        """Add `encode` to a graph, for (1, 3, H, W) in [0, 1]; its result holds what `flat` makes of a code."""
        raise UsageError(f"{self.name} says nothing of its style encoder's graph")

    def encode_style(self, style: Tensor) -> Any:
        """Turn (3, H, W) in [0, 1] into a code; with `preserve_color` the style itself."""
        return _Pictures([(style, 1.0)]) if self.settings.preserve_color else self.encode(style)

    def mix(self, codes: Sequence[Any], weights: Sequence[float]) -> Any:
        """Return one code between several; weights are scaled to sum to 1. Raises UsageError for impossible ones."""
        if not codes:
            raise UsageError(f"{self.name}: the list of styles is empty; give at least one")
        weights = _numbers(weights)
        if len(codes) != len(weights) or not (min(weights) >= 0 and 0 < sum(weights) < float("inf")):
            need = counted(len(codes), "style needs", "styles need")
            raise UsageError(f"{self.name}: {need} as many weights of 0 or more, not all 0")
        shares = [weight / sum(weights) for weight in weights]
        if isinstance(codes[0], _Pictures):
            return _Pictures(
                [(p, w * share) for code, share in zip(codes, shares, strict=True) for p, w in code.pictures]
            )
        return _weighted(codes, shares)

    def code(self, style: Any, style_weights: Sequence[float] | None = None) -> Any:
        """Return the code of an artwork, or of a list of them: with `style_weights`, or in equal parts."""
        if not isinstance(style, list | tuple):
            if style_weights is not None:
                raise UsageError(f"{self.name}: style_weights are of a list of styles; one style has all of it")
            return super().code(style)
        shares = [1.0] * len(style) if style_weights is None else style_weights
        return self.mix([super(ArbitraryStyle, self).code(one) for one in style], shares)

    def picture(self, contents: Tensor, code: Any) -> Tensor:
        """Turn (N, 3, H, W) in [0, 1] and a code into (N, 3, H, W), about [0, 1]."""
        check_code(self.name, code)
        if isinstance(code, _Pictures):
            return torch.cat([self._part_way(one[None], self._matched(code, Colors(one))) for one in contents])
        return self._part_way(contents, code)

    def _part_way(self, contents: Tensor, code: Any) -> Tensor:
        """Restyle `alpha` of the way: exactly the photo at 0, exactly the full style at 1.

        The code lies between the photo's own and the style's. What the network misses of a photo under its own code
        (tone, fine detail) is added again, less of it the more style there is.
        """
        alpha = self.settings.alpha
        if alpha == 1 or not self.blends_codes:
            return self.run(contents, code)
        own = _stacked([self.encode(one) for one in contents])
        missed = contents - self.run(contents, own)
        return missed.mul_(1 - alpha).add_(self.run(contents, _lerp(own, code, alpha)))

    def alpha_for(self, contents: Tensor) -> float | Tensor:
        """Return `alpha` as a network that blends features takes it: of a number torch would compile each one anew."""
        alpha: float = self.settings.alpha
        if alpha == 1 or not self.settings.compile or contents.is_meta:
            return alpha
        return torch.tensor(alpha, dtype=torch.float32, device=contents.device)

    def variant(self, code: Any) -> Any:
        """Return how many codes there are, and whether the network blends none."""
        return _count(code), self.blends_codes or self.settings.alpha == 1

    def settled(self, code: Any, photo: images.Pixels | None) -> Any:
        """Return the code as a photo takes it: that of the artwork in the photo's colours, where those are kept."""
        if not isinstance(code, _Pictures):
            return code
        if photo is None:
            return self._matched(code, None)
        colors = Colors()
        for start in range(0, len(photo), _BAND_ROWS):
            colors.add(to_tensor(photo[start : start + _BAND_ROWS], self.device))
        return self._matched(code, colors)

    def _matched(self, code: _Pictures, colors: Colors | None) -> Any:
        pictures, shares = zip(*code.pictures, strict=True)
        seen = pictures if colors is None else [match_colors(picture, colors) for picture in pictures]
        return _weighted([self.encode(picture) for picture in seen], shares)


def _numbers(weights: Any) -> list[float]:
    """Return weights as numbers, whatever kind of list they come in; none of what is no list of numbers."""
    try:
        return [] if isinstance(weights, str) else [float(weight) for weight in weights]
    except (TypeError, ValueError):
        return []


def _count(code: Any) -> int:
    return len(code) if isinstance(code, Tensor) else _count(code[0])


def _row(code: Any) -> Tensor:
    return code.flatten(1) if isinstance(code, Tensor) else torch.cat([_row(part) for part in code], dim=1)


def _stacked(codes: Sequence[Any]) -> Any:
    """Return the codes of several photos as one of a batch."""
    return _combined(codes, lambda tensors: torch.cat(list(tensors)))


def _lerp(own: Any, code: Any, alpha: float) -> Any:
    return _combined((own, code), lambda tensors: torch.lerp(tensors[0], tensors[1], alpha))


def _weighted(codes: Sequence[Any], shares: Sequence[float]) -> Any:
    """Return the weighted sum of codes."""
    return _combined(
        codes, lambda tensors: torch.stack([x * share for x, share in zip(tensors, shares, strict=True)]).sum(0)
    )


def _combined(codes: Sequence[Any], combine: Callable[[Sequence[Tensor]], Tensor]) -> Any:
    """Apply `combine` to what stands at one place of each code: codes are tensors, or (named) tuples of codes."""
    if isinstance(codes[0], Tensor):
        return combine(codes)
    parts = [_combined(part, combine) for part in zip(*codes, strict=True)]
    kind = type(codes[0])
    return kind(*parts) if hasattr(kind, "_fields") else tuple(parts)
