"""What a sweep's worker tells of itself."""

from __future__ import annotations

import pytest
import torch

from jobs.sweep.worker import MakeSweeper
from stylize.config import JobConfig
from tests.support.accelerators import Pretended, none_here


@pytest.mark.parametrize(("gpus", "device"), [(1.0, "auto"), (0.5, "cuda"), (0.0, "auto"), (1.0, "cpu")])
def test_a_sweeps_record_names_the_card_and_its_software(
    gpus: float, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    Pretended().put(monkeypatch)
    config = JobConfig(content="c", styles="s", out="o", gpus_per_actor=gpus, device=device)  # type: ignore[arg-type]
    told = MakeSweeper({"v": config}, "run", None)("worker-1").accelerator
    if gpus and device != "cpu":
        assert (told["device"], told["torch"], told["tf32"]) == ("cuda:0", torch.__version__, False)
    else:
        assert told is None


def test_a_sweep_that_finds_no_card_starts_and_leaves_it_to_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    none_here(monkeypatch)
    config = JobConfig(content="c", styles="s", out="o", gpus_per_actor=1.0)
    assert MakeSweeper({"v": config}, "run", None)("worker-1").accelerator is None
