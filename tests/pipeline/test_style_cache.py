"""A worker's artworks, and what reading them takes."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from stylize import images
from stylize.measure.perceptual import StyleFeatures
from stylize.pipeline import style_cache
from stylize.pipeline.quality import Scorer
from stylize.pipeline.style_cache import CachedStyle
from stylize.stylizers.base import RANDOM
from tests.support.card_runs import Recorded
from tests.support.inline_runs import make


def test_what_artworks_took_is_told_once_to_the_thread_that_read_them() -> None:
    here, elsewhere = threading.get_ident(), -1
    parts = [CachedStyle(read_s=n, decode_s=2 * n, read_by=by) for n, by in ((1, here), (10, here), (100, elsewhere))]
    mix = CachedStyle(parts=[(part, 1.0) for part in parts], read_by=here)
    assert [mix.taken_s() for _ in range(2)] == [(11, 22), (0, 0)]


def test_decoding_a_new_artwork_counts_as_decoding(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(data: bytes, **how: Any) -> images.Decoded:
        time.sleep(0.3)
        return images.decode(data, **how)

    monkeypatch.setattr(style_cache, "decode", slowly)
    runner, tasks = make(folders, tmp_path / "out", Recorded(), measure_mode="isolated")
    assert runner.run(tasks[:1]).to_pylist()[0]["decode_s"] >= 0.3


def test_what_results_are_compared_with_counts_as_scoring(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(scorer: Scorer, artwork: images.Pixels) -> StyleFeatures:
        time.sleep(0.05)
        return StyleFeatures({}, {})

    monkeypatch.setattr(Scorer, "style_features", slowly)
    for weights, least in ((None, 0.05), (RANDOM, None)):
        stylizer = Recorded()
        stylizer.weights_sha256 = weights
        runner, tasks = make(folders, tmp_path / str(weights), stylizer)
        scored = runner.run(tasks[:1]).to_pylist()[0]["score_s"]
        assert (scored is None) if least is None else (scored >= least)
