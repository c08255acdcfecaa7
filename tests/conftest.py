"""Images and folders that several tests use."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stylize import images
from tests.support.samples import picture

# Ray's workers have niceness 15, a thirtieth of the time of what runs beside them: with three files of tests at once on
# two cores, a task of a tenth of a second took longer than limits of several.
os.environ.setdefault("RAY_worker_niceness", "0")
# OpenMP's threads spin while they wait for each other, and with three files at once for one that has no core: tests
# of stylizers took 92 to 100 s, and 31 to 33 s when they sleep instead. To be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """CONTENT with two types of two photos each, STYLES with two types of one artwork each."""
    names = ("content/day/a.jpg", "content/day/b.png", "content/night/a.jpg", "content/night/c d.jpg")
    for seed, name in enumerate((*names, "styles/ink/wash.jpg", "styles/oil/sea.jpg")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(images.encode(picture(seed), path.suffix[1:], 95))
    return tmp_path / "content", tmp_path / "styles"


@pytest.fixture(scope="session")
def local_ray() -> Iterator[str]:
    """A Ray of two CPUs for the whole session; its address."""
    import ray

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real photos and weights that some checks need; skips where there is none."""
    found = os.environ.get("STYLIZE_TEST_DATA")
    if not found or not Path(found).is_dir():
        pytest.skip("STYLIZE_TEST_DATA names no folder with real photos and weights")
    return Path(found)
