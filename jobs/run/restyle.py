"""The main job's run: from OUT that it holds to the last row and the summary."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pyarrow as pa

from jobs.progress import log_format
from jobs.progress.prometheus import Metrics
from jobs.progress.reporter import Reporter
from jobs.progress.stats import RunStats
from jobs.run import signals
from jobs.run.context import RunContext
from jobs.run.driver import Driver
from jobs.run.earlier_rows import REDO, changed_code_lines, made_otherwise
from jobs.run.lacking import Lacking
from jobs.run.output_dir import new_run_id, open_output
from jobs.run.pictures import Pictures
from jobs.run.placement import refuse_neighbours
from jobs.run.resolve import ResolvedConfig, check_scores, scheduler_options
from jobs.run.result import RunResult, summarized
from jobs.run.resume import Resume, nothing_to_do, other_names, refuse_other_shard, runs_with_rows, same_work, work_of
from jobs.run.touched import TouchedFiles
from jobs.scheduler import preflight
from jobs.scheduler.ray_runtime import awaited, local_or_cluster
from jobs.scheduler.worker import MakeRunner
from stylize.errors import CannotContinueError, counted
from stylize.io.out_folder import refuse_foreign
from stylize.results.run_record import RunRecord
from stylize.results.schema import SCORED, Row, to_batch
from stylize.results.store import RowStore
from stylize.tasks.output_names import NamesInUse, OutputNames
from stylize.tasks.pairing import Survey
from stylize.tasks.task import Task

FEW_TASKS = 64
"""Fewer tasks than this are counted before work starts, so that no worker is loaded for nothing."""
EarlierRuns = Callable[[RowStore, ResolvedConfig, OutputNames, RunStats, bool, bool], tuple[Resume, list[str]]]
"""Says what earlier runs leave to do, given `retry_failed` and `redo`, and what is to be told of it, a line each. The
names are to leave their results' names alone."""


def restyle(
    config: ResolvedConfig, command: str, retry_failed: bool, note: Callable[[str], None], redo: bool = False,
    earlier: EarlierRuns | None = None, maker: type[MakeRunner] = MakeRunner,
) -> RunResult:  # fmt: skip
    """Do what is left of a run's tasks, and return how it ended. `note` gets lines about what no progress shows.

    command: what run.json says that the run was called by. redo: all tasks are done, and their rows
    replaced. earlier, maker: in place of the main job's, in other jobs that run like this one. maker: makes a worker's
    runner. Raises UsageError, CannotContinueError, KeyboardInterrupt; what is done by then is kept.
    """
    # What is wrong with inputs and settings is said before OUT is made.
    config.check()
    names = config.output_names()
    tasks, survey = config.tasks(config.pairs(), names), config.survey()
    refuse_foreign(config.job.out, role=config.job.called("out"))
    check_scores(config.job, config.job.address, note)
    with signals.handle_signals(), open_output(config.job.out, note) as out:
        run_id, stats = new_run_id(), RunStats(survey.pairs)
        with RowStore.open(out.folder, run_id=run_id, mirror=out.mirror) as store:
            runs = runs_with_rows(out.folder)
            refuse_other_shard(config.job, runs)
            resume, told = (earlier or _earlier_runs)(store, config, names, stats, retry_failed, redo)
            changed = [] if redo else changed_code_lines(runs, store, config.own_code, REDO)
            driver = Driver(store, Reporter(stats, config.job.progress), resume.superseded)
            run = RunContext(out, _record(config, survey, run_id, command, retry_failed, redo), driver)
            out.save(run.record)
            # Without progress these are told all the same, where the caller is told anything.
            tell = note if config.job.progress == "off" else driver.reporter.note
            for line in [*config.notes, *survey.lines(), *told, *changed, *other_names(config.job, runs)]:
                tell(line)
            _do_tasks(run, config, maker, resume.pending(tasks), note)
            for line in resume.notes():
                tell(line)
            for key in resume.mended:
                store.retire(key)
            if (late := stats.total - survey.pairs) > 0:
                tell(f"{counted(late, 'pair')} came while it ran; the same command does what is left of their files")
            _refuse_fewer(stats)
        run.finish()
        return summarized(out, run_id, stats.counts, resume.kept_failed, listed=config.job.manifest is not None)


def _refuse_fewer(stats: RunStats) -> None:
    """Raise CannotContinueError where fewer pairs came than were counted, such as from a card that was pulled out."""
    if missing := max(0, stats.total - stats.done):
        raise CannotContinueError(
            f"{missing} of {counted(stats.total, 'pair')} had no photo or artwork any more when their turn came: "
            f"put the files back, then run the same command again{', with --retry-failed' * bool(stats.failed)}"
        )


def _record(
    config: ResolvedConfig, survey: Survey, run_id: str, command: str, retry_failed: bool, redo: bool
) -> RunRecord:
    return RunRecord.begin(
        run_id,
        command,
        retry_failed=retry_failed,
        redo=redo,
        own_code=config.own_code,
        config=config.job.model_dump(),
        left_out=survey.recorded(),
        notes=[*config.notes, *survey.notes, *config.placement],
    )


def _earlier_runs(
    store: RowStore, config: ResolvedConfig, names: OutputNames, stats: RunStats, retry_failed: bool, redo: bool
) -> tuple[Resume, list[str]]:
    """Do as EarlierRuns says, for the main job."""
    told: list[str] = []
    pictures = Pictures(config.job.out, told.append)
    weights_sha256 = config.weights_sha256
    # A row that other weights left is of other work; one that names none may be of this. A picture that
    # was made elsewhere is of other work, too, although the same list may name it.
    replaceable = [
        row
        for row in store.replaceable(pictures)
        if row.measure_mode != SCORED and (row.weights_sha256 in (None, weights_sha256) or not weights_sha256)
    ]
    lost = [row for row in replaceable if row.status == "ok"]
    gone = {row.key for row in lost}
    # A new row of the same work replaces the one whose result is gone, and so may take its name; no other may.
    names_gone = [(row.output_uri or "", same_work(row._asdict())) for row in lost]
    work = partial(work_of, settings=config.job.result_settings())
    names.spare(NamesInUse(store.results(gone), names_gone), work, pictures.is_foreign)
    touched = TouchedFiles(store, config.job, weights_sha256, lambda key: key not in gone)
    redone = (lambda key: pictures.name_of(touched.result_of(key))) if redo else None
    lacking = Lacking(config.job, store)
    done = store.finished(retry_failed, gone, redo)
    resume = Resume(done, replaceable, stats, config.job, touched.earlier, redone, lacking)
    if gone:
        results = counted(len(gone), "result is", "results are")
        told.append(f"{results} no longer in OUT/images: what is asked for is made again")
    told += made_otherwise(store, config.job, weights_sha256)
    return resume, told


def _do_tasks(
    run: RunContext,
    config: ResolvedConfig,
    maker: type[MakeRunner],
    pending: Iterator[Task],
    note: Callable[[str], None],
) -> None:
    """Do the tasks that are left, or say that none are."""
    if not (first := list(itertools.islice(pending, FEW_TASKS))):
        note(nothing_to_do(run.stats.kept))
        return
    job, run_id, most = config.job, run.record.run_id, len(first) if len(first) < FEW_TASKS else None
    ray = local_or_cluster(job.address, job.cpus, job.gpus, job.called_resources(), run.has_failed)
    run.driver.reporter.announce(awaited(job.address))
    with ray as shared, log_format.among_rays(run_id), run.driver.reporter as reporter:
        if run.stats.kept:
            reporter.note("resuming: tasks that have rows already are not done again")
        for line in config.placement:
            reporter.note(line)
        make, options = maker(job, run_id, run.out.token), replace(scheduler_options(job), most=most, may_grow=shared)
        if shared:
            run.check_nodes(make, options, preflight.requirements(job, (task.pair for task in first), run.out.token))
            refuse_neighbours(job, (node["workers"] for node in run.record.nodes))
        streams = [itertools.chain(first, pending)]
        run.work(make, partial(_lost_row, config, run_id), options, streams, Metrics(job.stylizer, run_id))


def _lost_row(config: ResolvedConfig, run_id: str, task: Task, status: str, error: str, where: Row) -> pa.RecordBatch:
    """Return the row of a task whose worker cannot make it."""
    from stylize.pipeline.failures import lost_row

    weights = {"weights_sha256": config.weights_sha256}
    return to_batch([lost_row(config.job, run_id, task, status, error, where | weights)])
