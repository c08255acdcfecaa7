"""What a Ray of a run's own shows to others, and what it leaves on the disk."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray

from jobs.run.signals import handle_signals
from jobs.scheduler import ray_runtime
from jobs.scheduler.local_ray import ask_for_token, job_config, keep_token, remove_session
from jobs.scheduler.ray_runtime import local_or_cluster
from jobs.scheduler.shutdown import shutdown
from stylize.errors import CannotContinueError, UsageError
from tests.support.main_job import descendants, plain, start, wait_for

LISTENS = "0A"


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where Ray puts its sessions: a short path, as sockets lie there."""
    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def listening(pids: list[int]) -> set[str]:
    """The addresses on which processes wait for TCP connections."""
    sockets = set()
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                sockets.add(str(entry.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == LISTENS and f"socket:[{rest[5]}]" in sockets:
                found.add(local.partition(":")[0])
    return found


def address(shown: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address that /proc shows in words of four bytes, each turned round."""
    words = [bytes.fromhex(shown[start : start + 8])[::-1] for start in range(0, len(shown), 8)]
    found = ipaddress.ip_address(b"".join(words))
    return getattr(found, "ipv4_mapped", None) or found


def test_a_local_run_listens_on_loopback_alone_and_ctrl_c_leaves_no_files(
    own_ray: None, sessions: Path, tmp_path: Path
) -> None:
    plain(tmp_path / "content" / "a.png", (1, 2, 3))
    plain(tmp_path / "styles" / "s.png", (1, 2, 3))
    (sessions / "ray" / "session_of_another").mkdir(parents=True)
    slow = ("--stylizer", "tests.support.stylizers:Slow", "--set", "seconds=600", "--actors", 1)
    driver = start(tmp_path / "content", tmp_path / "styles", tmp_path / "out", *slow)
    wait_for(lambda: any("ray::Worker.run" in title for _, title in descendants(driver.pid)), driver)
    found = {address(shown) for shown in listening([driver.pid, *(pid for pid, _ in descendants(driver.pid))])}
    driver.send_signal(signal.SIGINT)
    _, complaint = driver.communicate(timeout=240)
    assert driver.returncode == 130, complaint
    assert found
    assert all(one.is_loopback for one in found), found
    assert [path.name for path in (sessions / "ray").iterdir()] == ["session_of_another"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_waits_for_rays_end(session: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    ended = []

    def end() -> None:
        os.kill(os.getpid(), number)
        time.sleep(0)
        ended.append(session.exists())

    monkeypatch.setattr(ray, "shutdown", end)
    with pytest.raises(KeyboardInterrupt), handle_signals(), local_or_cluster(None):
        pass
    assert ended == [True]
    assert not session.exists()


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a Ray that is only said to be there."""
    folder = tmp_path / "session_1"
    (folder / "logs").mkdir(parents=True)
    (tmp_path / "session_latest").symlink_to(folder)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray_runtime, "start_ray", lambda *given: None)
    monkeypatch.setattr(ray_runtime, "session_folder", lambda: folder)
    return folder


def test_a_run_without_failures_leaves_nothing_of_its_ray(session: Path) -> None:
    with local_or_cluster(None):
        assert session.exists()
    assert list(session.parent.iterdir()) == []


def test_logs_stay_for_rows_that_failed_and_work_that_broke_off(session: Path) -> None:
    with local_or_cluster(None, keep_logs=lambda: True):
        pass
    with pytest.raises(CannotContinueError), local_or_cluster(None):
        raise CannotContinueError("no worker loads")
    assert (session / "logs").is_dir()


def test_logs_of_an_interrupted_run_go_unless_a_row_failed(session: Path) -> None:
    shutdown.request()
    try:
        for keeps in (True, False):
            with pytest.raises(KeyboardInterrupt), local_or_cluster(None, keep_logs=partial(bool, keeps)):
                raise KeyboardInterrupt
            assert session.exists() == keeps
    finally:
        shutdown.withdraw()


def test_a_ray_that_was_there_keeps_its_files(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    with local_or_cluster(None):
        pass
    assert session.exists()


@pytest.mark.parametrize("there", [False, True])
def test_a_ray_of_a_run_is_no_other_threads(session: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    def start() -> bool:
        with local_or_cluster(None):
            return True

    with ThreadPoolExecutor(1) as other:
        monkeypatch.setattr(ray, "is_initialized", lambda: there)
        with local_or_cluster(None):
            monkeypatch.setattr(ray, "is_initialized", lambda: True)
            run = other.submit(start)
            if there:
                assert run.result()
            else:
                with pytest.raises(UsageError, match="another run of this process uses the Ray that it started"):
                    run.result()
        assert other.submit(start).result()


def test_the_link_to_another_latest_session_stays(tmp_path: Path) -> None:
    for name in ("session_1", "session_2"):
        (tmp_path / name).mkdir()
    (tmp_path / "session_latest").symlink_to(tmp_path / "session_2")
    remove_session(tmp_path / "session_1")
    remove_session(None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["session_2", "session_latest"]


@pytest.mark.parametrize(
    ("address", "given", "seen"),
    [(None, None, [False, "0"]), (None, "1", [False, "1"]), ("192.0.2.1:6379", None, [True, None])],
)
def test_a_ray_of_a_run_is_on_loopback_and_sends_no_reports_unless_told_to_and_a_cluster_stays_as_it_is(
    address: str | None, given: str | None, seen: list[bool | str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray._private import ray_constants

    started: list[bool | str | None] = []

    def init(**options: Any) -> None:
        started.extend([ray_constants.ENABLE_RAY_CLUSTER, os.environ.get("RAY_USAGE_STATS_ENABLED")])
        raise OSError("no")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", given or "")
    if given is None:
        monkeypatch.delenv("RAY_USAGE_STATS_ENABLED")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray_runtime, "_check_reachable", lambda address: None)
    with pytest.raises(CannotContinueError):
        ray_runtime.start_ray(address)
    assert started == seen
    assert ray_constants.ENABLE_RAY_CLUSTER


@pytest.mark.parametrize(
    ("version", "given", "mode"),
    [("2.58.1", None, "token"), ("2.58.1", "disabled", "disabled"), ("2.60.0", None, None), ("3.0.0.dev0", None, None)],
)
def test_a_ray_that_asks_for_no_token_by_itself_is_told_to(
    version: str, given: str | None, mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Config:
        initialize = staticmethod(lambda text: None)

    monkeypatch.setattr("ray._raylet.Config", Config)
    monkeypatch.setattr(ray, "__version__", version)
    monkeypatch.setenv("RAY_AUTH_MODE", given or "")
    if given is None:
        monkeypatch.delenv("RAY_AUTH_MODE")
    ask_for_token()
    assert os.environ.get("RAY_AUTH_MODE") == mode


@pytest.mark.parametrize("looks_there", [True, False])
def test_workers_import_from_the_current_folder_only_where_the_driver_does(
    looks_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["" if looks_there else "/usr/bin", *(one for one in sys.path if one)])
    folders = job_config()._py_driver_sys_path
    folders.extend(["/usr/bin", str(tmp_path)])  # as Ray does, the folder of the script first
    assert folders == [str(tmp_path) if looks_there else "/usr/bin"]


@pytest.mark.parametrize(
    ("home", "given", "made"),
    [
        ("/dev/null", {}, True),
        ("/dev/null", {"RAY_AUTH_MODE": "disabled"}, False),
        ("/dev/null", {"RAY_AUTH_TOKEN_PATH": "/mine"}, False),
        ("", {}, False),
    ],
)
def test_a_home_that_can_keep_no_token_is_none_to_need(
    home: str, given: dict[str, str], made: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")  # set, so that it is put back in the end
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", home or str(tmp_path))
    keep_token()
    assert len(os.environ.get("RAY_AUTH_TOKEN", "")) == (64 if made else 0)
