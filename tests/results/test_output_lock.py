from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stylize.errors import CannotContinueError
from stylize.io.files import Folder
from stylize.results import output_lock
from stylize.results.output_lock import TOKEN, Fence, OutputLock


def still_current(out: Path, token: str) -> bool:
    """Whether a worker of the driver with this token may still write."""
    try:
        Fence(Folder(str(out)), token)()
    except CannotContinueError:
        return False
    return True


HOLDER = """
import os, subprocess, sys, time
from pathlib import Path
from stylize.results.output_lock import OutputLock
lock = OutputLock(Path(sys.argv[1])).__enter__()
child = subprocess.Popen(["sleep", "60"], close_fds=False)  # a worker, started carelessly
if os.fork() == 0:
    print(child.pid, os.getpid(), flush=True)
time.sleep(60)
"""


def test_a_second_driver_is_refused_with_one_line_that_names_the_first(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with OutputLock(out) as held:
        with pytest.raises(CannotContinueError) as caught, OutputLock(out):
            pass
        line = str(caught.value)
        assert len(line.splitlines()) == 1
        for part in (str(out), f"pid {os.getpid()} on {socket.gethostname()}, since 20"):
            assert part in line
        assert still_current(out, held.token)  # the refused one left the token alone


@pytest.mark.parametrize(
    "told", ["[" * 4000, '{"pid": 1}', "[]", "7", "\udcff"], ids=["deep", "short", "list", "number", "bytes"]
)
def test_a_lock_that_says_anything_is_one_line(tmp_path: Path, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_lock, "_GRACE_S", 0.01)
    with OutputLock(tmp_path):
        (tmp_path / ".lock").write_text(told, errors="surrogateescape")
        with pytest.raises(CannotContinueError, match="is in use by another run: wait"), OutputLock(tmp_path):
            pass


def test_a_disk_that_goes_away_hides_no_earlier_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    close = os.close

    def gone(descriptor: int) -> None:
        close(descriptor)
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    def end() -> None:
        with OutputLock(tmp_path / "out"):
            monkeypatch.setattr(os, "close", gone)
            raise CannotContinueError("no rows")

    with pytest.raises(CannotContinueError, match="no rows"):
        end()
    monkeypatch.undo()
    with OutputLock(tmp_path / "out"):
        pass


def test_each_driver_has_its_own_token(tmp_path: Path) -> None:
    assert not still_current(tmp_path, "")
    with OutputLock(tmp_path) as first:
        assert still_current(tmp_path, first.token)
    assert still_current(tmp_path, first.token)  # until another takes over
    with OutputLock(tmp_path) as second:
        assert not still_current(tmp_path, first.token)
        assert (tmp_path / TOKEN).read_text() == second.token


def test_a_killed_driver_holds_nothing_though_its_children_live(tmp_path: Path) -> None:
    code = [sys.executable, "-W", "error", "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(code, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        children = [int(pid) for pid in driver.stdout.readline().split()]
        try:
            with pytest.raises(CannotContinueError, match=f"pid {driver.pid} "), OutputLock(tmp_path):
                pass
            driver.kill()
            driver.wait()
            for pid in children:
                os.kill(pid, 0)  # still there
            with OutputLock(tmp_path):
                pass
        finally:
            driver.kill()
            for pid in children:
                os.kill(pid, signal.SIGKILL)


def test_an_out_that_is_a_file_is_refused_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    for out in (tmp_path / "out", tmp_path / "out" / "below"):
        with pytest.raises(CannotContinueError, match="is no folder"), OutputLock(out):
            pass
