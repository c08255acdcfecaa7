"""How far one driver goes: `python -m tools.bench.scale [efficiency] [tasks] [calls] [memory] [resume]`.

The real driver (keys, scheduling, rows to Parquet) beside simulated workers, which take a set time for an image and
make none, so that eight of them run on two cores.

efficiency: images/s over workers / set time, at 1, 2, 4, 8 workers and 5, 50, 500 ms per image.
tasks: tasks/s through the driver and two workers that do nothing.
calls: calls/s at one task per call, which is what a driver's tasks/s come down to where an image takes long.
memory: the driver's peak at 10,000, 100,000 and 1,000,000 tasks, each in a process of its own.
resume: what a run does that finds 1,000,000 finished rows and nothing to do.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from jobs.scheduler.ray_runtime import local_or_cluster
from jobs.scheduler.scheduler import Scheduler
from jobs.scheduler.worker_pool import SchedulerOptions
from stylize import cli
from stylize.measure.memory import PeakMemory
from stylize.results.read import read_rows
from stylize.results.store import RowStore
from stylize.tasks.task import Pair
from tools.arguments import one_of, positive_int
from tools.bench import scale_resume
from tools.bench.fake_worker import MakeSimulated, load_workers, lost, null_pairs, null_tasks, run_tasks

PARTS = ("efficiency", "tasks", "calls", "memory", "resume")
WORKERS = (1, 2, 4, 8)
IMAGE_S = (0.005, 0.05, 0.5)
CALL_WORKERS = (2, 8, 32)
CALLS = 5000
NULL_WORKERS = 2
"""Workers of `tasks` and `memory`."""
GOAL, GOAL_FROM_S = 0.95, 0.05
CPUS = 0.01
"""What a worker that sleeps takes of a core, for Ray: so many of them fit."""

Line = dict[str, Any]


def main(argv: Sequence[str]) -> int:
    """Print the chosen numbers; returns 0."""
    given = _parse(argv)
    if given.count_tasks is not None:
        print(json.dumps(run_null_tasks(given.count_tasks)))
        return cli.EXIT_OK
    if given.take_up is not None:
        print(json.dumps(scale_resume.resume(given.take_up)))
        return cli.EXIT_OK
    tenth = max(1, given.tasks // 10)
    counts = sorted({max(1, given.tasks // 100), tenth, given.tasks})
    for part in given.parts or PARTS:
        if part == "efficiency":
            lines = [efficiency(n, s, round(n * given.seconds / s)) for s in IMAGE_S for n in WORKERS]
        elif part == "tasks":
            lines = [_null_tasks(tenth, "tasks_per_s")]
        elif part == "calls":
            lines = [calls(n, CALLS) for n in CALL_WORKERS]
        elif part == "memory":
            lines = [_null_tasks(count, "peak_bytes") for count in counts]
        else:
            lines = [scale_resume.measure(given.tasks)]
        show(part, lines)
    return cli.EXIT_OK


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = cli.Parser(
        prog="python -m tools.bench.scale", description="How far one driver goes, by simulated workers."
    )
    parser.add_argument("parts", nargs="*", type=one_of("part", PARTS), help=f"of {', '.join(PARTS)}; none: all")
    parser.add_argument("--seconds", type=float, default=12, help="of work in a line of `efficiency` (default 12)")
    parser.add_argument(
        "--tasks",
        type=positive_int,
        default=1_000_000,
        help="most tasks of `memory`, rows of `resume`; `tasks` takes a tenth (default 1000000)",
    )
    parser.add_argument("--count-tasks", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--take-up", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.seconds <= 0:
        parser.error("--seconds: give more than 0")
    return given


def _null_tasks(count: int, name: str) -> Line:
    """Return one of what `run_null_tasks` finds in a process that has done nothing before."""
    measured = scale_resume.in_own_process("--count-tasks", str(count))
    return {"tasks": count, name: measured[name]}


@contextmanager
def _loaded(workers: int, image_s: float = 0.0, **options: Any) -> Iterator[tuple[Scheduler, Path]]:
    """Give a scheduler whose simulated workers are all loaded, and a folder for rows."""
    make = MakeSimulated(image_s)
    with (
        tempfile.TemporaryDirectory() as folder,
        local_or_cluster(None),
        Scheduler(make, lost, SchedulerOptions(actors=workers, **options)) as scheduler,
    ):
        load_workers(scheduler, workers)
        yield scheduler, Path(folder)


def run_null_tasks(count: int) -> dict[str, float]:
    """Run tasks that do nothing through the real driver: keys, scheduler, rows to Parquet, with all workers loaded."""
    peak = PeakMemory()
    peak.start()
    with _loaded(NULL_WORKERS) as (scheduler, folder), RowStore.open(folder) as store:
        start = time.perf_counter()
        run_tasks(scheduler, store, null_tasks(null_pairs(count)), count)
        seconds = time.perf_counter() - start
    return {"tasks_per_s": count / seconds, "peak_bytes": peak.stop().host_peak_rss_bytes or math.nan}


def efficiency(workers: int, image_s: float, images: int, stream: Iterator[Pair] | None = None) -> Line:
    """Return images/s over workers / set time, once all workers are loaded: in steady state, and of the whole run.

    Steady: each worker's images over the time from its first image's start to its last one's end, summed. Whole:
    all images over the time from the call to the last row on disk, which has a beginning and an end.
    """
    with _loaded(workers, image_s, cpus=CPUS) as (scheduler, folder):
        with RowStore.open(folder) as store:
            start = time.perf_counter()
            run_tasks(scheduler, store, null_tasks(stream or null_pairs(images)), images)
            whole_s = time.perf_counter() - start
        per_s = _images_per_s(folder, images)
    return {
        "workers": workers,
        "image_s": image_s,
        "images": images,
        "images_per_s": per_s,
        "efficiency": per_s * image_s / workers,
        "efficiency_whole_run": images / whole_s * image_s / workers,
    }


def _images_per_s(out: Path, rows: int) -> float:
    """Return every worker's images/s by its own rows, summed. Raises RuntimeError if a row is missing or doubled."""
    table = read_rows(out, ["task_id", "worker_id", "started_at", "stylize_s"])
    if not rows == len(table) == len(pc.unique(table["task_id"])):
        raise RuntimeError(f"{len(table)} rows on disk for {rows} that came")
    frame = table.to_pandas()
    start_s = frame["started_at"].astype("datetime64[us, UTC]").astype("int64") / 1e6
    frame = frame.assign(start_s=start_s, end_s=start_s + frame["stylize_s"])
    by = frame.groupby("worker_id").agg(images=("task_id", "size"), start=("start_s", "min"), end=("end_s", "max"))
    return float((by["images"] / (by["end"] - by["start"])).sum())


def calls(workers: int, count: int) -> Line:
    """Return calls/s with workers that do nothing, and what a call takes of the driver's main thread and process."""
    clocks = (time.perf_counter, time.thread_time, time.process_time)
    with _loaded(workers, cpus=CPUS, max_batch=1) as (scheduler, folder), RowStore.open(folder) as store:
        starts = [clock() for clock in clocks]
        run_tasks(scheduler, store, null_tasks(null_pairs(count)), count)
        wall_s, thread_s, process_s = (clock() - start for clock, start in zip(clocks, starts, strict=True))
    return {
        "workers": workers,
        "calls": count,
        "calls_per_s": count / wall_s,
        "main_thread_s_per_call": thread_s / count,
        "process_s_per_call": process_s / count,
    }


def show(part: str, lines: list[Line]) -> None:
    """Print a table."""
    from rich.console import Console
    from rich.table import Table

    grid = Table(title=part, title_justify="left")
    for name in lines[0]:
        grid.add_column(name.replace("_", " "), justify="right")
    for line in lines:
        grid.add_row(*(f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" for value in line.values()))
    console = Console(width=140)
    console.print(grid)
    if part == "efficiency":
        missed = [x for x in lines if x["image_s"] >= GOAL_FROM_S and x["efficiency"] < GOAL]
        verdict = f"missed in {len(missed)} lines" if missed else "met"
        console.print(f"goal, {GOAL} from {GOAL_FROM_S * 1000:g} ms per image on: {verdict}", highlight=False)


if __name__ == "__main__":
    cli.run(main)
