"""A head that is lost, and a host that does not see the inputs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.begun_job import gated
from tests.support.hosts import Host, hosts, why_not
from tests.support.main_job import plain, rows
from tests.support.ray_clusters import join, start_head, user, wait_until
from tests.support.samples import ROOT

MISSING = why_not()
pytestmark = [pytest.mark.cluster, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[list[Host]]:
    """Three hosts; no Ray on any."""
    with hosts(["north", "south", "west"], tmp_path) as made:
        yield made


def inputs(folder: Path, photos: int) -> None:
    for number in range(photos):
        plain(folder / "content" / f"{number}.png", (number, 100, 30))
    plain(folder / "styles" / "s.png", (9, 9, 9))


def command(folder: Path, head: Host, *words: object) -> str:
    """The main job, driven from the host it is run on."""
    job = (sys.executable, "-m", "jobs.stylize_folder", folder / "content", folder / "styles", folder / "out", *words)
    settings = "RAY_AUTH_MODE=token RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO=0 PYTHONWARNINGS=ignore"
    return f"cd {ROOT} && {settings} {shlex.join(map(str, job))} --address {head.address}:6379"


def test_a_lost_head_ends_the_run_with_a_line_and_another_head_resumes_it(trio: list[Host], tmp_path: Path) -> None:
    north, south, west = trio
    environment = user(tmp_path)
    start_head(north, environment)
    join(south, north, environment)
    inputs(tmp_path, 30)
    (tmp_path / "gate").touch()
    slow = ("--stylizer", "tests.support.stylizers:Slow", "--set", "seconds=1")
    log = tmp_path / "driver.log"
    south.run(f"({command(tmp_path, north, *slow)}; echo ended $?) > {log} 2>&1 < /dev/null &")
    wait_until(lambda: list((tmp_path / "out").glob("rows/*.parquet")), 90, lambda: log.read_text())
    north.cut()  # as a power cut does: nothing says that connections have ended
    north.kill()
    wait_until(lambda: "ended" in log.read_text(), 60, lambda: log.read_text())
    told = log.read_text().splitlines()
    assert told[-1] == "ended 1"
    line = f"cannot go on: Ray's head at {north.address}:6379 has not answered for 20 s: start the cluster again"
    assert told[-2].startswith(line)
    assert "Traceback" not in log.read_text()
    before = rows(tmp_path / "out")
    start_head(west, environment)
    done = west.run(command(tmp_path, west, *slow), timeout_s=300)
    assert "resuming" in done.stdout
    frame = rows(tmp_path / "out")
    assert 0 < len(before) < len(frame) == 30
    assert set(frame["status"]) == {"ok"}


def test_a_head_restarted_within_seconds_ends_the_run_with_a_line_and_resumes_it(
    trio: list[Host], tmp_path: Path
) -> None:
    north, south, _ = trio
    environment = user(tmp_path)
    start_head(north, environment)
    join(south, north, environment)
    inputs(tmp_path, 30)
    slow = ("--stylizer", "tests.support.stylizers:Slow", "--set", "seconds=1")
    log = tmp_path / "driver.log"
    south.run(f"({command(tmp_path, north, *slow)}; echo ended $?) > {log} 2>&1 < /dev/null &")
    wait_until(lambda: list((tmp_path / "out").glob("rows/*.parquet")), 90, lambda: log.read_text())
    north.run("pkill -KILL -f 'gcs_server|raylet'; sleep 1; rm -rf /tmp/ray", check=False)
    start_head(north, environment)
    wait_until(lambda: "ended" in log.read_text(), 60, lambda: log.read_text())
    told = log.read_text().splitlines()
    assert told[-1] == "ended 1", log.read_text()
    assert told[-2].startswith(f"cannot go on: Ray's head at {north.address}:6379 has ended: start"), log.read_text()
    assert "Traceback" not in log.read_text()
    join(south, north, environment)
    done = south.run(command(tmp_path, north, *slow), timeout_s=300)
    assert "resuming" in done.stdout
    assert len(rows(tmp_path / "out")) == 30


def test_a_host_that_does_not_see_content_is_named_before_work_starts(trio: list[Host], tmp_path: Path) -> None:
    north, south, _ = trio
    environment = user(tmp_path)
    start_head(north, environment)
    join(south, north, environment)
    inputs(tmp_path, 2)
    north.run(f"cp -r {tmp_path}/content /tmp/own")  # /tmp is a host's own
    done = north.run(command(tmp_path, north).replace(f"{tmp_path}/content", "/tmp/own"), check=False, timeout_s=300)
    assert done.returncode == 2
    assert done.stderr.startswith("error: south does not see CONTENT's /tmp/own/0.png (no such file): make it visible")
    assert not list((tmp_path / "out").glob("rows/*.parquet"))


def test_a_late_host_that_does_not_see_content_is_left_out(trio: list[Host], tmp_path: Path) -> None:
    north, south, _ = trio
    environment = user(tmp_path)
    start_head(north, environment)
    inputs(tmp_path, 12)
    north.run(f"cp -r {tmp_path}/content /tmp/own")
    log = tmp_path / "driver.log"
    (tmp_path / "gate").touch()  # no image is done before the late host has said what it lacks
    words = command(tmp_path, north, *gated(tmp_path), "--actors", "2").replace(f"{tmp_path}/content", "/tmp/own")
    north.run(f"({words}; echo ended $?) > {log} 2>&1 < /dev/null &")
    wait_until(lambda: list(tmp_path.glob("north-*")), 120, lambda: log.read_text())
    join(south, north, environment)
    line = "south does not see CONTENT's /tmp/own/0.png (no such file); going on without this node"
    wait_until(lambda: line in log.read_text(), 120, lambda: log.read_text())
    (tmp_path / "gate").unlink()
    wait_until(lambda: "ended" in log.read_text(), 120, lambda: log.read_text())
    frame = rows(tmp_path / "out")
    assert set(frame["node"]) == {"north"}
    assert list(frame["status"]) == ["ok"] * 12
