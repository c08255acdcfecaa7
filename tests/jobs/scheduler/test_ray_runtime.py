from __future__ import annotations

from typing import Any

import pytest
import ray

from jobs.scheduler.ray_runtime import start_ray
from stylize.errors import CannotContinueError


@pytest.mark.parametrize("kind", [Exception, RuntimeError, OSError])
def test_a_ray_that_does_not_start_is_one_line(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**options: Any) -> None:
        raise kind("The current node timed out during startup.\nThis could happen because")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(CannotContinueError) as caught:
        start_ray(None)
    said = str(caught.value)
    assert said.startswith("a local Ray cannot be reached or started: The current node timed out during startup. This")
    assert "\n" not in said
