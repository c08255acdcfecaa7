"""The main job on several hosts: brought up by Ray's launcher, and with hosts that are lost or late."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.begun_job import begun
from tests.support.hosts import Host, hosts, why_not
from tests.support.ray_clusters import filled_in, join, launcher, nodes, start_head, tunnel, user, wait_until

MISSING = why_not()
pytestmark = [pytest.mark.cluster, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[Host]]:
    """Two hosts."""
    with hosts(["north", "south"], tmp_path) as made:
        yield made


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
