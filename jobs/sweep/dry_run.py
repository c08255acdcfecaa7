"""`jobs.benchmark --dry-run`: what is left of a sweep, and what rows say it will take."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from jobs.progress.stats import RunStats
from jobs.run.output_dir import rows_at_hand, run_folders
from jobs.run.resume import Resume, finished_in
from jobs.sweep import inputs
from jobs.sweep.resolve import ResolvedSweep
from stylize.report import frame
from stylize.report.estimate import Wanted, told
from stylize.results.read import read_rows
from stylize.tasks.sweep import variants


def dry_run(sweep: ResolvedSweep, rows_from: str | None, retry_failed: bool) -> None:
    """Print how much is left to do, and what that will take by the rows of OUT or, if given, of another run."""
    with rows_at_hand(sweep.out) as folder, inputs.own_for_now(sweep.plan, sweep.out) as own:
        pairs = inputs.inputs(sweep.plan, own)
        resume = Resume(finished_in(folder, retry_failed), (), RunStats(0))
        rows = _rows_of(folder)
    if rows_from:
        with run_folders([rows_from]) as (other,):
            rows = _rows_of(other)
    total, left = 0, dict.fromkeys(sweep.configs, 0)
    for block in sweep.blocks:
        tasks = sweep.tasks(block, pairs)
        total += len(tasks)
        left[block.variant.name] += sum(1 for _ in resume.pending(tasks))
    wanted = [
        Wanted(one.method.title(), one.precision, one.resolution_px, one.workers, left[one.name])
        for one in variants(sweep.plan)
    ]
    print(f"{len(sweep.blocks)} blocks, {total} images, {sum(left.values())} of them still to do")
    print(f"{sweep.cpus:g} CPU a worker, {sweep.plan.mode}; nothing was written")
    print("\n".join(told(rows, wanted)))


def _rows_of(out: Path) -> pd.DataFrame | None:
    return frame.load([out]) if (out / "rows").is_dir() and read_rows(out, ["status"]).num_rows else None
