"""What it takes to find that there is nothing to do: a part of `python -m tools.bench.scale`."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jobs.progress.stats import RunStats
from jobs.run.resume import Resume
from stylize import config as configs
from stylize.config import JobConfig
from stylize.measure.memory import PeakMemory
from stylize.results.schema import to_batch
from stylize.results.store import RowStore
from tools.bench.fake_worker import null_row
from tools.bench.inputs import job_tasks

AT_ONCE = 5000


def measure(rows: int) -> dict[str, Any]:
    """Write `rows` finished rows of real, empty files, then take the run up in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        count = make_inputs(root, rows)
        write_s = write(root)
        measured = in_own_process("--take-up", str(root))
        command_s, told = _command(root)
    if measured["left"] or measured["kept"] != count or f"all {count} tasks" not in told:
        raise RuntimeError(f"{measured} of {count} rows: {told}")
    times = {name: measured[name] for name in ("open_s", "finished_s", "pass_s", "peak_bytes")}
    return {"rows": count, "write_s": write_s} | times | {"command_s": command_s}


def make_inputs(root: Path, rows: int) -> int:
    """Make at least `rows` pairs of empty files, as square as can be; return how many."""
    styles = math.isqrt(rows)
    contents = math.ceil(rows / styles)
    for folder, count in (("content", contents), ("styles", styles)):
        (root / folder).mkdir()
        for number in range(count):
            (root / folder / f"{number:06d}.jpg").touch()
    return contents * styles


def config(root: Path) -> JobConfig:
    """Return a job of these inputs."""
    words = {"content": root / "content", "styles": root / "styles", "out": root / "out"}
    return configs.build({name: str(path) for name, path in words.items()} | {"stylizer": "identity"})


def write(root: Path) -> float:
    """Write a row for every task, by the store that a job writes with; return the seconds it took."""
    start = time.perf_counter()
    tasks = job_tasks(config(root))
    with RowStore.open(root / "out") as store:
        while some := list(itertools.islice(tasks, AT_ONCE)):
            store.add(to_batch([null_row(task) for task in some]))
    return time.perf_counter() - start


def resume(root: Path) -> dict[str, float]:
    """Do a job's steps up to its first new task, each timed; the pass lists every pair anew."""
    made, peak = config(root), PeakMemory()
    peak.start()
    times = [time.perf_counter()]
    with RowStore.open(root / "out") as store:
        times.append(time.perf_counter())
        failed, done = list(store.replaceable()), store.finished(False)
        times.append(time.perf_counter())
        stats = RunStats(len(done))
        left = sum(1 for _ in Resume(done, failed, stats, made).pending(job_tasks(made)))
        times.append(time.perf_counter())
    names = ("open_s", "finished_s", "pass_s")
    spent = {name: b - a for name, (a, b) in zip(names, itertools.pairwise(times), strict=True)}
    return spent | {"left": left, "kept": stats.kept, "peak_bytes": peak.stop().host_peak_rss_bytes or math.nan}


def in_own_process(*words: str) -> dict[str, Any]:
    """Return what scale prints as JSON in its last line, in a process that has done nothing before."""
    measured: dict[str, Any] = json.loads(_run("tools.bench.scale", *words).splitlines()[-1])
    return measured


def _command(root: Path) -> tuple[float, str]:
    """Return seconds that the whole command takes, and what it says."""
    folders = [str(root / name) for name in ("content", "styles", "out")]
    start = time.perf_counter()
    told = _run("jobs.stylize_folder", *folders, "--stylizer", "identity")
    return time.perf_counter() - start, told


def _run(module: str, *words: str) -> str:
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{module} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout
