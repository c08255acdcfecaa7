"""The main job as a person runs it, and what it left behind."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from stylize import cli
from tests.support.samples import ROOT

LIMIT_S = 400


def command(*words: object) -> list[str]:
    """The command line of the main job."""
    return [sys.executable, "-m", "jobs.stylize_folder", *map(str, words)]


def environment() -> dict[str, str]:
    """This process's, as it is now: a Ray started here has put its authentication mode into it."""
    return {**os.environ, "PYTHONWARNINGS": "ignore"}


def job(*words: object, prefix: tuple[str, ...] = (), worker_here: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the main job to its end; with a worker in its own process, if asked (see `worker_here`)."""
    given = command(*words)
    if worker_here:
        given.insert(given.index("jobs.stylize_folder"), "tests.support.worker_here")
    return subprocess.run(
        [*prefix, *given], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=LIMIT_S
    )


def call(main: Callable[[Sequence[str]], int], *words: object) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, to the exit status it would end with."""
    told, complaint, call = io.StringIO(), io.StringIO(), ["command", *map(str, words)]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(told), redirect_stderr(complaint):
        patch.setattr(sys, "argv", call)
        with pytest.raises(SystemExit) as end:
            cli.run(main)
    assert isinstance(end.value.code, int)
    return subprocess.CompletedProcess(call, end.value.code, told.getvalue(), complaint.getvalue())


def refused(main: Callable[[Sequence[str]], int], *words: object) -> str:
    """Return the one line that a wrong call of a command ends with."""
    done = call(main, *words)
    assert (done.returncode, len(done.stderr.splitlines()), done.stdout) == (2, 1, ""), done.stderr
    return done.stderr


def job_here(address: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run the main job in this process on the Ray at `address`, with one worker unless `words` say another number.

    For what is not about processes: a Ray of its own takes 5 s of a core, the command's start 3, each worker 3.
    """
    from jobs.stylize_folder import main

    return call(main, "--address", address, "--actors", 1, *words)


def start(*words: object) -> subprocess.Popen[str]:
    """Start the main job."""
    pipe = subprocess.PIPE
    return subprocess.Popen(command(*words), cwd=ROOT, env=environment(), stdout=pipe, stderr=pipe, text=True)


def wait_for(ready: object, driver: subprocess.Popen[str], limit_s: float = 240) -> None:
    """Until `ready()`, as long as the driver lives."""
    assert callable(ready)
    deadline = time.monotonic() + limit_s
    while not ready() and driver.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def fork_job(*words: object) -> BaseProcess:
    """Start the main job, silent, in a fork of a process that has imported all it needs: 2 s of a core less a start."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["jobs.stylize_folder", "torch"])
    process = context.Process(target=_forked, args=(command(*words)[2:],))
    process.start()
    return process


def _forked(words: list[str]) -> None:
    from jobs.stylize_folder import entry

    sys.argv = words
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        entry()


def rows(out: Path) -> pd.DataFrame:
    """All rows, read the way the README says."""
    frame = pd.read_parquet(out / "rows")
    assert frame["task_id"].is_unique
    return frame


def by_name(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Rows by the photo's file name."""
    return {Path(row["content_uri"]).name: row for row in frame.to_dict("records")}


def events(printed: str) -> list[dict[str, Any]]:
    """The lines that `--progress json` prints: every line of standard output."""
    return [json.loads(line, parse_constant=_refuse) for line in printed.splitlines()]


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def plain(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (64, 64)) -> None:
    """An image of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def stamps(out: Path) -> dict[str, tuple[int, int]]:
    """What changes when an image is written again: its inode and time."""
    found = {}
    for path in (out / "images").rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            found[str(path)] = (path.stat().st_ino, path.stat().st_mtime_ns)
    return found


def without_root() -> tuple[str, ...] | None:
    """What to put before a command so that file permissions count, also for root; None where that cannot be had."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        return None
    caps = "-dac_override,-dac_read_search"
    words = ("setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}")
    return words if subprocess.run([*words, "true"], capture_output=True).returncode == 0 else None


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    """Process ids and titles of all processes below `pid`."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    waiting = list(children.get(pid, ()))
    while waiting:
        one = waiting.pop()
        waiting += children.get(one, ())
        try:
            yield one, Path(f"/proc/{one}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue


def workers(titled: str) -> list[int]:
    """Process ids of the workers with this in their title of the Ray that this process is connected to.

    Ray writes what they print into its session's folder. Other Rays' may be forks of the same process.
    """
    from jobs.scheduler.local_ray import session_folder

    found, session = [], session_folder() or "/dev/null"
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            named = entry.name.isdigit() and titled in (entry / "cmdline").read_text(errors="replace")
            if named and (entry / "fd" / "1").readlink().is_relative_to(session):
                found.append(int(entry.name))
    return found


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
