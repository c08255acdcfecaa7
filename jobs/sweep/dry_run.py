"""`jobs.benchmark --dry-run`: what is left of a sweep, and what rows say it will take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from jobs.progress.stats import RunStats
from jobs.run.earlier_rows import changed_code_in, older_rows_in, quality_lines
from jobs.run.lacking import IN_ANOTHER, Lacking
from jobs.run.output_dir import refuse_in_use
from jobs.run.resume import Resume, finished_in
from jobs.sweep import inputs
from jobs.sweep.moved import OF_PLACES, Moved
from jobs.sweep.resolve import ANEW, OF_THREADS, OF_WORK, ResolvedSweep
from stylize.errors import counted, one_line
from stylize.report import frame
from stylize.report.evidence.estimate import Wanted, told
from stylize.results.copies import rows_at_hand, run_folders
from stylize.results.read import read_rows
from stylize.results.schema import SCHEMA
from stylize.tasks.sweep import variants
from stylize.tasks.task import Pair
from stylize.terminal import say

SHOWN = 10
_KEPT = list(dict.fromkeys([*OF_PLACES, *OF_THREADS, *OF_WORK]))
"""What is looked at of the rows that OUT has."""


def dry_run(
    sweep: ResolvedSweep, rows_from: str | None, retry_failed: bool, address: str | None, note: Callable[[str], None]
) -> None:
    """Print how much is left to do, and what that will take by the rows of OUT or, if given, of another run.

    `note` gets a line if there is something to wait for. Raises UsageError and CannotContinueError where a run would.
    """
    refuse_in_use(sweep.out, note)
    with rows_at_hand(sweep.out) as folder, inputs.own_for_now(sweep.plan, sweep.out) as own:
        pairs, survey = inputs.inputs(sweep.plan, own)
        lacking = Lacking.of_folder(next(iter(sweep.configs.values())), folder, IN_ANOTHER)
        resume = Resume(finished_in(folder, retry_failed), (), RunStats(0), lacking=lacking)
        kept = read_rows(folder, _KEPT) if (folder / "rows").is_dir() else SCHEMA.empty_table().select(_KEPT)
        notes = [*sweep.absent, *sweep.notes, *survey.lines(), *changed_code_in(folder, sweep.own_code, ANEW)]
        moved = Moved(kept.select(OF_PLACES).to_batches(), own)
        if kept.num_rows:
            notes += sweep.other_threads(kept.select(OF_THREADS).to_batches())
            notes += sweep.other_work(kept.select(OF_WORK).to_batches())
            notes += quality_lines(older_rows_in(folder))
        rows = frame.load([folder]) if kept.num_rows and not rows_from else None
    if rows_from:
        with run_folders([rows_from]) as (other,):
            rows = frame.load([other]) if read_rows(other, ["status"]).num_rows else None
    total, left = 0, dict.fromkeys(sweep.configs, 0)
    for block in sweep.blocks:
        tasks = moved.tasks(partial(sweep.tasks, block), pairs)
        total += len(tasks)
        left[block.variant.name] += sum(1 for _ in resume.pending(tasks))
    wanted = [
        Wanted(one.method.title(), one.precision, one.resolution_px, one.workers, left[one.name])
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
