"""The quality columns of a result: SSIM, image statistics, and VGG19's and LPIPS's word where they are asked."""

from __future__ import annotations

import importlib.metadata
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylize.config import TORCHVISION, JobConfig
from stylize.errors import UsageError, WeightsError, message_of
from stylize.images import Pixels
from stylize.io.files import at_hand
from stylize.measure.perceptual import Perceptual, StyleFeatures, content_distance
from stylize.measure.ssim import ssim
from stylize.measure.statistics import Statistics, statistics
from stylize.results.schema import Row
from stylize.stylizers.base import to_tensor

LEAST_PX = 32
LONG_SIDE_PX = 512
"""Networks look at no more: what they see depends on scale, and a 4K picture would take them 10 GB."""
_KEPT = 16


class Scorer:
    """Scores of results; safe to call from several threads."""

    def __init__(self, config: JobConfig, device: str) -> None:
        """Loads what `perceptual` and `lpips` ask for. Raises WeightsError, or UsageError without torchmetrics."""
        self._device = torch.device(device)
        self._judge: Perceptual | None = None
        self._lpips: Any = None
        self._columns: Row = {}
        if config.perceptual is not None:
            path = None if config.perceptual == TORCHVISION else at_hand(config.perceptual)
            self._judge = Perceptual(path, self._device)
            self._columns["perceptual_variant"] = f"vgg19 {self._judge.sha256}"
        if config.lpips != "none":
            self._lpips = _lpips(config.lpips).to(self._device)
            self._columns["lpips_variant"] = f"{config.lpips} torchmetrics {importlib.metadata.version('torchmetrics')}"
        # One network's pass at a time: two would share the cores and the memory.
        self._turn = threading.Lock()
        self._known: OrderedDict[str, Statistics] = OrderedDict()

    def look(self, artwork: Pixels) -> StyleFeatures | None:
        """What an artwork's features are like; None where nobody asks."""
        if self._judge is None or min(artwork.shape[:2]) < LEAST_PX:
            return None
        with self._turn:
            return self._judge.see(self._seen(artwork))[1]

    def score(self, content: Pixels, content_sha256: str, result: Pixels, look: StyleFeatures | None) -> Row:
        """The columns for one result; what could not be measured is left out."""
        row: Row = dict(self._columns)
        if content.shape == result.shape:
            row["ssim"] = ssim(content, result)
        for prefix, found in (("content", self._statistics(content, content_sha256)), ("output", statistics(result))):
            row |= {f"{prefix}_{name}": value for name, value in found._asdict().items()}
        if min(result.shape[:2]) < LEAST_PX or content.shape != result.shape:
            return row
        with self._turn, torch.inference_mode():
            if self._judge is not None:
                seen, ours = self._judge.see(self._seen(result))
                row["content_distance"] = content_distance(seen, self._judge.see(self._seen(content))[0])
                if look is not None:
                    row["gram_distance"] = sum(ours.gram_distance(look).values())
                    row["moments_distance"] = sum(ours.moments_distance(look).values())
            if self._lpips is not None:
                pair = (self._seen(pixels)[None] for pixels in (result, content))
                row["lpips"] = float(self._lpips(*pair))
        return row

    def _seen(self, pixels: Pixels) -> Tensor:
        """(3, H, W) in [0, 1] of a long side of LONG_SIDE_PX at most."""
        image = Image.fromarray(pixels)
        image.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX), Image.Resampling.LANCZOS)
        return to_tensor(np.asarray(image), self._device)

    def _statistics(self, content: Pixels, sha256: str) -> Statistics:
        """A photo's are kept, as it comes by once for every artwork."""
        key = f"{sha256} {content.shape}"
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = statistics(content)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found


def _lpips(backbone: Literal["alex", "vgg", "squeeze"]) -> Any:
    """torchmetrics' LPIPS, whose linear layers ship with it; its backbone is torchvision's."""
    try:
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
    except ImportError:
        raise UsageError("lpips needs torchmetrics and torchvision: pip install torchmetrics") from None
    try:
        return LearnedPerceptualImagePatchSimilarity(backbone, normalize=True).eval()
    except (OSError, RuntimeError) as error:
        cache = Path(torch.hub.get_dir()) / "checkpoints"
        raise WeightsError(
            f"lpips: the {backbone} weights are neither in torchvision's cache ({os.fspath(cache)}) nor to be "
            f"downloaded ({message_of(error)}); put them there, or leave lpips out"
        ) from None
