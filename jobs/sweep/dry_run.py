"""`jobs.benchmark --dry-run`: what is left of a sweep, and what rows say it will take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from jobs.progress.stats import RunStats
from jobs.run.lacking import IN_ANOTHER, Lacking
from jobs.run.output_dir import refuse_in_use
from jobs.run.resume import Resume
from jobs.run.stored_rows import StoredRows
from jobs.sweep import inputs
from jobs.sweep.moved import Moved
from jobs.sweep.resolve import ResolvedSweep
from stylize.errors import counted, one_line
from stylize.report import frame
from stylize.report.evidence.estimate import Wanted, told
from stylize.results.copies import rows_at_hand, run_folders
from stylize.results.read import read_rows
from stylize.results.run_record import read_runs
from stylize.tasks.sweep import variants, worth_doing
from stylize.tasks.task import Pair
from stylize.terminal import say

SHOWN = 10


def dry_run(sweep: ResolvedSweep, rows_from: str | None, retry_failed: bool) -> None:
    """Print how much is left to do, and what that will take by the rows of OUT or, if given, of another run.

    Raises UsageError and CannotContinueError where a run would.
    """
    refuse_in_use(sweep.out, say)
    with rows_at_hand(sweep.out) as folder, inputs.own_for_now(sweep.plan, sweep.out) as own:
        pairs, survey = inputs.inputs(sweep.plan, own)
        stored = StoredRows(folder)
        lacking = Lacking(next(iter(sweep.configs.values())), stored, IN_ANOTHER)
        resume = Resume(stored.finished(retry_failed), (), RunStats(0), lacking=lacking)
        of_rows = sweep.of_earlier_rows(stored, read_runs(folder))
        notes = [*sweep.absent, *sweep.notes, *survey.lines(), *of_rows]
        moved = Moved(stored, own, sweep.is_of)
        rows = frame.load([folder]) if rows_from is None and stored.table(["status"]).num_rows else None
    if rows_from is not None:
        with run_folders([rows_from]) as (other,):
            rows = frame.load([other]) if read_rows(other, ["status"]).num_rows else None
    total, left, warm_ups = 0, dict.fromkeys(sweep.configs, 0), Counter[str]()
    for block in sweep.blocks:
        tasks = moved.tasks(partial(sweep.tasks, block), pairs)
        pending = list(resume.pending(tasks))
        warming = [task.warms_up for task in worth_doing(pending, retry_failed)]
        total += len(tasks) - (len(pending) - len(warming))  # without warm-ups that nothing comes after
        left[block.variant.name] += len(warming)
        warm_ups[block.variant.name] += sum(warming)
    wanted = [
        Wanted(one.method.title(), one.precision, one.resolution_px, one.workers, left[one.name], warm_ups[one.name])
        for one in variants(sweep.plan)
    ]
    for line in (*_lines(sweep, pairs, left, total), *notes, *resume.notes()):
        say(line)
    say(*told(rows, wanted))
    say(f"into {one_line(sweep.out)}; nothing was written")


def _lines(sweep: ResolvedSweep, pairs: Sequence[Pair], left: dict[str, int], total: int) -> Iterator[str]:
    """Yield what would be measured: how many images, of which combinations, made from what."""
    yield (
        f"would measure {sum(left.values())} of {counted(total, 'image')}, warm-ups included, in "
        f"{counted(len(sweep.blocks), 'block')}:"
    )
    for name, images in list(left.items())[:SHOWN]:
        repeats = sum(block.variant.name == name for block in sweep.blocks)
        yield f"  {one_line(name)}: {counted(images, 'image')} in {counted(repeats, 'repeat')}"
    if len(left) > SHOWN:
        yield f"  ... and {counted(len(left) - SHOWN, 'more combination')}"
    photos, artworks = ({getattr(pair, side).uri for pair in pairs} for side in ("content", "style"))
    inputs = f"{counted(len(photos), 'photo')} with {counted(len(artworks), 'artwork')} each"
    yield f"{inputs}; {sweep.takes} per worker, {sweep.plan.mode} mode"
