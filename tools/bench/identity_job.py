"""One checkout's side of `python -m tools.bench.cost`: a job of `identity`, turn by turn, or its images one by one.

Run as a file with the checkout to measure on PYTHONPATH, so that it may use only what both checkouts have. Each line on
its standard input is a turn, which it answers with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from jobs.run.resolve import ResolvedConfig, resolve, scheduler_options
from jobs.scheduler.ray_runtime import local_or_cluster
from jobs.scheduler.scheduler import Scheduler
from jobs.scheduler.worker import WORKER_ENV, MakeRunner
from stylize.results.store import RowStore
from stylize.tasks import pairing
from stylize.tasks.task import Task
from tools.bench.fake_worker import lost, run_tasks

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Answer turns until the input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path, help="folder with content and styles")
    parser.add_argument("out", help="name of the folder of results, made beside them")
    parser.add_argument("--side", type=int, help="long side of the results")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--alone", action="store_true", help="one image after the other in this process")
    given = parser.parse_args()
    if given.alone and any(os.environ.get(name) != value for name, value in WORKER_ENV.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | WORKER_ENV)
    folders = {"content": given.root / "content", "styles": given.root / "styles", "out": given.root / given.out}
    values = {name: str(path) for name, path in folders.items()}
    values |= {"stylizer": "identity", "resolution_px": given.side, "actors": given.workers, "device": "cpu"}
    resolved = resolve(values)
    images = len(list(folders["content"].iterdir()))
    answers = alone(resolved) if given.alone else whole_job(resolved, folders["out"], images)
    for answer in answers:
        print(json.dumps({name: value / images for name, value in answer.items()}), flush=True)


def tasks(resolved: ResolvedConfig, turn: int) -> Iterator[Task]:
    """Return the tasks of a turn, with other keys than those of the others."""
    settings = resolved.job.result_settings() | {"turn": turn}
    return pairing.tasks(pairing.pairs(resolved.job), settings, None, resolved.job.format)


def alone(resolved: ResolvedConfig) -> Iterator[dict[str, float]]:
    """Yield the processor time of a turn's images one after the other, nothing overlapping."""
    runner = MakeRunner(resolved.job, "cost", None)("alone")
    for turn, _ in enumerate(sys.stdin):
        start = time.process_time()
        for task in tasks(resolved, turn):
            runner.run_one(task)
        yield {"cpu_s": time.process_time() - start}


def whole_job(resolved: ResolvedConfig, out: Path, images: int) -> Iterator[dict[str, float]]:
    """Yield wall and processor time of a turn's images, from reading to rows on disk."""
    make = MakeRunner(resolved.job, "cost", None)
    with (
        local_or_cluster(None, resolved.job.cpus),
        Scheduler(make, lost, scheduler_options(resolved.job)) as scheduler,
        RowStore.open(out) as store,
    ):
        for turn, _ in enumerate(sys.stdin):
            before, start = cpu_s(), time.perf_counter()
            run_tasks(scheduler, store, tasks(resolved, turn), images)
            wall_s = time.perf_counter() - start
            yield {"wall_s": wall_s, "cpu_s": cpu_s() - before}


def cpu_s() -> float:
    """Return the processor time that this process and its workers have taken so far."""
    spent = time.process_time()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(b"ray::Worker") and descends(int(process.name)):
                fields = (process / "stat").read_text().rpartition(") ")[2].split()
                spent += (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        except OSError:  # it has ended
            continue
    return spent


def descends(pid: int) -> bool:
    """Return whether a process is a child of this one, or of one of its children."""
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
        if pid == os.getpid():
            return True
    return False


if __name__ == "__main__":
    main()
