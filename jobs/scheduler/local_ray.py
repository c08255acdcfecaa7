"""A Ray of a run's own: it is reached from this machine alone, and its files go when the run is over."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import ray
from ray._private import ray_constants
from ray.job_config import JobConfig

from jobs.progress.log_format import logs_folder
from stylize.errors import one_line
from stylize.io.location import absolute

TOKENS_FROM = (2, 60)
"""The version of Ray that asks for a token by default."""
REMOVAL_S = 5.0
"""How long Ray's last processes may still write while the folder is removed."""


@contextlib.contextmanager
def on_loopback() -> Iterator[None]:
    """Let a Ray that is started now listen on the loopback address alone.

    This is what RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 says. Ray reads that while it is imported, when nobody knows yet
    whether the run joins a cluster, to which it must show another address. Other processes of this machine cannot join
    such a Ray unless they have that variable, too.
    """
    with_clusters = getattr(ray_constants, "ENABLE_RAY_CLUSTER", True)
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = with_clusters


def ask_for_token() -> None:
    """Let a Ray that is started now ask for a token, which Ray makes in the user's home, unless RAY_AUTH_MODE says how.

    From 2.60 on Ray does so itself.
    """
    version = tuple(int(number) for number in ray.__version__.split(".")[:2])
    if version >= TOKENS_FROM or "RAY_AUTH_MODE" in os.environ:
        return
    from ray._raylet import Config  # type: ignore[attr-defined]

    os.environ["RAY_AUTH_MODE"] = "token"
    Config.initialize("")  # this process has read the environment already


def keep_token() -> None:
    """Give a Ray that is started now a token for as long as this process lives, where it can keep none in a home."""
    given = any(name in os.environ for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    if given or os.environ.get("RAY_AUTH_MODE", "token").lower() != "token":
        return
    try:
        folder = Path.home() / ".ray"
        if not (folder / "auth_token").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(4096))
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def report_nothing() -> None:
    """Let a Ray that is started now send no reports of its use, unless RAY_USAGE_STATS_ENABLED says how."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


class _DriversFolders(list[str]):
    """Folders that workers look into for modules before all others: those alone from which this process imports."""

    def extend(self, folders: Iterable[str]) -> None:
        here = {absolute(Path(folder)) for folder in sys.path}
        super().extend(folder for folder in folders if absolute(Path(folder)) in here)


def job_config() -> JobConfig:
    """Return what a Ray that is started now is told of the job: its workers import from where this process does.

    Ray has them look into the current folder first, where a command like `stylize-folder` itself does not look: a
    stylize.py or types.py of the user's would take a module's place.
    """
    config = JobConfig()
    config._py_driver_sys_path = _DriversFolders()
    return config


def what_to_do() -> str:
    """Return the end of the line about a Ray that did not start."""
    if (folder := os.environ.get("RAY_TMPDIR")) is None:
        return ": run the same command again"
    return (
        f": give RAY_TMPDIR a short path that may be written, if {one_line(folder)} is none, and run the command again"
    )


def session_folder() -> Path | None:
    """Return the folder of the Ray that this process is connected to, with its logs and sockets."""
    logs = logs_folder()
    return logs and logs.parent


def end_ray(files: Path | None) -> None:
    """End this process's connection to Ray, and the Ray that it started, then remove its folder where one is given.

    A signal waits for Ray's end: cut off in its middle, Ray ends this process in its turn, with status 1.
    """
    with _signals_wait():
        ray.shutdown()
        remove_session(files)


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Let the handler of a signal that comes meanwhile be called only afterwards. Does so in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}
    for number in before:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def remove_session(folder: Path | None) -> None:
    """Remove the folder of a Ray that has ended, and the link `session_latest` if it leads there."""
    if folder is None:
        return
    end = time.monotonic() + REMOVAL_S
    while folder.exists() and time.monotonic() < end:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)
    latest = folder.parent / "session_latest"
    with contextlib.suppress(OSError):
        if latest.readlink().name == folder.name:
            latest.unlink()
