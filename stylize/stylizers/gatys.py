"""`gatys`: the picture itself is optimised (Gatys, Ecker, Bethge 2016, section 2).

Where it departs from the paper, and why: each layer's terms are relative to their target's own size, so that one pair
of weights serves every backbone; it works coarse to fine (Gatys et al. 2017, section 6), which makes larger strokes and
needs fewer steps at full size; a little total variation (Johnson et al. 2016, section 3.2) takes the noise off.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, field_validator
from torch import Tensor

from stylize.backbones import BACKBONES, Features, load_backbone
from stylize.errors import UsageError, unknown
from stylize.machine.one_thread import on_this_thread_alone
from stylize.stylizers import base
from stylize.stylizers._color import luminance_only
from stylize.stylizers._descent import LBFGS, Adam, Descent
from stylize.stylizers._losses import ContentTerm, StyleTerm, gram, total_variation

log = logging.getLogger(__name__)

LEAST_PX = 32
COARSEST_PX = 128
RANGE_WEIGHT = 100.0
"""Of values outside [0, 1]: clamping them at the end would undo part of the style."""
HISTORY = 10
"""Steps L-BFGS looks back on; each holds two images in memory, and more made no difference."""
TOO_FAR = 10
"""A step that makes the loss this many times larger is taken back."""


class Settings(base.Settings):
    """What the loss is made of and how it is brought down."""

    backbone: str = Field("vgg19", description="network the features come from: " + ", ".join(BACKBONES))
    content_layers: tuple[str, ...] | None = Field(None, description="layers compared with the photo's; none: its own")
    style_layers: tuple[str, ...] | None = Field(None, description="layers compared with the artwork's; none: its own")
    content_weight: float = Field(1.0, ge=0, description="of the photo's features")
    style_weight: float = Field(10.0, ge=0, description="of the artwork's Gram matrices")
    variation_weight: float = Field(1.0, ge=0, description="of the total variation: higher is smoother")
    optimizer: Literal["lbfgs", "adam"] = Field("lbfgs", description="lbfgs needs fewer steps, adam less memory")
    learning_rate: float | None = Field(None, gt=0, description="none: 1 for lbfgs, 0.02 for adam")
    iterations: int = Field(120, ge=1, le=100_000, description="steps, over all scales")
    scales: int = Field(3, ge=1, le=8, description="sizes to work at, each half the next; 1: full size alone")
    start: Literal["content", "noise"] = Field("content", description="what the picture starts as")
    pooling: Literal["max", "average"] = Field("max", description="average is the paper's; max is what was trained")
    preserve_color: bool = Field(False, description="keep the photo's colours: take the result's luminance alone")
    channels_last: bool = Field(True, description="activations with channels innermost")
    seed: int = Field(0, ge=0, lt=2**63, description="of the noise")

    @property
    def draws(self) -> bool:
        """Return whether random numbers decide a picture."""
        return self.start == "noise"

    @field_validator("content_layers", "style_layers", mode="before")
    @classmethod
    def _by_commas(cls, value: Any) -> Any:
        return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


Code = dict[float, dict[str, Tensor]]
"""A style: its Gram matrices at each scale, by layer."""


class Gatys(base.Stylizer):
    """Optimises the picture until its features look like the photo's and the artwork's. Slow, and the yardstick."""

    name = "gatys"
    summary = "optimises every picture anew (Gatys et al. 2016): slow, the classic look; several backbones"
    needs = "ImageNet weights of its backbone: torchvision's (its cache or download), or a file with its names"
    precisions: ClassVar[tuple[str, ...]] = ("fp32", "bf16", "fp16")
    least_px = LEAST_PX
    per_image = ("seed",)
    bytes_per_pixel = 3000.0
    settings_type: ClassVar[type[base.Settings]] = Settings
    settings: Settings

    on_step: Callable[[int, int, dict[str, float]], None] | None = None
    """Called after every step with its number, how many there are, and the loss terms."""

    @on_this_thread_alone()
    def load(self, weights: Path | str | None) -> None:
        """Load the backbone up to the last layer in use."""
        settings = self.settings
        if settings.backbone not in BACKBONES:
            raise UsageError(unknown("backbone", settings.backbone, BACKBONES))
        kind = BACKBONES[settings.backbone]
        self.backbone = settings.backbone
        self.content_layers = settings.content_layers or kind.content
        self.style_layers = settings.style_layers or kind.style
        layers = tuple(dict.fromkeys(self.content_layers + self.style_layers))
        if weights == base.RANDOM:
            net, self.weights_sha256 = Features(settings.backbone, layers, settings.pooling), base.RANDOM
        else:
            path = None if weights is None else Path(weights)
            net, state = load_backbone(settings.backbone, layers, path, settings.pooling)
            self.note([state])
        layout = torch.channels_last if settings.channels_last else torch.contiguous_format
        net.trunk.to(self.dtype)
        self.net = net.to(self.device).to(memory_format=layout)
        self.layout = layout
        self._last: dict[str, float] = {}

    def encode_style(self, style: Tensor) -> Code:
        """Turn (3, H, W) in [0, 1] into a code for photos of any size."""
        with torch.inference_mode(False), torch.no_grad():
            # Tensors made in inference mode cannot be part of a gradient.
            picture = style.detach().clone()[None]
            picture = _resized(picture, max(LEAST_PX / min(picture.shape[-2:]), 1.0))
            least = LEAST_PX / min(picture.shape[-2:])
            sizes = {factor: max(factor, least) for factor in self._all_factors()}
            grams = {size: self._grams(picture, size) for size in set(sizes.values())}
        return {factor: grams[size] for factor, size in sizes.items()}

    def stylize(self, content: Tensor, code: Code) -> Tensor:
        """Turn (3, H, W) in [0, 1] and a code into (3, H, W) in [0, 1]."""
        with torch.inference_mode(False), torch.enable_grad():
            # Tensors made in inference mode cannot be part of a gradient.
            result = self._optimize(content.detach().clone()[None], code)
        return luminance_only(result[0], content) if self.settings.preserve_color else result[0]

    def outcome(self) -> dict[str, Any]:
        """Return the last picture's final loss terms, unweighted."""
        return dict(self._last)

    def _optimize(self, content: Tensor, code: Code) -> Tensor:
        factors = self._factors(content)[-self.settings.iterations :]
        descent = self._descent()
        image = self._first(content, factors[0])
        done = 0
        for factor, count in zip(factors, _split(self.settings.iterations, len(factors)), strict=True):
            goal = _resized(content, factor)
            if image.shape != goal.shape:
                image = _grown(image, goal)
                descent.grow(goal.shape[-2:])
            loss = _Loss(self, goal, code[factor])
            image = self._descend(image, loss, descent, count, done)
            done += count
        image = image.clamp(0, 1)
        with torch.no_grad():
            self._last = {name: float(value) for name, value in loss.terms(image).items()}
        # clamp keeps NaN, and a NaN loss means that the picture is not to be trusted either.
        return image if all(map(_finite, self._last.values())) else torch.full_like(image, float("nan"))

    def _factors(self, content: Tensor) -> list[float]:
        """Return sizes relative to the full one, coarse to fine; none has a side below what the network takes."""
        height, width = content.shape[-2:]
        enough = max(COARSEST_PX / max(height, width), LEAST_PX / min(height, width))
        return [factor for factor in self._all_factors() if factor == 1 or factor >= enough]

    def _all_factors(self) -> list[float]:
        return [0.5**k for k in reversed(range(self.settings.scales))]

    def _first(self, content: Tensor, factor: float) -> Tensor:
        small = _resized(content, factor)
        if self.settings.start == "content":
            return small
        generator = torch.Generator("cpu").manual_seed(self.settings.seed)
        noise = torch.rand(small.shape, generator=generator, dtype=torch.float32, device="cpu")
        return noise.to(content.device)

    def _grams(self, style: Tensor, factor: float) -> dict[str, Tensor]:
        features = self._features(_resized(style, factor))
        return {name: gram(features[name]) for name in self.style_layers}

    def _features(self, image: Tensor) -> dict[str, Tensor]:
        features: dict[str, Tensor] = self.net(image.contiguous(memory_format=self.layout))
        return features

    def _descend(self, image: Tensor, loss: _Loss, descent: Descent, count: int, done: int) -> Tensor:
        image = image.detach().clone(memory_format=torch.contiguous_format)
        sound, least = image, float("inf")  # the picture before the last step, and its loss
        for step in range(done + 1, done + count + 1):
            terms, value, gradient = _gradient(image, loss)
            if not _finite(value) and sound is image:
                break
            if value <= TOO_FAR * least:
                sound, least = image.clone(), value
                told = {name: float(term.detach()) for name, term in terms.items()}
                descent.step(image, gradient)
            else:
                image = sound.clone()
                descent.retreat()
            if self.on_step is not None:
                self.on_step(step, self.settings.iterations, told)
        return image if bool(image.isfinite().all()) else sound

    def _descent(self) -> Descent:
        rate = self.settings.learning_rate
        if self.settings.optimizer == "adam":
            return Adam(rate or 0.02)
        return LBFGS(rate or 1.0, HISTORY)


class _Loss:
    """The loss at one scale."""

    def __init__(self, method: Gatys, content: Tensor, grams: dict[str, Tensor]) -> None:
        self.method = method
        self.grams = grams
        with torch.no_grad():
            features = method._features(content)
            self.content = {name: features[name] for name in method.content_layers}

    def terms(self, image: Tensor) -> dict[str, Tensor]:
        """Return each term, unweighted."""
        features = self.method._features(image)
        style = [StyleTerm.apply(features[name], target) for name, target in self.grams.items()]
        content = [ContentTerm.apply(features[name], target) for name, target in self.content.items()]
        return {
            "content_loss": torch.stack(content).mean(),
            "style_loss": torch.stack(style).mean(),
            "variation_loss": total_variation(image),
        }

    def total(self, terms: dict[str, Tensor], image: Tensor) -> Tensor:
        """Return the weighted sum."""
        settings = self.method.settings
        return (
            settings.content_weight * terms["content_loss"]
            + settings.style_weight * terms["style_loss"]
            + settings.variation_weight * terms["variation_loss"]
            + RANGE_WEIGHT * (image - image.clamp(0, 1)).square().mean()
        )


def _gradient(image: Tensor, loss: _Loss) -> tuple[dict[str, Tensor], float, Tensor]:
    """Return the loss's terms, their weighted sum, and its gradient.

    A mean's gradient falls with the pixels and would vanish in fp16 on its way back, so it is scaled up; less where a
    step that went too far makes it so large that it leaves fp16's range.
    """
    for shift in (0, 8, 16, 24):
        scale = image.numel() / 256 / 2**shift
        leaf = image.detach().requires_grad_(True)
        terms = loss.terms(leaf)
        value = loss.total(terms, leaf)
        (gradient,) = torch.autograd.grad(value * scale, leaf)
        total = float(value.detach())
        if _finite(float(gradient.sum())) or not _finite(total):
            break
    return terms, total, gradient.div_(scale)


def _split(iterations: int, scales: int) -> list[int]:
    """Return the steps of each scale, coarse to fine: the coarsest are cheap and do most (docs/decisions.md)."""
    shares = [14, *[3] * (scales - 2), 5] if scales > 1 else [1]
    steps = [max(1, iterations * share // sum(shares)) for share in shares]
    return [iterations - sum(steps[1:]), *steps[1:]]


def _resized(image: Tensor, factor: float) -> Tensor:
    if factor == 1:
        return image
    size = [max(1, round(side * factor)) for side in image.shape[-2:]]
    return F.interpolate(image, size, mode="bicubic", antialias=factor < 1).clamp(0, 1)


def _grown(image: Tensor, content: Tensor) -> Tensor:
    """Return the picture of the scale before at the content's size, with the detail that no coarser size has."""
    size = content.shape[-2:]
    blurred = F.interpolate(_resized(content, image.shape[-1] / size[1]), size, mode="bicubic")
    return F.interpolate(image.clamp(0, 1), size, mode="bicubic") + content - blurred


def _finite(value: float) -> bool:
    return abs(value) < float("inf")


STYLIZER = Gatys
