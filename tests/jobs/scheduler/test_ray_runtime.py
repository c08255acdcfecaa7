from __future__ import annotations

from typing import Any

import pytest
import ray

from jobs.scheduler.ray_runtime import start_ray
from stylize.errors import CannotContinueError, UsageError


@pytest.mark.parametrize(
    ("error", "folder", "kind", "said"),
    [
        (Exception("It timed out.\nThis could."), None, CannotContinueError, "It timed out. This could: run the same"),
        (OSError("AF_UNIX"), "/a/long", CannotContinueError, "AF_UNIX: .* short path .*, if /a/long is none, and run"),
        (
            UnicodeEncodeError("utf-8", "\udce9", 0, 1, "no"),
            None,
            UsageError,
            "no command line that is not UTF-8: rena",
        ),
    ],
)
def test_a_ray_that_does_not_start_is_one_line_that_says_what_to_do(
    error: Exception, folder: str | None, kind: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**options: Any) -> None:
        raise error

    for name in ("RAY_ADDRESS", "RAY_TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    if folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(kind, match=said) as caught:
        start_ray(None)
    assert "\n" not in str(caught.value)
    assert ".:" not in str(caught.value)
    assert str(caught.value).startswith("a local Ray did not start: ") == (kind is CannotContinueError)
