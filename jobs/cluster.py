"""Ray, for as long as there is work: a cluster that is there, or a local one of this job's own."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from stylize.errors import CannotContinueError, UsageError

CONNECT_S = 10


@contextmanager
def local_or_cluster(address: str | None, cpus: float = 0, gpus: float = 0) -> Iterator[None]:
    """Ray for as long as there is work: what it still has to print comes before this job's last lines."""
    ours = not ray.is_initialized()
    start_ray(address, cpus, gpus)
    try:
        yield
    finally:
        if ours:
            ray.shutdown()


def start_ray(address: str | None, cpus: float = 0, gpus: float = 0) -> None:
    """Connect to the cluster that `address`, RAY_ADDRESS or a submitted job names, else start a local one.

    cpus, gpus: what a worker takes; UsageError if a local Ray has no room for one, as that cannot grow.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    address = address or os.environ.get("RAY_ADDRESS")
    try:
        if not ray.is_initialized():
            _check_reachable(address)
            ray.init(
                address=address or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False if address is None else None,
            )
    except (OSError, RuntimeError, ValueError) as error:
        where = f"the Ray cluster at {address}" if address else "a local Ray"
        raise CannotContinueError(
            f"{where} cannot be reached or started: {' '.join(str(error).split())[:300]}"
        ) from None
    if address is None:
        check_fits(cpus, gpus)


def _check_reachable(address: str | None) -> None:
    """Raises OSError if nothing answers at HOST:PORT within CONNECT_S: Ray itself would try for many minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and host and "/" not in host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()


def totals() -> str:
    """What the cluster has, for a message."""
    have = ray.cluster_resources()
    return f"{have.get('CPU', 0):g} CPU and {have.get('GPU', 0):g} GPU"


def check_fits(cpus: float, gpus: float) -> None:
    """Raises UsageError if no node of a cluster that cannot grow has room for a worker."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(n.get("CPU", 0) >= cpus and n.get("GPU", 0) >= gpus for n in nodes):
        raise UsageError(
            f"no machine here has {cpus:g} CPU and {gpus:g} GPU for a worker (there are {totals()}); "
            "lower cpus_per_actor or gpus_per_actor"
        )
