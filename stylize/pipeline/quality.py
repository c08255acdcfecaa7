"""The quality columns of a result: SSIM, image statistics, and, where asked for, distances by VGG19 and LPIPS."""

from __future__ import annotations

import contextlib
import importlib.metadata
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylize import downloads
from stylize.backbones import BACKBONES, cache_folder
from stylize.config import TORCHVISION, JobConfig
from stylize.errors import UsageError, WeightsError
from stylize.images import Pixels
from stylize.io.files import at_hand
from stylize.machine import devices
from stylize.measure.perceptual import (
    CONTENT_LAYER,
    STRUCTURE_LAYER,
    Perceptual,
    StyleFeatures,
    content_distance,
    structural_distance,
)
from stylize.measure.ssim import kernel, ssim, ssim_uniform
from stylize.measure.statistics import Statistics, kernels, statistics
from stylize.pipeline.scored import DeviceScores
from stylize.pipeline.transfers import Upload
from stylize.results.schema import Row
from stylize.stylizers.base import to_tensor

LONG_SIDE_PX = 512
"""Networks look at no more: what they see depends on scale, and a 4K picture would take them 10 GB."""
LEAST_PX = 32
"""Of a side of what they look at, which of a long strip is less than its file has: pools leave nothing of less."""
_KEPT = 16
Result = TypeVar("Result")
_LPIPS_FILES = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": BACKBONES["vgg16"].file,
    "squeeze": BACKBONES["squeezenet1_1"].file,
}
"""What torchvision's cache calls the weights of LPIPS's backbones."""


class Scorer:
    """Scores results; safe to call from several threads."""

    def __init__(self, config: JobConfig, device: str) -> None:
        """Load what `perceptual` and `lpips` ask for. Raises WeightsError, or UsageError without torchmetrics."""
        self._device = torch.device(device)
        self._vgg19: Perceptual | None = None
        self._lpips: Any = None
        self._asked = config.scores
        self._columns: Row = {}
        if config.perceptual is not None:
            path = None if config.perceptual == TORCHVISION else at_hand(config.perceptual)
            self._vgg19 = Perceptual(path, self._device, option=config.called("perceptual"))
            self._columns["perceptual_variant"] = f"vgg19 {self._vgg19.sha256}"
        if config.lpips != "none":
            self._lpips = load_lpips(config.lpips).to(self._device)
            self._columns["lpips_variant"] = f"{config.lpips} torchmetrics {importlib.metadata.version('torchmetrics')}"
        self._one_pass = threading.Lock()
        self._known: OrderedDict[str, Statistics] = OrderedDict()
        self._on_device = DeviceScores(self._device) if devices.is_accelerator(self._device) else None
        # In one lasting thread: CUDA's libraries keep plans of each size for each thread that calls them, and for good.
        self._judge = ThreadPoolExecutor(1, "judge") if self.on_accelerator else None
        if self._on_device is None:
            # So that no image waits for them.
            kernel()
            kernels()

    @property
    def on_accelerator(self) -> bool:
        """Return whether an accelerator takes SSIM and statistics."""
        return self._on_device is not None

    def style_features(self, artwork: Pixels) -> StyleFeatures | None:
        """Return the features of an artwork that results are compared with; None where nobody asks for distances."""
        return None if self._vgg19 is None else self._passed(lambda: self._features(artwork))

    def score(
        self,
        content: Pixels,
        content_sha256: str,
        result: Pixels,
        style: StyleFeatures | None,
        photo: Upload | None = None,
    ) -> Row:
        """Return the columns of one result; what could not be measured is left out.

        `result` is what the file holds: of a lossy format not what was encoded. photo: `content` on an accelerator,
        which then takes SSIM and statistics.
        """
        there = self._on_device.compare(photo, result) if self._on_device is not None and photo is not None else None
        row: Row = self._columns | (self._compared(content, content_sha256, result) if there is None else there)
        if content.shape == result.shape and "ssim_uniform" in self._asked:
            row["ssim_uniform"] = ssim_uniform(content, result)
        if content.shape != result.shape or (self._vgg19 is None and self._lpips is None):
            return row
        return row | self._passed(lambda: self._by_networks(content, result, style))

    def _passed(self, look: Callable[[], Result]) -> Result:
        """Let networks look at pictures, one call at a time: two would share the cores and the memory."""

        def in_turn() -> Result:
            with self._one_pass, torch.inference_mode():
                return look()

        return in_turn() if self._judge is None else self._judge.submit(in_turn).result()

    def _features(self, artwork: Pixels) -> StyleFeatures | None:
        assert self._vgg19 is not None
        seen = shrunk(artwork, self._device)
        return self._vgg19.features(seen)[1] if _is_enough(seen) else None

    def _by_networks(self, content: Pixels, result: Pixels, style: StyleFeatures | None) -> Row:
        row: Row = {}
        seen = [shrunk(pixels, self._device) for pixels in (result, content)]
        if not _is_enough(*seen):
            return row
        if self._vgg19 is not None:
            row |= self._distances(self._vgg19.layers(seen[0]), self._vgg19.layers(seen[1]), style)
        if self._lpips is not None:
            row["lpips"] = float(self._lpips(*(one[None] for one in seen)))
        return row

    def _compared(self, content: Pixels, content_sha256: str, result: Pixels) -> Row:
        """Return SSIM and statistics: the columns that `stylize.measure.on_device` gives of an accelerator."""
        row: Row = {"ssim": ssim(content, result)} if content.shape == result.shape else {}
        for prefix, values in (("content", self._statistics(content, content_sha256)), ("output", statistics(result))):
            row |= {f"{prefix}_{name}": value for name, value in values._asdict().items()}
        return row

    def _distances(
        self, of_result: dict[str, Tensor], of_content: dict[str, Tensor], style: StyleFeatures | None
    ) -> Row:
        row: Row = {"content_distance": content_distance(of_result[CONTENT_LAYER], of_content[CONTENT_LAYER])}
        if "cfsd" in self._asked:
            row["cfsd"] = structural_distance(of_result[STRUCTURE_LAYER], of_content[STRUCTURE_LAYER])
        if style is not None:
            ours = StyleFeatures.of(of_result)
            row["gram_distance"] = sum(ours.gram_distance(style).values())
            row["moments_distance"] = sum(ours.moments_distance(style).values())
        return row

    def _statistics(self, content: Pixels, sha256: str) -> Statistics:
        """Return a photo's statistics, kept for a while, as it comes by once for every artwork."""
        key = f"{sha256} {content.shape}"
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = statistics(content)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return known


def _is_enough(*seen: Tensor) -> bool:
    return min(side for one in seen for side in one.shape[1:]) >= LEAST_PX


def shrunk(pixels: Pixels, device: torch.device) -> Tensor:
    """Return (3, H, W) in [0, 1] with a long side of LONG_SIDE_PX at most."""
    image = Image.fromarray(pixels)
    image.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX), Image.Resampling.LANCZOS)
    return to_tensor(np.asarray(image), device)


def load_lpips(backbone: Literal["alex", "vgg", "squeeze"]) -> Any:
    """Load torchmetrics' LPIPS, whose linear layers ship with it; its backbone is torchvision's.

    Raises WeightsError, or UsageError without torchmetrics.
    """
    try:
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
    except ImportError:
        raise UsageError("lpips needs torchmetrics: pip install 'stylize[lpips]'") from None
    path = cache_folder() / _LPIPS_FILES[backbone]
    there = path.exists()
    what, instead = f"lpips: the {backbone} weights, {path.name},", f"put {path.name} there, or leave lpips out"
    try:
        with contextlib.nullcontext() if there else downloads.from_torchvision(what, path, instead):
            return LearnedPerceptualImagePatchSimilarity(backbone, normalize=True).eval()
    except Exception as error:  # torch raises whatever the damage happens to hit
        if not there or devices.out_of_memory(error):
            raise
        what = "damaged or no weights file; remove it, and it is downloaded again"
        raise WeightsError(f"lpips: {path}: {what}") from None
