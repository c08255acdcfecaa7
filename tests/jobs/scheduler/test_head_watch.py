from __future__ import annotations

import socketserver
import threading
import time

import pytest

from jobs.scheduler import head_watch
from jobs.scheduler.head_watch import HeadWatch
from jobs.scheduler.shutdown import Shutdown


def test_a_run_that_hangs_is_ended_before_a_restarted_head_answers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_watch, "shutdown", shutdown := Shutdown())
    watch = HeadWatch.__new__(HeadWatch)
    watch._stopped = threading.Event()
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        watch._address = server.server_address  # type: ignore[assignment]
        begin = time.monotonic()
        assert watch._outlasts()
        assert time.monotonic() - begin < head_watch.END_S
        monkeypatch.setattr(head_watch, "END_S", 0.3)
        shutdown.message_passed_on = True
        begin = time.monotonic()
        assert watch._outlasts()
        assert time.monotonic() - begin >= 0.3
    watch.stop()
    assert not watch._outlasts()


def test_a_head_that_closes_each_connection_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_watch, "HEAD_SILENT_S", 0.2)
    monkeypatch.setattr(head_watch, "PROBE_S", 0.4)
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
