"""Scores of sets of pictures: FID and ArtFID, beside those of the photos unchanged and of the artworks themselves."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from stylize.errors import StylizeError, beside, counted, message_of, one_line
from stylize.images import MAX_PIXELS, STYLE_RESOLUTION_PX, Pixels, decode, refuse_too_large, resize
from stylize.images.loading import Truncated
from stylize.io.files import read_bytes
from stylize.io.location import Location
from stylize.measure.frechet import Features, art_fid, frechet_distance
from stylize.measure.inception import LEAST_PX, Inception
from stylize.pipeline.quality import shrunk

LEAST_TO_COMPARE = 2048
"""As many pictures as features: with fewer, covariances are singular and FID falls as the number grows."""
PHOTO, ARTWORK = "photo unchanged", "artwork itself"


class Triple(NamedTuple):
    """Where a photo, an artwork and a result lie."""

    photo: Location
    artwork: Location
    result: Location


@dataclass(frozen=True)
class SetScore:
    """One line: whose pictures, how many, and their scores; `lpips` and `art_fid` are None without LPIPS."""

    name: str
    n: int
    fid: float
    lpips: float | None
    art_fid: float | None


@dataclass(frozen=True)
class SetScores:
    """A set's lines: the method's, and the two that it lies between. sha256: of the set's photos and artworks."""

    sha256: str
    lines: tuple[SetScore, ...]
    left_out: tuple[str, ...] = ()
    """What could not be read, a line each."""


@dataclass
class _Seen:
    """Features (N, C) and LPIPS from the photo of one of the three, picture by picture."""

    features: list[Features] = field(default_factory=list)
    lpips: list[float] = field(default_factory=list)


class SetScorer:
    """Scores sets. inception: what gives features; lpips: torchmetrics' network, None for FID alone."""

    def __init__(self, inception: Inception, lpips: Any, device: torch.device) -> None:
        self._inception, self._lpips, self._device = inception, lpips, device
        self._artwork = functools.lru_cache(64)(self._read_artwork)

    def score(self, name: str, triples: Sequence[Triple]) -> SetScores:
        """Return the scores of a method's results. Raises ValueError where fewer than two can be read."""
        pairs: list[str] = []
        left_out: list[str] = []
        seen = {name: _Seen(), PHOTO: _Seen(), ARTWORK: _Seen()}
        for triple in triples:
            try:
                self._add(triple, pairs, seen[name], seen[PHOTO], seen[ARTWORK])
            except (StylizeError, OSError) as error:
                file = triple.result.shown
                left_out.append(f"{file}: {beside(file, message_of(error))}")
        if len(pairs) < 2:
            why = f": {left_out[0]}" if left_out else ""
            raise ValueError(f"{one_line(name)}: {counted(len(pairs), 'picture')} can be read, two are the least{why}")
        artworks = np.stack(seen[ARTWORK].features)
        lines = tuple(self._line(who, one, artworks) for who, one in seen.items())
        return SetScores(hashlib.sha256("\n".join(sorted(pairs)).encode()).hexdigest(), lines, tuple(left_out))

    def _line(self, name: str, seen: _Seen, artworks: Features) -> SetScore:
        # Rounding can leave the distance of a set from itself a little below 0.
        fid = max(0.0, frechet_distance(np.stack(seen.features), artworks))
        lpips = float(np.mean(seen.lpips)) if seen.lpips else None
        return SetScore(name, len(seen.features), fid, lpips, None if lpips is None else art_fid(lpips, fid))

    def _add(self, triple: Triple, pairs: list[str], results: _Seen, photos: _Seen, artworks: _Seen) -> None:
        result, _ = _read(triple.result, None)
        height, width = result.shape[:2]
        with _named("photo", triple.photo):
            # As far as it goes, as a run with --truncated accept has restyled it.
            photo, photo_sha256 = _read(triple.photo, max(height, width), truncated="accept")
        with _named("artwork", triple.artwork):
            artwork, of_artwork, artwork_sha256 = self._artwork(triple.artwork)
        content = self._shrunk(resize(photo, width, height))
        features = [self._features(self._shrunk(result)), self._features(content), of_artwork]
        distances: list[float] = []
        if self._lpips is not None:
            others = (self._shrunk(result), content, self._shrunk(resize(artwork, width, height)))
            distances = [self._distance(one, content) for one in others]
        # Only now, so that a picture that fails is in none of the three.
        pairs.append(f"{photo_sha256} {artwork_sha256}")
        for number, one in enumerate((results, photos, artworks)):
            one.features.append(features[number])
            one.lpips += distances[number : number + 1]

    def _read_artwork(self, where: Location) -> tuple[Pixels, Features, str]:
        pixels, sha256 = _read(where, STYLE_RESOLUTION_PX)
        return pixels, self._features(self._shrunk(pixels)), sha256

    def _shrunk(self, pixels: Pixels) -> Tensor:
        return shrunk(pixels, self._device)

    def _features(self, image: Tensor) -> Features:
        if min(image.shape[1:]) < LEAST_PX:
            raise StylizeError(f"{image.shape[2]} x {image.shape[1]} px: Inception v3 needs {LEAST_PX} px a side")
        features: Features = self._inception.features(image).float().cpu().numpy()
        return features

    def _distance(self, one: Tensor, content: Tensor) -> float:
        with torch.inference_mode():
            return float(self._lpips(one[None], content[None]))


@contextlib.contextmanager
def _named(role: str, where: Location) -> Iterator[None]:
    """Say which of a result's pictures cannot be read."""
    try:
        yield
    except (StylizeError, OSError) as error:
        raise StylizeError(f"its {role} {where.shown}: {beside(where.shown, message_of(error))}") from None


def _read(where: Location, long_side_px: int | None, truncated: Truncated = "refuse") -> tuple[Pixels, str]:
    look = functools.partial(refuse_too_large, long_side_px=long_side_px, max_pixels=MAX_PIXELS)
    data = read_bytes(where, look)
    pixels = decode(data, long_side_px=long_side_px, truncated=truncated).pixels
    return pixels, hashlib.sha256(data).hexdigest()
