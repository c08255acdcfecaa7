"""A sweep's run, from OUT that it holds to the last row."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pyarrow as pa

from jobs.progress import log_format
from jobs.progress.reporter import Reporter
from jobs.progress.stats import RunStats
from jobs.run import signals
from jobs.run.context import RunContext
from jobs.run.driver import Driver
from jobs.run.lacking import IN_ANOTHER, Lacking
from jobs.run.output_dir import OutputDir, new_run_id, open_output
from jobs.run.resolve import scheduler_options
from jobs.run.resume import Resume, nothing_to_do
from jobs.scheduler import preflight
from jobs.scheduler.ray_runtime import awaited, local_or_cluster
from jobs.sweep import inputs
from jobs.sweep.moved import Moved
from jobs.sweep.reasons import OF_REASONS, reason_lines
from jobs.sweep.resolve import ResolvedSweep
from jobs.sweep.worker import MakeSweeper
from stylize.errors import counted
from stylize.io.files import write_atomic, writing
from stylize.report import frame
from stylize.report.evidence import claims
from stylize.results.run_record import RunRecord, read_runs
from stylize.results.schema import Row, to_batch
from stylize.results.store import RowStore
from stylize.safe_yaml import dump
from stylize.tasks.pairing import Survey
from stylize.tasks.sweep import Block, worth_doing
from stylize.tasks.task import Pair, Task
from stylize.terminal import say

BlockLeft = tuple[Block, list[Task]]
"""A block, and those of its tasks that are still to be done."""


def measure(
    sweep: ResolvedSweep, command: str, *, retry_failed: bool, address: str | None, progress: str
) -> dict[str, int]:
    """Do what is left of a sweep's tasks; returns its rows by status.

    command: what run.json says that the sweep was called by. Raises UsageError, CannotContinueError,
    KeyboardInterrupt; what is done by then is kept.
    """
    with signals.handle_signals(), open_output(sweep.out, say) as out:
        own = inputs.put_own(sweep.plan, out)
        pairs, survey = inputs.inputs(sweep.plan, own)
        run_id, stats = new_run_id(), RunStats(0)
        with RowStore.open(out.folder, run_id=run_id, mirror=out.mirror) as store:
            replaceable = list(store.replaceable())
            lacking = Lacking(next(iter(sweep.configs.values())), store, IN_ANOTHER)
            resume = Resume(store.finished(retry_failed), replaceable, stats, lacking=lacking)
            driver = Driver(store, Reporter(stats, progress))
            run = RunContext(out, _record(sweep, survey, run_id, command), driver)
            earlier = read_runs(out.folder)
            out.save(run.record)
            for line in [*sweep.notes, *survey.lines(), *sweep.of_earlier_rows(store, earlier)]:
                run.driver.reporter.note(line)
            _save_plan(sweep, out)
            moved = Moved(store, own, sweep.is_of)
            blocks = [(block, moved.tasks(partial(sweep.tasks, block), pairs)) for block in sweep.blocks]
            pending = [(block, worth_doing(resume.pending(tasks), retry_failed)) for block, tasks in blocks]
            left = [(block, tasks) for block, tasks in pending if tasks]
            stats.total = stats.kept + sum(len(tasks) for _, tasks in left)
            if left:
                _do_blocks(run, sweep, left, pairs, address)
            else:
                say(nothing_to_do(stats.total))
            for line in [*resume.notes(), *reason_lines(store.columns(OF_REASONS), sweep.configs)]:
                say(line)
            counts = store.count_by_status(list(sweep.configs))
        run.finish()
        if sweep.plan.claims:
            for claim in claims.check(frame.load([out.folder])):
                say(f"claim:   {claim.text}: {claim.verdict} ({claim.measured or 'no such rows'})")
    return counts


def _do_blocks(
    run: RunContext, sweep: ResolvedSweep, left: Sequence[BlockLeft], pairs: Sequence[Pair], address: str | None
) -> None:
    plan, run_id = sweep.plan, run.record.run_id
    first, *others = sweep.configs.values()
    options = scheduler_options(first)  # as of all others, but for the number of workers
    ray = local_or_cluster(address, *sweep.asks, keep_logs=run.has_failed)
    run.driver.reporter.announce(awaited(address))
    with ray as shared, log_format.among_rays(run_id), run.driver.reporter as reporter:
        whole = f"{counted(len(sweep.blocks), 'block')}, {counted(run.stats.total, 'image')}"
        reporter.note(f"{whole}, {sweep.takes} per worker, {plan.mode}")
        if run.stats.kept:
            reporter.note(f"resuming: {counted(run.stats.kept, 'has its row', 'have their rows')} already")
        make = MakeSweeper(sweep.configs, run_id, run.out.token)
        if shared:
            required = preflight.requirements(first, pairs, run.out.token, others)
            run.check_nodes(make, replace(options, actors=max(plan.workers)), required)
        # Blocks of one number of workers follow each other, and share them.
        for workers, blocks in itertools.groupby(left, key=lambda one: one[0].variant.workers):
            lost_row, streams = partial(_lost_row, sweep, run_id), (iter(tasks) for _, tasks in blocks)
            run.work(make, lost_row, replace(options, actors=workers), streams)


def _lost_row(sweep: ResolvedSweep, run_id: str, task: Task, status: str, error: str, where: Row) -> pa.RecordBatch:
    from stylize.pipeline.failures import lost_row

    return to_batch([lost_row(sweep.configs[task.variant or ""], run_id, task, status, error, where)])


def _record(sweep: ResolvedSweep, survey: Survey, run_id: str, command: str) -> RunRecord:
    return RunRecord.begin(
        run_id,
        command,
        title=sweep.plan.title,
        claims=sweep.plan.claims,
        variants={name: config.model_dump() for name, config in sweep.configs.items()},
        own_code=sweep.own_code,
        left_out=survey.recorded(),
        notes=sweep.notes,
    )


def _save_plan(sweep: ResolvedSweep, out: OutputDir) -> None:
    """Write the sweep as it is run, so that one command makes it again."""
    path = out.folder / "sweep.yaml"
    with writing(path):
        write_atomic(path, dump(sweep.plan.model_dump(exclude_defaults=True)).encode())
    out.publish("sweep.yaml")
