"""The main job on several hosts: brought up by Ray's launcher, and with hosts that are lost or late."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from stylize.gallery import style_path, styles_folder
from tests.hosts import Host, hosts, why_not
from tests.jobs.clusters import Cluster, filled_in, join, launcher, nodes, start_head, tunnel, user, wait_until
from tests.jobs.command import plain, rows

MISSING = why_not()
pytestmark = [pytest.mark.cluster, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[Host]]:
    """Two hosts."""
    with hosts(["north", "south"], tmp_path) as made:
        yield made


def inputs(folder: Path, photos: int) -> tuple[Path, Path, Path]:
    """CONTENT with so many photos, STYLES with two artworks of the project's own, and OUT."""
    for number in range(photos):
        plain(folder / "content" / f"{number}.png", (number, 100, 30))
    for name in ("ink_mountains", "sun_mosaic"):
        (folder / "styles").mkdir(exist_ok=True)
        (folder / "styles" / f"{name}.jpg").write_bytes((styles_folder() / style_path(name)).read_bytes())
    return folder / "content", folder / "styles", folder / "out"


def checked(out: Path, pairs: int) -> pd.DataFrame:
    """All rows: one a pair, all of them ok."""
    frame = rows(out)
    assert len(frame) == pairs
    assert not frame.duplicated(["content_uri", "style_uri"]).any()
    assert set(frame["status"]) == {"ok"}, frame["error"].tolist()
    return frame


def left(pair: list[Host]) -> list[str]:
    """Ray's processes on the hosts."""
    return [line for host in pair for line in host.processes("ray") if not line.startswith("sshd")]


def test_ray_up_runs_a_submitted_job_on_all_hosts_and_ray_down_ends_it(pair: list[Host], tmp_path: Path) -> None:
    head, environment = pair[0], user(tmp_path)
    file = filled_in(pair, tmp_path)
    launcher("up", file, environment)
    wait_until(lambda: nodes(head) == 2, 90, lambda: head.run("cat /tmp/ray/session_latest/logs/monitor.*").stdout)
    with tunnel(file, environment, tmp_path / "tunnel.log") as cluster, begun(cluster, tmp_path) as run:
        run.wait_for(*pair)
        frame = run.end()
    assert set(frame["node"]) == {"north", "south"}
    launcher("down", file, environment)
    wait_until(lambda: not left(pair), 60, lambda: f"Ray is left: {left(pair)}")


@dataclass
class Run:
    """A job of 40 pairs in mid-run: no image is done until `end`, and it is known where some are in hand."""

    folder: Path
    log: Path
    job: subprocess.Popen[bytes]

    def wait_for(self, *wanted: Host) -> None:
        """Until images are in hand on these hosts."""
        names = {host.name for host in wanted}
        wait_until(
            lambda: names <= {mark.name.partition("-")[0] for mark in self.folder.glob("*-*")}, 60, self.log.read_text
        )

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
def begun(cluster: Cluster, folder: Path) -> Iterator[Run]:
    """A job that waits at its gate."""
    (folder / "gate").touch()
    log = folder / "job.log"
    job = cluster.submit(log, *inputs(folder, 20), *gated(folder))
    try:
        yield Run(folder, log, job)
    finally:
        job.kill()
        job.wait()


def gated(folder: Path) -> tuple[str, ...]:
    """Options of the stylizer that waits at a gate."""
    return "--stylizer", "tests.jobs.gated:Gated", "--set", f"folder={folder}"


def test_a_killed_host_costs_no_row_and_doubles_none(pair: list[Host], tmp_path: Path) -> None:
    north, south = pair
    environment = user(tmp_path)
    cluster = start_head(north, environment)
    join(south, north, environment)
    with begun(cluster, tmp_path) as run:
        run.wait_for(*pair)
        south.kill()
        frame = run.end()
    assert set(frame["node"]) == {"north"}
    assert frame["attempt"].max() > 1


def test_a_host_whose_link_is_cut_costs_no_row_and_doubles_none(pair: list[Host], tmp_path: Path) -> None:
    north, south = pair
    environment = user(tmp_path)
    cluster = start_head(north, environment)
    join(south, north, environment)
    with begun(cluster, tmp_path) as run:
        run.wait_for(*pair)
        south.cut()
        wait_until(lambda: nodes(north) == 1, 60, lambda: "the head does not see that a host is gone")
        south.mend()  # what it has in hand it goes on with: nobody takes that
        frame = run.end()
    assert "north" in set(frame["node"])
    assert frame["attempt"].max() > 1


def test_a_host_that_joins_late_gets_work(pair: list[Host], tmp_path: Path) -> None:
    north, south = pair
    environment = user(tmp_path)
    cluster = start_head(north, environment)
    with begun(cluster, tmp_path) as run:
        run.wait_for(north)
        join(south, north, environment)
        run.wait_for(south)
        frame = run.end()
    assert set(frame["node"]) == {"north", "south"}
    assert set(frame["attempt"]) == {1}
