"""Runs on a pretended accelerator, whose work is the CPU's."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch

from stylize.machine import devices
from stylize.stylizers.base import Settings
from stylize.stylizers.identity import Identity
from tests.support.accelerators import Pretended


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    """The CPU, taken for an accelerator."""
    monkeypatch.setattr(devices, "is_accelerator", lambda device: True)
    return Pretended().put(monkeypatch)


class Recorded(Identity):
    """Keeps the threads that call it."""

    def __init__(self) -> None:
        super().__init__(Settings(), device="cpu")
        self.threads: list[int] = []

    def stylize(self, content: torch.Tensor, code: Any) -> torch.Tensor:
        self.threads.append(threading.get_ident())
        return content
