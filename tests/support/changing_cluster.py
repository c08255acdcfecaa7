"""A cluster whose nodes come and go while the scheduler works: what became of it, as JSON. FILE is for a node's id."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import ray
from ray.cluster_utils import Cluster

from jobs.scheduler.scheduler import Scheduler
from jobs.scheduler.worker_pool import SchedulerOptions
from stylize.tasks.task import Task
from tests.support.forked_workers import forked_workers
from tests.support.scripted_workers import Scripted, Unfit, lost, tasks

NODE: dict[str, Any] = {"num_cpus": 1, "include_log_monitor": False}
LIMIT_S = 150


def until(over: Event) -> Iterator[Task]:
    """Tasks until `over`, for LIMIT_S at most."""
    deadline = time.monotonic() + LIMIT_S
    return tasks(iter(lambda: "over" if over.is_set() or time.monotonic() > deadline else "sleep 0.05", "over"))


def grow_and_lose(cluster: Cluster) -> dict[str, Any]:
    """A node joins a run, does some of its tasks, and is lost."""
    notes: list[str] = []
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    second: Any = None
    gone, noticed = False, Event()
    with Scheduler(Scripted, lost, SchedulerOptions(), notify=notes.append) as scheduler:
        for batch in scheduler.results(until(noticed)):
            if batch is not None:
                rows += batch.to_pylist()
                seen = {row["worker_id"] for row in rows}
            if seen and second is None:
                second = cluster.add_node(**NODE)
            if len(seen) == 2 and not gone:
                gone = cluster.remove_node(second, allow_graceful=False) or True
            if gone and any("lost" in note for note in notes):
                noticed.set()
    keys = {row["task_id"] for row in rows}
    statuses = {row["status"] for row in rows}
    attempts = max(row["attempt"] for row in rows)
    return {
        "workers": sorted(seen), "rows": len(rows), "keys": len(keys), "statuses": sorted(statuses),
        "attempts": attempts, "notes": notes,
    }  # fmt: skip


def join_beside_unfit(cluster: Cluster, bad: Any, file: Path, actors: int | None) -> tuple[dict[str, Any], Any]:
    """A good node joins when a bad one has been left out, which goes where the scheduler fills the cluster."""
    file.write_text(bad.node_id)
    notes: list[str] = []
    seen: set[str] = set()
    joined: Any = None
    enough = Event()
    options = SchedulerOptions(actors=actors)
    with Scheduler(Unfit(str(file)), lost, options, notify=notes.append) as scheduler:
        for batch in scheduler.results(until(enough)):
            if batch is not None:
                seen |= set(batch.column("worker_id").to_pylist())
            if seen and notes and joined is None:
                if actors is None:
                    cluster.remove_node(bad)
                joined = cluster.add_node(**NODE)
            if len(seen) == 2:
                enough.set()
    head: Any = cluster.head_node
    nodes = {scheduler.locations[name].node_id for name in seen}
    good = {head.node_id, joined and joined.node_id}
    return {"workers": len(seen), "on the good ones": nodes == good, "note": notes[0]}, joined


def main(file: Path) -> dict[str, Any]:
    """One cluster for all of it: each node takes as long to start as three workers."""
    with forked_workers("stylize.results.schema", "stylize.config"):
        cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False, "no_monitor": True})
        ray.init(address=cluster.address, log_to_driver=False)
        changed = grow_and_lose(cluster)
        filled, third = join_beside_unfit(cluster, cluster.add_node(**NODE), file, None)
        two, _ = join_beside_unfit(cluster, third, file, 2)
        ray.shutdown()
        cluster.shutdown()
    return {"changed": changed, "unfit": {"None": filled, "2": two}}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
