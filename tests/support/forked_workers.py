"""Ray workers as forks of processes that have imported all they need.

Ray starts two interpreters for a worker, one after the other, and each imports Ray; then ours imports torch. That is
3 to 4 s of a core for each worker, and a tenth of that for a fork. Ray reads its settings while it is imported, which
jobs and nodes have of their own: so a process with the other modules is forked for each of them, and imports Ray.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support import ask_for_worker
from tests.support.samples import ROOT

NEEDED = ("stylize.pipeline.runner", "stylize.training.loop", "tests.support.stylizers")
WITH_RAY = (
    "ray._private.workers.default_worker",
    "jobs.scheduler.preflight",
    "jobs.scheduler.worker",
    "jobs.sweep.worker",
)
MOST_BYTES = 200_000


@contextlib.contextmanager
def forks(*needed: str) -> Iterator[str]:
    """Serve Rays that fork their workers, each from a process that has imported NEEDED or `needed`; gives the socket.

    They are imported when the first worker is asked for, as a session without Ray needs none.
    """
    with tempfile.TemporaryDirectory(prefix="forks", dir="/tmp") as folder:
        path = Path(folder, "socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
            listening.bind(str(path))
            listening.listen(128)
            command = [sys.executable, "-m", __name__, str(listening.fileno()), *(needed or NEEDED)]
            # What Ray says to workers of one CPU; torch reads it while it is imported.
            environment = {"OMP_NUM_THREADS": "1", **os.environ}
            server = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, pass_fds=[listening.fileno()]
            )
        try:
            yield str(path)
        finally:
            assert server.stdin is not None
            server.stdin.close()  # what ends it, also when this process is killed
            server.wait()


@contextlib.contextmanager
def forked_workers(*needed: str) -> Iterator[None]:
    """Let a Ray that is started meanwhile fork its workers: by the session's server, where there is one, else its own.

    needed: as `forks` takes them, whose server is another then. Ray goes without its dashboard's process, too: nobody
    asks it anything, and it takes 1.4 s of a core to start.
    """
    from ray._private import ray_constants, services

    if sys.platform != "linux":  # others have no such sockets
        yield
        return
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(services, "start_api_server", lambda *given, **options: (None, None))  # as where it fails
        if needed or ask_for_worker.FORKS not in os.environ:
            patch.setenv(ask_for_worker.FORKS, stack.enter_context(forks(*needed)))
        patch.setattr(ray_constants, "SETUP_WORKER_FILENAME", ask_for_worker.__file__)
        yield


def serve(listening: socket.socket, needed: Sequence[str]) -> list[str] | None:
    """Have workers forked by a process for each Ray, until this one's input ends; return a worker's command in it."""
    rays: dict[tuple[tuple[str, str], ...], socket.socket] = {}
    with selectors.DefaultSelector() as either:
        either.register(listening, selectors.EVENT_READ)
        either.register(0, selectors.EVENT_READ)
        if all(key.fileobj is listening for key, _ in either.select()):
            _import(needed)
        while all(key.fileobj is listening for key, _ in either.select()):
            asking, _ = listening.accept()
            data, fds, _, _ = socket.recv_fds(asking, MOST_BYTES, 2)
            environment = json.loads(data)["environment"]
            settings = tuple(sorted(item for item in environment.items() if item[0].startswith("RAY_")))
            if settings not in rays:
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                if os.fork() == 0:
                    for one in (ours, asking, listening, *rays.values()):
                        one.close()
                    _close(fds)
                    _set(environment)
                    return serve_ray(theirs)
                theirs.close()
                rays[settings] = ours
            socket.send_fds(rays[settings], [data], [*fds, asking.fileno()])
            asking.close()
            _close(fds)
    return None


def serve_ray(channel: socket.socket) -> list[str] | None:
    """Fork for each that asks, until the other end is closed; in a fork, return the worker's command."""
    _import(WITH_RAY)
    while True:
        data, fds, _, _ = socket.recv_fds(channel, MOST_BYTES, 3)
        if not data:
            return None
        if os.fork() == 0:
            channel.close()
            return become(json.loads(data), fds)
        _close(fds)


def become(asked: dict[str, object], fds: Sequence[int]) -> list[str]:
    """Take on what a worker that is started has: its environment, folder, outputs; return its command."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for place, fd in enumerate((nothing, *fds[:2])):
        os.dup2(fd, place)
    os.write(fds[2], b"1")
    _close([nothing, *fds])
    environment, command = asked["environment"], asked["command"]
    assert isinstance(environment, dict)
    assert isinstance(command, list)
    _set(environment)
    os.chdir(str(asked["folder"]))
    return command


def _set(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)


def _import(names: Sequence[str]) -> None:
    for name in names:
        importlib.import_module(name)
    gc.freeze()


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        command = serve(listening, sys.argv[2:])
    if command is not None:
        sys.argv[:] = command
        sys.path[0] = str(Path(command[0]).parent)
        runpy.run_path(command[0], run_name="__main__")
