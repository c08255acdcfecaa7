"""A cluster that grows with the work, from no worker at all, by Ray's own autoscaler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import Host, hosts, why_not
from tests.jobs.clusters import nodes, start_growing_head, user, wait_until
from tests.jobs.command import plain, rows

MISSING = why_not()
pytestmark = [pytest.mark.cluster, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]


@pytest.fixture
def north(tmp_path: Path) -> Iterator[Host]:
    """One host; no Ray on it."""
    with hosts(["north"], tmp_path) as (made,):
        yield made


def test_a_cluster_grows_from_no_worker_outlives_a_lost_one_and_shrinks(north: Host, tmp_path: Path) -> None:
    cluster = start_growing_head(north, user(tmp_path), tmp_path, most=2)
    for number in range(60):
        plain(tmp_path / "content" / f"{number}.png", (number, 100, 30))
    plain(tmp_path / "styles" / "s.png", (9, 9, 9))
    log, out = tmp_path / "job.log", tmp_path / "out"
    slow = ("--stylizer", "tests.jobs.faulty:Slow", "--set", "seconds=1", "--actors", 2)
    job = cluster.submit(log, tmp_path / "content", tmp_path / "styles", out, *slow)
    try:
        wait_until(lambda: nodes(north) == 2 and list(out.glob("rows/*.parquet")), 40, log.read_text)
        # As when a spot machine is taken back.
        north.run("pkill -9 -f -- '--node_id=f*0*1 '")
        wait_until(lambda: nodes(north) == 1, 60, log.read_text)
        assert job.wait(300) == 0, log.read_text()
    finally:
        job.kill()
        job.wait()
    told = log.read_text()
    assert "2 workers were asked for; there is room for 0 now" in told
    frame = rows(out)
    assert len(frame) == 60
    assert set(frame["status"]) == {"ok"}
    assert frame["attempt"].max() > 1
    placed = json.loads((out / "run.json").read_text())["workers"]
    assert len({place["node_id"] for place in placed.values()}) == 3
    wait_until(lambda: nodes(north) == 0, 60, lambda: "machines without work did not go")
