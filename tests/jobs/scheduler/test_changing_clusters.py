"""The scheduler on a cluster of several nodes that come and go, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support.samples import ROOT

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def seen(own_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    environment = {**os.environ, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "PYTHONWARNINGS": "ignore"}
    file = tmp_path_factory.mktemp("cluster") / "bad"
    command = [sys.executable, "-m", "tests.support.changing_cluster", str(file)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_machines_that_join_later_are_used(seen: Any) -> None:
    assert seen["changed"]["workers"] == ["worker-1", "worker-2"]


def test_a_lost_node_makes_no_task_suspicious(seen: Any) -> None:
    changed = seen["changed"]
    assert changed["rows"] == changed["keys"] > 1
    assert (changed["statuses"], changed["attempts"]) == (["ok"], 2)
    notes = " ".join(changed["notes"])
    assert "is lost with its node; its tasks go to other workers" in notes
    assert "one by one" not in notes


@pytest.mark.parametrize("actors", [None, 2])
def test_a_node_that_cannot_do_the_work_takes_no_good_node_s_place(seen: Any, actors: int | None) -> None:
    note = "this node does not see CONTENT's photo.jpg; going on without this node"
    assert seen["unfit"][str(actors)] == {"workers": 2, "on the good ones": True, "note": note}
