"""A job on a cluster that is stopped in mid-run, so that a test can do something to the cluster."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stylize.gallery import styles_folder
from tests.support.hosts import Host
from tests.support.main_job import plain, rows
from tests.support.ray_clusters import Cluster, wait_until


def inputs(folder: Path, photos: int) -> tuple[Path, Path, Path]:
    """CONTENT with so many photos, STYLES with two artworks of the project's own, and OUT."""
    for number in range(photos):
        plain(folder / "content" / f"{number}.png", (number, 100, 30))
    (folder / "styles").mkdir(exist_ok=True)
    for name in ("ink/ink_mountains.jpg", "pattern/sun_mosaic.jpg"):
        shutil.copy(styles_folder() / name, folder / "styles")
    return folder / "content", folder / "styles", folder / "out"


def checked(out: Path, pairs: int) -> pd.DataFrame:
    """All rows: one a pair, all of them ok."""
    frame = rows(out)
    assert len(frame) == pairs
    assert not frame.duplicated(["content_uri", "style_uri"]).any()
    assert set(frame["status"]) == {"ok"}, frame["error"].tolist()
    return frame


@dataclass
class Run:
    """A job of 40 pairs in mid-run: no image is done until `end`, and it is known where some are in hand."""

    folder: Path
    log: Path
    job: subprocess.Popen[bytes]

    def wait_for(self, *wanted: Host) -> None:
        """Until images are in hand on these hosts."""
        names = {host.name for host in wanted}
        wait_until(lambda: names <= {mark.partition("-")[0] for mark in self.marks()}, 60, self.log.read_text)

    def marks(self) -> list[str]:
        """One for each image that was begun: HOST-…, one a worker while none is done."""
        return [mark.name for mark in self.folder.glob("*-*")]

    def finished(self) -> bool:
        """Whether the run has written its last record."""
        record = self.folder / "out" / "run.json"
        return record.exists() and "finished_at" in json.loads(record.read_text())

    def end(self) -> pd.DataFrame:
        """Let the images be done; returns the rows, one a pair, all ok."""
        (self.folder / "gate").unlink()
        # Not by the end of `ray job submit`: since a host died, Ray may have stopped passing the job's lines on to it.
        wait_until(self.finished, 120, self.log.read_text)
        return checked(self.folder / "out", 40)


@contextmanager
def begun(cluster: Cluster, folder: Path, *words: object) -> Iterator[Run]:
    """A job that waits at its gate."""
    (folder / "gate").touch()
    log = folder / "job.log"
    job = cluster.submit(log, *inputs(folder, 20), *gated(folder), *words)
    try:
        yield Run(folder, log, job)
    finally:
        job.kill()
        job.wait()


def gated(folder: Path) -> tuple[str, ...]:
    """Options of the stylizer that waits at a gate."""
    return "--stylizer", "tests.support.stylizers:Gated", "--set", f"folder={folder}"
