from __future__ import annotations

import socketserver
import threading
from typing import Any

import pytest
import ray

from jobs.scheduler import ray_runtime
from jobs.scheduler.ray_runtime import HeadWatch, start_ray
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


def test_a_head_that_closes_each_connection_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_runtime, "HEAD_SILENT_S", 0.2)
    monkeypatch.setattr(ray_runtime, "PROBE_S", 0.4)
    accepted: list[str] = []

    class Closes(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            accepted.append("one")

    with socketserver.TCPServer(("127.0.0.1", 0), Closes) as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        watch = HeadWatch.__new__(HeadWatch)
        watch._address, watch._stopped = server.server_address, threading.Event()  # type: ignore[assignment]
        how = watch._wait_for_loss()
        server.shutdown()
    assert how == "has not answered for 0 s"
    assert len(accepted) < 100
