from __future__ import annotations

import socketserver
import threading
from typing import Any

import pytest
import ray

from jobs.scheduler import ray_runtime
from jobs.scheduler.ray_runtime import HeadWatch, start_ray
from stylize.errors import CannotContinueError, UsageError


def test_a_command_line_that_ray_cannot_take_is_no_fault_of_rays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: "caf\udce9".encode())
    with pytest.raises(UsageError, match="no command line that is not UTF-8: rename the folder"):
        start_ray(None)


@pytest.mark.parametrize("kind", [Exception, RuntimeError, OSError])
def test_a_ray_that_does_not_start_is_one_line(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**options: Any) -> None:
        raise kind("The current node timed out during startup.\nThis could happen because")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(CannotContinueError) as caught:
        start_ray(None)
    said = str(caught.value)
    assert said.startswith("a local Ray cannot be reached or started: The current node timed out during startup. This")
    assert said.endswith(": run the same command again")
    assert "\n" not in said


def test_a_ray_that_does_not_start_where_it_was_sent_names_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**options: Any) -> None:
        raise OSError("AF_UNIX path length cannot exceed 107 bytes")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", "/a/long/place")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(CannotContinueError, match="a short path that may be written, if /a/long/place is none"):
        start_ray(None)


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
