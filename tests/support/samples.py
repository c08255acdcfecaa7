"""What most tests begin with: the checkout, a picture, a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
"""The checkout."""


def picture(seed: int, width: int = 64, height: int = 48) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(H, W, 3) uint8: smooth colour with some noise, different for every seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    base = [np.sin(6 * (x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1)) + c) * 90 + 120 for c in range(3)]
    pixels = np.stack(base, axis=2) + rng.normal(0, 8, (height, width, 3))
    return pixels.clip(0, 255).astype(np.uint8)


def finished_run(content: Path, styles: Path, out: Path, **settings: Any) -> None:
    """Rows and images of a whole small run on the CPU, made inline: no Ray."""
    from stylize import config as configs
    from stylize import load
    from stylize.results.store import RowStore
    from tests.support.inline_runs import made

    given = {"content": str(content), "styles": str(styles), "out": str(out), "stylizer": "identity"} | settings
    config = configs.build(given)
    runner, tasks = made(config, load(config.stylizer, device="cpu"), run_id="test")
    with RowStore.open(out) as store:
        store.add(runner.run(tasks))
