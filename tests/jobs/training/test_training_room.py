"""What each of Ray Train's workers takes, on machines of several kinds, and what tells how far they are."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.training.ray_train import scaling
from stylize.errors import UsageError
from stylize.training.config import TrainConfig
from stylize.training.status import TrainStatus


def takes(monkeypatch: pytest.MonkeyPatch, nodes: list[tuple[int, int]], **given: Any) -> tuple[bool, int]:
    """Whether each worker takes a GPU, and how many CPUs; `nodes` have CPUs and GPUs."""
    there = [{"Alive": True, "Resources": {"CPU": float(cpus), "GPU": float(gpus)}} for cpus, gpus in nodes]
    monkeypatch.setattr("ray.nodes", lambda: there)
    found = scaling(TrainConfig(photos=Path("p"), styles=Path("s"), out=Path("o"), **given))
    return found["use_gpu"], found["resources_per_worker"]["CPU"]


@pytest.mark.parametrize(
    ("nodes", "workers", "expected"),
    [
        ([(8, 0)], 1, (False, 8)),
        ([(8, 0)], 2, (False, 4)),
        ([(8, 0), (4, 0)], 2, (False, 4)),
        ([(8, 0), (2, 0)], 2, (False, 4)),  # both on the larger one, rather than 2 each
        ([(16, 2)], 1, (True, 8)),
        ([(16, 2), (4, 1)], 2, (True, 8)),
        ([(16, 2), (4, 1)], 3, (True, 4)),  # what the smaller machine has for its card
        ([(64, 0), (4, 1)], 1, (True, 4)),
        ([(16, 1), (8, 4)], 5, (True, 2)),
    ],
)
def test_workers_take_the_most_cpus_that_all_find_room_for(
    nodes: list[tuple[int, int]], workers: int, expected: tuple[bool, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert takes(monkeypatch, nodes, workers=workers) == expected


def test_workers_without_room_are_a_wrong_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="3 workers on GPUs: there is room for 2; lower workers or set --device cpu"):
        takes(monkeypatch, [(16, 2)], workers=3, device="cuda")
    with pytest.raises(UsageError, match="no room for 2 workers of 12 CPU and a GPU"):
        takes(monkeypatch, [(16, 2)], workers=2, cpus_per_worker=12)
    with pytest.raises(UsageError, match="no room for 3 workers of 1 CPU"):
        takes(monkeypatch, [(2, 0)], workers=3)


def test_what_holds_the_status_for_the_driver_loads_no_torch() -> None:
    from stylize.training.loop import _status

    status = _status([{"step": 3.0, "step_s": 0.5, "wait_s": 0.1, "images": 2.0, "loss": 1.5}])
    assert isinstance(status, TrainStatus)
    packed = pickle.dumps(status)
    code = f"""if True:
        import pickle, sys
        from jobs.training.ray_train import StatusActor
        actor = StatusActor()
        actor.write(pickle.loads({packed!r}))
        assert actor.read().step == 3
        sys.exit("torch is loaded" if "torch" in sys.modules else 0)
    """
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
