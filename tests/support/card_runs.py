"""Runs on a pretended accelerator, whose work is the CPU's."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from stylize import config as configs
from stylize.machine import devices
from stylize.pipeline.runner import Runner
from stylize.stylizers.base import Settings
from stylize.stylizers.identity import Identity
from stylize.tasks import pairing
from stylize.tasks.task import Task
from tests.support.accelerators import Pretended


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    """The CPU, taken for an accelerator."""
    monkeypatch.setattr(devices, "is_accelerator", lambda device: True)
    return Pretended().put(monkeypatch)


def make(folders: tuple[Path, Path], out: Path, stylizer: Any, **more: Any) -> tuple[Runner, list[Task]]:
    values = {
        "content": str(folders[0]),
        "styles": str(folders[1]),
        "out": str(out),
        "format": "png",
        "stylizer": "identity",
    }
    config = configs.build(values | more)
    runner = Runner(config, stylizer, run_id="r", worker_id="w", token=None)
    return runner, list(pairing.tasks(pairing.pairs(config), config.result_settings(), None, config.format))


class Recorded(Identity):
    """Keeps the threads that call it."""

    def __init__(self) -> None:
        super().__init__(Settings(), device="cpu")
        self.threads: list[int] = []

    def stylize(self, content: torch.Tensor, code: Any) -> torch.Tensor:
        self.threads.append(threading.get_ident())
        return content
