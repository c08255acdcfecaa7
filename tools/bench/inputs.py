"""Photos and an artwork to measure with, and the tasks of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stylize import images
from stylize.config import JobConfig
from stylize.gallery import styles_folder, write_demo_photos
from stylize.tasks import pairing
from stylize.tasks.task import Task

TILE_PX = 1000


def write_inputs(root: Path, count: int, width: int, height: int) -> tuple[list[Path], Path]:
    """Write different crops of real photos, larger ones put together from several, and one artwork.

    Returns the photos, in `root/content`, and the artwork, in `root/styles`.
    """
    sources = [images.decode(path.read_bytes()).pixels for path in write_demo_photos(root / "sources")]
    rng = np.random.default_rng(0)
    across, down = max(1, width // TILE_PX), max(1, height // TILE_PX)

    def crop() -> images.Pixels:
        pixels = sources[rng.integers(len(sources))]
        tall, wide = (int(side * rng.uniform(0.6, 1.0)) for side in pixels.shape[:2])
        top, left = rng.integers(0, pixels.shape[0] - tall + 1), rng.integers(0, pixels.shape[1] - wide + 1)
        part = np.ascontiguousarray(pixels[top : top + tall, left : left + wide])
        return images.resize(part, width // across, height // down)

    photos = [root / "content" / f"{number:03d}.jpg" for number in range(count)]
    (root / "content").mkdir()
    for photo in photos:
        whole = np.concatenate([np.concatenate([crop() for _ in range(across)], axis=1) for _ in range(down)])
        photo.write_bytes(images.encode(whole, "jpg", 90))
    source = min(styles_folder().rglob("*.jpg"))
    artwork = root / "styles" / source.name
    artwork.parent.mkdir()
    artwork.write_bytes(source.read_bytes())
    return photos, artwork


def job_tasks(job: JobConfig, **more: Any) -> Iterator[Task]:
    """Yield a job's tasks. more: settings that give them other keys than another turn's have."""
    return pairing.tasks(pairing.pairs(job), job.result_settings() | more, None, job.format)
