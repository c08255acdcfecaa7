"""Which tests need Ray is said by the fixtures they ask for, and no other test can start one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import LONGEST_FIRST, NO_RAY, SLOW
from tests.support.samples import ROOT


def test_a_test_that_asks_for_no_ray_can_start_none() -> None:
    start = "import ray; ray.init('local')"
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert NO_RAY in done.stderr


def test_a_test_that_asks_for_no_ray_is_not_marked(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("ray") is None
    assert os.environ["RAY_TMPDIR"] == NO_RAY


@pytest.fixture
def through_another(own_ray: None) -> None:
    """What module fixtures that start a job do."""


@pytest.mark.usefixtures("through_another")
def test_a_test_whose_fixtures_ask_for_one_is_marked_and_may_start_it(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("ray") is not None
    assert os.environ.get("RAY_TMPDIR") != NO_RAY


def test_the_files_that_begin_or_are_slow_are_there() -> None:
    assert not [name for name in (*LONGEST_FIRST, *SLOW) if not (ROOT / "tests" / name).is_file()]
