"""A worker's artworks: each read once, encoded once, and kept while its photos come by."""

from __future__ import annotations

import functools
import hashlib
import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stylize.config import JobConfig
from stylize.errors import ImageError, UnsupportedImageError, WeightsError
from stylize.images import Pixels, decode, refuse_too_large
from stylize.io.files import read_bytes
from stylize.measure.clock import timed
from stylize.measure.perceptual import StyleFeatures
from stylize.results.schema import Row
from stylize.stylizers.base import Stylizer, to_tensor
from stylize.tasks.task import Input, Pair
from stylize.tensor_files import MOST_BYTES

KEPT = 8
"""Artworks and mixes that a worker keeps, those it used last."""


@dataclass(slots=True)
class CachedStyle:
    """One artwork on its way: read (`pixels`, or a checkpoint's `weights`), then encoded (`code`), or broken (`error`).

    Of several that are mixed, `parts` are the artworks, each with its share. `lock` is held while it is read, so that
    threads that want the same artwork wait for one that reads it.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    loaded: bool = False
    pixels: Pixels | None = None
    weights: tuple[bytes, Path] | None = None
    """A checkpoint's bytes and where they are from."""
    sha256: str | None = None
    error: Exception | None = None
    parts: list[tuple[CachedStyle, float]] = field(default_factory=list)
    code: Any = None
    encoded: bool = False
    features: StyleFeatures | None = None
    """What results are compared with; None of a mix, and where nobody asks for distances."""
    read_s: float = 0.0
    decode_s: float = 0.0
    read_by: int | None = None
    """The thread that read it: in its image's row are the times, once."""

    def taken_s(self) -> tuple[float, float]:
        """Return what reading and decoding took the thread that asks, of a mix of all; when it asks again, nothing."""
        taken = [part.taken_s() for part, _ in self.parts]
        if self.read_by == threading.get_ident():
            taken.append((self.read_s, self.decode_s))
            self.read_by = None
        return sum(read_s for read_s, _ in taken), sum(decode_s for _, decode_s in taken)


class StyleCache:
    """Keeps the last few artworks, read and encoded once each. Call `get` from any thread, `code` from one.

    `features_of` is asked once per artwork for what results are compared with. Without a stylizer there is no `code`.
    """

    def __init__(
        self, config: JobConfig, stylizer: Stylizer | None, features_of: Callable[[Pixels], StyleFeatures | None]
    ) -> None:
        self._config, self._stylizer, self._features_of = config, stylizer, features_of
        self.are_weights = stylizer is not None and stylizer.styles_are_weights and stylizer.weights_sha256 is None
        self._kept: OrderedDict[Any, CachedStyle] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, pair: Pair) -> CachedStyle:
        """Return a pair's artwork, or mix of several, read now or kept from before; a broken one has its `error`."""
        if not pair.others:
            return self._get((pair.style.uri, pair.style.identity), lambda style: self._load(style, pair.style))
        key = (tuple((one.uri, one.identity) for one in pair.styles), pair.shares)
        return self._get(key, lambda style: self._load_parts(style, pair))

    def _get(self, key: Any, load: Callable[[CachedStyle], None]) -> CachedStyle:
        with self._lock:
            style = self._kept.setdefault(key, CachedStyle())
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        with style.lock:
            if not style.loaded:
                load(style)
                style.loaded, style.read_by = True, threading.get_ident()
        return style

    def _load_parts(self, style: CachedStyle, pair: Pair) -> None:
        parts = [self._get((one.uri, one.identity), functools.partial(self._load, wanted=one)) for one in pair.styles]
        broken = ((number, part.error) for number, part in enumerate(parts, start=1) if part.error is not None)
        for number, error in itertools.islice(broken, 1):
            reason = str(error).removeprefix("style: ")
            style.error = type(error)(f"style {number} of {len(parts)}: {reason}")
        if None not in (hashes := [part.sha256 for part in parts]):
            style.sha256 = ",".join(filter(None, hashes))
        style.parts = list(zip(parts, pair.shares, strict=True))

    def _load(self, style: CachedStyle, wanted: Input) -> None:
        try:
            side, limit = self._config.style_resolution_px, self._config.max_pixels
            check_header = functools.partial(refuse_too_large, long_side_px=side, max_pixels=limit)
            start = time.perf_counter()
            data = read_bytes(wanted.uri, _refuse_large_weights if self.are_weights else check_header)
            style.sha256 = hashlib.sha256(data).hexdigest()
            style.read_s = time.perf_counter() - start
            if self.are_weights:
                style.weights = data, Path(wanted.uri)
            else:
                start = time.perf_counter()
                style.pixels = decode(data, long_side_px=side, max_pixels=limit, whole=True).pixels
                style.decode_s = time.perf_counter() - start
        except ImageError as error:
            # Kept, so that a broken artwork is read once and not once per photo.
            style.error = type(error)(f"style: {error}")

    def code(self, style: CachedStyle) -> tuple[Any, Row]:
        """Return the code, and what it took to make as columns; none if it was kept. Raises what the method raises."""
        if style.encoded:
            return style.code, {}
        assert self._stylizer is not None
        device = self._stylizer.device
        # Before the clock starts, as it counts what they take in their own time.
        codes = [self.code(part) for part, _ in style.parts]
        with timed(str(device)) as clock:
            if style.parts:
                style.code = self._stylizer.mix([code for code, _ in codes], [share for _, share in style.parts])
            elif style.weights is not None:
                style.code = self._read_weights(style, *style.weights)
            else:
                assert style.pixels is not None
                style.code = self._stylizer.encode_style(to_tensor(style.pixels, device))
        took: Row = {"style_s": clock.seconds}
        if style.pixels is not None:
            with timed(str(device)) as scoring:
                style.features = self._features_of(style.pixels)
            took |= {} if style.features is None else {"score_s": scoring.seconds}
        for name, seconds in itertools.chain.from_iterable(of_part.items() for _, of_part in codes):
            took[name] = took.get(name, 0.0) + seconds
        style.encoded, style.pixels, style.weights, style.parts = True, None, None, []
        return style.code, took

    def _read_weights(self, style: CachedStyle, data: bytes, path: Path) -> Any:
        assert self._stylizer is not None
        try:
            return self._stylizer.read_style(data, path)
        except WeightsError as error:
            # Kept and told as that of a broken artwork: once, and not once per photo.
            style.error = WeightsError(f"style: {str(error).removeprefix(f'{path}: ')}")
            raise style.error from None

    def features(self, style: CachedStyle) -> StyleFeatures | None:
        """Return what results are compared with, where nothing is encoded. Call it from any thread."""
        with style.lock:
            if style.pixels is not None:
                style.features, style.pixels = self._features_of(style.pixels), None
            return style.features


def _refuse_large_weights(_file: object, size_bytes: int) -> None:
    if size_bytes > MOST_BYTES:
        raise UnsupportedImageError(f"{size_bytes:,} bytes, more than weights have")
