"""An accelerator that is not there: torch.accelerator answers as if it were one, and nothing can run on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

GIB = 2**30


@dataclass
class Pretended:
    """An accelerator's kind, how many there are, what its allocator says, and which calls came."""

    kind: str = "cuda"
    count: int = 1
    stats: dict[str, int] = field(default_factory=dict)
    total_bytes: int = 16 * GIB
    calls: list[str] = field(default_factory=list)

    def put(self, monkeypatch: pytest.MonkeyPatch) -> Pretended:
        """Let torch see it, until the test is over."""

        def noted(name: str, result: Any = None) -> Any:
            def call(*given: object) -> Any:
                self.calls.append(name)
                return result

            return call

        answers = {
            "current_accelerator": lambda check_available=False: torch.device(self.kind),
            "is_available": lambda: self.count > 0,
            "device_count": lambda: self.count,
            "current_device_index": lambda: 0,
            "memory_stats": lambda device=None: self.stats,
            "get_memory_info": lambda device=None: (self.total_bytes // 2, self.total_bytes),
            "synchronize": noted("synchronize"),
            "empty_cache": noted("empty_cache"),
            "reset_peak_memory_stats": noted("reset_peak_memory_stats"),
        }
        for name, answer in answers.items():
            monkeypatch.setattr(torch.accelerator, name, answer)
        return self


def none_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch see no accelerator."""
    Pretended(count=0).put(monkeypatch)
