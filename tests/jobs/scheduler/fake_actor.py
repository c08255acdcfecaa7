"""An actor that does nothing, for tests without Ray."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class FakeMethod:
    """A method of a fake actor: keeps what it was called with, and returns a name for each call."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def remote(self, *given: Any) -> str:
        """Take a call."""
        self.calls.append(given)
        return f"call {len(self.calls)}"


@dataclass
class FakeActor:
    """As Ray's handle of a Worker."""

    run: FakeMethod = field(default_factory=FakeMethod)
    ping: FakeMethod = field(default_factory=FakeMethod)
