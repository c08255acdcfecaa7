"""The Ray that tests of one process share."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import time
from collections.abc import Iterator

import pytest

from jobs.scheduler.worker import UNCALLED_S
from tests.support.forked_workers import forked_workers

SHARED_RAY = contextlib.ExitStack()
"""What ends the Ray of `local_ray`."""


@pytest.fixture(scope="session")
def local_ray() -> Iterator[str]:
    """A Ray of two CPUs for all tests that ask for one; its address."""
    with SHARED_RAY:
        yield SHARED_RAY.enter_context(_ray_of_two_cpus())


@pytest.fixture
def both_cpus(local_ray: str) -> None:
    """Both CPUs of `local_ray` free, else another Ray in its place.

    Ray has kept the CPU of an actor that was killed between getting a process and being made in it: its log says
    "Mismatched ActorID: ignoring KillActor", once in some hundred such kills. Such a worker ends itself in time.
    """
    import ray

    until = time.monotonic() + 2 * UNCALLED_S
    while ray.available_resources().get("CPU", 0) < 2:
        if time.monotonic() > until:
            SHARED_RAY.close()
            SHARED_RAY.enter_context(_ray_of_two_cpus())
            return
        time.sleep(0.1)


@contextlib.contextmanager
def _ray_of_two_cpus() -> Iterator[str]:
    import ray
    from ray._private import parameter

    from jobs.scheduler import local_ray

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Nobody reads what these two processes say, and each takes 0.8 s of a core to start.
    less = functools.partial(parameter.RayParams, include_log_monitor=False, no_monitor=True)  # type: ignore[arg-type]
    with forked_workers(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(parameter, "RayParams", less)
        for tries_left in reversed(range(5)):
            try:
                ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
                break
            except Exception:  # what Ray raises when its parts take over 30 s to start, as beside much other work
                ray.shutdown()
                if not tries_left:
                    raise
        files = local_ray.session_folder()
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()
        local_ray.remove_session(files)
