"""A cluster that grows with the work, from no worker at all, by Ray's own autoscaler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.begun_job import begun
from tests.support.hosts import Host, hosts, why_not
from tests.support.ray_clusters import nodes, start_growing_head, user, wait_until

MISSING = why_not()
pytestmark = [pytest.mark.cluster, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]


@pytest.fixture
def north(tmp_path: Path) -> Iterator[Host]:
    """One host; no Ray on it."""
    with hosts(["north"], tmp_path) as (made,):
        yield made


def test_a_cluster_grows_from_no_worker_outlives_a_lost_one_and_shrinks(north: Host, tmp_path: Path) -> None:
    cluster = start_growing_head(north, user(tmp_path), tmp_path, most=2)
    with begun(cluster, tmp_path, "--actors", 2) as run:
        wait_until(lambda: len(run.marks()) == 2, 60, run.log.read_text)
        # As when a spot machine is taken back.
        north.run("pkill -9 -f -- '--node_id=f*0*1 '")
        wait_until(lambda: len(run.marks()) == 3, 90, run.log.read_text)
        frame = run.end()
    assert "2 workers were asked for; there is room for 0 now" in run.log.read_text()
    assert frame["attempt"].max() > 1
    placed = json.loads((tmp_path / "out" / "run.json").read_text())["workers"]
    assert len({place["node_id"] for place in placed.values()}) == 3
    wait_until(lambda: nodes(north) == 0, 60, lambda: "machines without work did not go")
