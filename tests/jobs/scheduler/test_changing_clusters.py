"""The scheduler on clusters of several nodes that come and go, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.samples import ROOT

pytestmark = pytest.mark.usefixtures("own_ray")

GROW = """
import time
import ray
from ray.cluster_utils import Cluster
from jobs.scheduler.worker_pool import SchedulerOptions
from jobs.scheduler.scheduler import Scheduler
from tests.support.scripted_workers import Scripted, lost, tasks

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
ray.init(address=cluster.address, log_to_driver=False)
seen, rows, grown, more = set(), 0, None, True

def stream():
    for task in tasks("sleep 0.02" for _ in range(100_000)):
        if not more:
            return
        yield task

deadline = time.monotonic() + 120
with Scheduler(Scripted, lost, SchedulerOptions()) as scheduler:
    for batch in scheduler.results(stream()):
        if batch is not None:
            rows += len(batch)
            seen.update(batch.column("worker_id").to_pylist())
        if seen and grown is None:
            grown = cluster.add_node(num_cpus=1)
        more = len(seen) < 2 and time.monotonic() < deadline
print("workers:", *sorted(seen))
ray.shutdown()
cluster.shutdown()
"""


def in_a_cluster(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script that makes a cluster of its own."""
    environment = {**os.environ, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250
    )


def test_machines_that_join_later_are_used() -> None:
    done = in_a_cluster(GROW)
    assert done.stdout.splitlines()[-1:] == ["workers: worker-1 worker-2"], done.stderr[-2000:]


LOSE = """
import sys, time
import ray
from ray.cluster_utils import Cluster
from jobs.scheduler.worker_pool import SchedulerOptions
from jobs.scheduler.scheduler import Scheduler
from tests.support.scripted_workers import Scripted, lost, tasks

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = cluster.add_node(num_cpus=1)
ray.init(address=cluster.address, log_to_driver=False)
notes, rows, gone = [], [], False
with Scheduler(Scripted, lost, SchedulerOptions(), notify=notes.append) as scheduler:
    for batch in scheduler.results(tasks("sleep 0.3" for _ in range(60))):
        if batch is not None:
            rows += batch.to_pylist()
        if scheduler.workers == 2 and len(rows) > 4 and not gone:
            gone = cluster.remove_node(second, allow_graceful=False) or True
print("rows:", len(rows), len({row["task_id"] for row in rows}), {row["status"] for row in rows})
print("attempts:", max(row["attempt"] for row in rows))
print("notes:", notes)
ray.shutdown()
cluster.shutdown()
"""


def test_a_lost_node_makes_no_task_suspicious() -> None:
    done = in_a_cluster(LOSE)
    told = done.stdout.splitlines()[-3:]
    assert told[:2] == ["rows: 60 60 {'ok'}", "attempts: 2"], done.stdout + done.stderr[-2000:]
    assert "is lost with its node; its tasks go to other workers" in told[2]
    assert "one by one" not in told[2]


UNFIT_NODE = """
import time
import ray
from ray.cluster_utils import Cluster
from jobs.scheduler.worker_pool import SchedulerOptions
from jobs.scheduler.scheduler import Scheduler
from tests.support.scripted_workers import Unfit, lost, tasks

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
ray.init(address=cluster.address, log_to_driver=False)
bad = cluster.add_node(num_cpus=1)
open(FILE, "w").write(bad.node_id)
seen, notes, third, more = set(), [], None, True

def stream():
    for task in tasks("sleep 0.05" for _ in range(100_000)):
        if not more:
            return
        yield task

deadline = time.monotonic() + 150
with Scheduler(Unfit(FILE), lost, SchedulerOptions(actors=ACTORS), notify=notes.append) as scheduler:
    for batch in scheduler.results(stream()):
        if batch is not None:
            seen.update(batch.column("worker_id").to_pylist())
        if seen and notes and third is None:
            if ACTORS is None:
                cluster.remove_node(bad)
            third = cluster.add_node(num_cpus=1)
        more = len(seen) < 2 and time.monotonic() < deadline
nodes = {scheduler.locations[name].node_id for name in seen}
print("workers:", len(seen), "on the good ones:", nodes == {cluster.head_node.node_id, third.node_id})
print("notes:", notes[0])
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.parametrize("actors", [None, 2])
def test_a_node_that_cannot_do_the_work_takes_no_good_node_s_place(actors: int | None, tmp_path: Path) -> None:
    done = in_a_cluster(f"FILE, ACTORS = {str(tmp_path / 'bad')!r}, {actors}\n{UNFIT_NODE}")
    told = done.stdout.splitlines()[-2:]
    assert told[0] == "workers: 2 on the good ones: True", done.stdout + done.stderr[-2000:]
    assert told[1] == "notes: this node does not see CONTENT's photo.jpg; going on without this node"
