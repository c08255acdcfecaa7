"""Ray for as long as there is work: a cluster that is there, or a local one of this job's own."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import ray
from ray.exceptions import RayError

from jobs.scheduler.addresses import address_of
from jobs.scheduler.head_watch import HeadWatch
from jobs.scheduler.local_ray import (
    ask_for_token,
    end_ray,
    job_config,
    keep_token,
    on_loopback,
    report_nothing,
    session_folder,
    what_to_do,
)
from jobs.scheduler.shutdown import shutdown
from stylize.errors import CannotContinueError, UsageError, message_of
from stylize.measure import hardware

CONNECT_S = 10
"""How long a cluster's address may take to answer."""
Called = tuple[str, ...]
CALLED: Called = ("a worker", "cpus_per_actor", "gpus_per_actor")
"""What messages call those who take CPUs and GPUs, and the settings that say how many, unless the call differs."""
_ray_of_a_run = threading.RLock()
"""Held while a run uses a Ray that it started: another run of this process would lose it when that one ends."""


@contextlib.contextmanager
def local_or_cluster(
    address: str | None,
    cpus: float = 0,
    gpus: float = 0,
    called: Called = CALLED,
    keep_logs: Callable[[], bool] = lambda: False,
) -> Iterator[bool]:
    """Start or join Ray, and leave it at the end, so that what it still prints comes before this job's last lines.

    Yields whether it is a cluster that was there before. If its head is lost, `shutdown` says so and SIGTERM's handler
    is called. The files of a Ray started here are removed at the end, unless an error ended the work or `keep_logs`.
    Raises UsageError where another run of this process uses a Ray that it started, and as `start_ray` does.
    """
    joined = joins_cluster(address)
    with _start_alone() as ours:
        start_ray(address, cpus, gpus, called)
        shared = address_of(address)
        # A Ray Client (ray://) sees the head's port for clients only.
        watched = ours and shared and not shared.startswith("ray://")
        watch = HeadWatch(ray.get_runtime_context().gcs_address) if watched else None
        files, failed = None if joined else session_folder(), True
        try:
            yield joined
            failed = False
        except RayError as error:
            raise CannotContinueError(
                f"Ray stopped working ({message_of(error)}): run the same command again, it resumes"
            ) from error
        finally:
            if not shutdown.ray_is_lost:
                if watch is not None:
                    watch.stop()
                if ours:
                    keep = keep_logs() or (failed and not shutdown.requested)
                    end_ray(None if keep else files)


@contextlib.contextmanager
def _start_alone() -> Iterator[bool]:
    """Yield whether Ray is to be started, which no other run of this process does as long as this lasts."""
    if not _ray_of_a_run.acquire(blocking=False):
        raise UsageError(
            "another run of this process uses the Ray that it started: call one after another, or ray.init() first, "
            "for all to use that"
        )
    ours = not ray.is_initialized()
    if not ours:
        _ray_of_a_run.release()
    try:
        yield ours
    finally:
        if ours:
            _ray_of_a_run.release()


def joins_cluster(address: str | None) -> bool:
    """Return whether a run joins a Ray that is there: one that is named, or one that this process has started."""
    return ray.is_initialized() or address_of(address) is not None


def awaited(address: str | None) -> str:
    """Return a line on what takes seconds, on a busy machine many, before the first worker starts."""
    return "connecting to Ray" if joins_cluster(address) else "starting Ray on this machine"


def start_ray(address: str | None, cpus: float = 0, gpus: float = 0, called: Called = CALLED) -> None:
    """Connect to the cluster that `address`, RAY_ADDRESS or a submitted job names, else start a local one.

    cpus, gpus: what is to have room on one machine. called: as CALLED.
    Raises UsageError if a local Ray has no room for one, as that cannot grow; CannotContinueError if there is none.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    address, ours = address_of(address), not ray.is_initialized()
    try:
        if ours:
            _connect(address, gpus)
    except UnicodeEncodeError:
        raise UsageError(
            "Ray starts under no command line that is not UTF-8: rename the folder, or give a link to it (ln -s)"
        ) from None
    except Exception as error:  # a node that does not start in time is a plain Exception of Ray's
        silent = isinstance(error, (ConnectionRefusedError, TimeoutError, socket.gaierror))
        known = silent or os.environ.get("RAY_AUTH_MODE") == "token"
        hint = "" if known else "; if it asks for a token, set RAY_AUTH_MODE=token"
        what = f"the Ray cluster at {address} cannot be reached" if address else "a local Ray did not start"
        end = hint if address else what_to_do()
        raise CannotContinueError(f"{what}: {message_of(error).rstrip('.')}{end}") from None
    if address is None:
        try:
            check_fits(cpus, gpus, called)
        except UsageError:
            if ours:
                end_ray(session_folder())
            raise


def _connect(address: str | None, gpus: float) -> None:
    """Connect to the cluster at `address`, None: to a Ray that is started. Raises OSError, and what Ray does."""
    _check_reachable(address)
    own: dict[str, Any] = {}
    if address is None:
        own["job_config"] = job_config()
        ask_for_token()
        keep_token()
        report_nothing()
        # Processes that Ray starts in advance are of no use: workers have an environment of their own.
        os.environ.setdefault("RAY_prestart_worker_first_driver", "0")
        os.environ.setdefault("RAY_enable_worker_prestart", "0")
    with keep_sigterm_handler(), contextlib.nullcontext() if address else on_loopback():
        ray.init(
            address=address or "local",
            num_cpus=None if address else hardware.usable_cores(),
            num_gpus=None if address or not gpus else _cards_that_ray_misses(),
            log_to_driver=False,
            logging_level=logging.ERROR,
            include_dashboard=False if address is None else None,
            **own,
        )


def _cards_that_ray_misses() -> int | None:
    """Return how many accelerators of this machine Ray does not find by itself: Apple's; None: it is to look itself."""
    from stylize.machine import devices

    return devices.count() if devices.available() == "mps" else None


@contextlib.contextmanager
def keep_sigterm_handler() -> Iterator[None]:
    """Keep SIGTERM's handler as it was: `ray.init` turns it into `sys.exit(15)`, from its first second on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit:
        signal.signal(signal.SIGTERM, before)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def _check_reachable(address: str | None) -> None:
    """Raise OSError if nothing answers at HOST:PORT within CONNECT_S: Ray itself would try for many minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and host and "/" not in host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()


def totals(free: bool = False) -> str:
    """Return what the cluster has, or what of it is free, for a message."""
    have = ray.available_resources() if free else ray.cluster_resources()
    return f"{have.get('CPU', 0):g} CPU and {have.get('GPU', 0):g} GPU"


def check_room(address: str | None, cpus: float, gpus: float, called: Called = CALLED) -> None:
    """Raise UsageError as `start_ray` would where a local Ray has no room for a worker, without starting one."""
    if address_of(address) is not None:
        return
    if ray.is_initialized():
        check_fits(cpus, gpus, called)
        return
    cores, cards = float(hardware.usable_cores()), 0
    if gpus:
        from stylize.machine import devices

        cards = devices.count()
    if cpus > cores or gpus > cards:
        raise UsageError(_no_room(cpus, gpus, f"{cores:g} CPU and {cards} GPU", called))


def _no_room(cpus: float, gpus: float, there: str, called: Called) -> str:
    wanted, (who, *settings) = f"{cpus:g} CPU and {gpus:g} GPU", called
    return f"no machine here has {wanted} for {who} (there are {there}); lower {' or '.join(settings)}"


def check_fits(cpus: float, gpus: float, called: Called = CALLED) -> None:
    """Raise UsageError if no node of a cluster that cannot grow has room for a worker."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(n.get("CPU", 0) >= cpus and n.get("GPU", 0) >= gpus for n in nodes):
        raise UsageError(_no_room(cpus, gpus, totals(), called))
