"""A worker's artworks: each read once, encoded once, and kept while its photos come by."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stylize.config import JobConfig
from stylize.errors import ImageError
from stylize.images import Pixels, decode, refuse_too_large
from stylize.io.files import read_bytes
from stylize.measure.clock import timed
from stylize.measure.perceptual import StyleFeatures
from stylize.stylizers.base import Stylizer, to_tensor
from stylize.tasks.task import Input

KEPT = 8


@dataclass(slots=True)
class CachedStyle:
    """One artwork: its pixels (or, of a checkpoint, its bytes) until it is encoded, then its code; or why not."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    loaded: bool = False
    pixels: Pixels | None = None
    weights: tuple[bytes, Path] | None = None
    sha256: str | None = None
    error: Exception | None = None
    code: Any = None
    encoded: bool = False
    look: StyleFeatures | None = None
    """What it is judged by."""


class StyleCache:
    """The last few artworks. `get` may be called from several threads, `code` from one."""

    def __init__(self, config: JobConfig, stylizer: Stylizer, look: Callable[[Pixels], StyleFeatures | None]) -> None:
        self.config, self.stylizer, self._look = config, stylizer, look
        self.are_weights = stylizer.styles_are_weights and stylizer.weights_sha256 is None
        self._kept: OrderedDict[tuple[str, str], CachedStyle] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, wanted: Input) -> CachedStyle:
        """An artwork, read now or kept from before; a broken one carries its `error`."""
        key = (wanted.uri, wanted.identity)
        with self._lock:
            style = self._kept.setdefault(key, CachedStyle())
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        with style.lock:
            if not style.loaded:
                self._load(style, wanted)
        return style

    def _load(self, style: CachedStyle, wanted: Input) -> None:
        try:
            side, limit = self.config.style_resolution_px, self.config.max_pixels
            look = functools.partial(refuse_too_large, long_side_px=side, max_pixels=limit)
            data = read_bytes(wanted.uri, None if self.are_weights else look)
            style.sha256 = hashlib.sha256(data).hexdigest()
            if self.are_weights:
                style.weights = data, Path(wanted.uri)
            else:
                style.pixels = decode(data, long_side_px=side, max_pixels=limit).pixels
        except ImageError as error:
            # Kept, so that a broken artwork is read once and not once a photo.
            style.error = type(error)(f"style: {error}")
        style.loaded = True

    def code(self, style: CachedStyle) -> tuple[Any, float | None]:
        """The code, and the seconds it took to make; None if it was kept. Raises what the method raises."""
        if style.encoded:
            return style.code, None
        device = self.stylizer.device
        with timed(str(device)) as clock:
            if style.weights is not None:
                style.code = self.stylizer.read_style(*style.weights)
            else:
                assert style.pixels is not None
                style.code = self.stylizer.encode_style(to_tensor(style.pixels, device))
        if style.pixels is not None:
            style.look = self._look(style.pixels)
        style.encoded, style.pixels, style.weights = True, None, None
        return style.code, clock.seconds
