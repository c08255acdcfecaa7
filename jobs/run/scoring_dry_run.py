"""`jobs.score --dry-run`: which pictures a run would score."""

from __future__ import annotations

from jobs.progress import json_lines
from jobs.progress.stats import RunStats
from jobs.run.lacking import Lacking
from jobs.run.output_dir import refuse_in_use
from jobs.run.resolve import check_scores
from jobs.run.resume import Resume, refuse_other_shard, runs_with_rows
from jobs.run.scoring import ResolvedScoring
from jobs.run.stored_rows import StoredRows
from stylize import cli
from stylize.errors import counted, one_line
from stylize.io.out_folder import refuse_foreign
from stylize.results.copies import rows_at_hand
from stylize.tasks.task import Pair
from stylize.terminal import say

SHOWN = 3


def dry_run(config: ResolvedScoring, retry_failed: bool, redo: bool) -> None:
    """Print what a run would score, as one JSON object under `--progress json`; nothing is written.

    Raises UsageError and CannotContinueError where a run would.
    """
    config.check()
    job, survey = config.job, config.survey()
    refuse_foreign(job.out, role=job.called("out"))
    refuse_in_use(job.out, say)
    check_scores(job, job.address, None)
    stats = RunStats(survey.pairs)
    with rows_at_hand(job.out) as folder:
        refuse_other_shard(job, runs_with_rows(folder))
        rows = StoredRows(folder)
        finished = rows.finished(retry_failed, redo=redo)
        resume = Resume(finished, (), stats, job, lacking=Lacking(job, rows))
    left, first = 0, list[Pair]()
    for task in resume.pending(config.tasks(config.pairs())):
        left += 1
        first += [task.pair] * (left <= SHOWN)
    notes = [*config.notes, *survey.lines(), *resume.notes()]
    lines = [_told(pair) for pair in first]
    if job.progress == "json":
        facts = {"out": job.out, "stylizer": job.stylizer, "total": stats.total, "left": left, "kept": stats.kept}
        json_lines.emit("dry_run", status=cli.EXIT_OK, **facts, notes=notes, first=lines)
        return
    say(*notes, *(f"  {line}" for line in lines), *["  ..."] * (left > SHOWN))
    done = f"; {stats.kept} have their row there and are not scored again" if stats.kept else ""
    say(f"{counted(left, 'picture')} of {one_line(job.stylizer)} would be scored{done}; nothing was written")


def _told(pair: Pair) -> str:
    result = "" if pair.result is None else f"{one_line(pair.result.uri)}: "
    return f"{result}{one_line(pair.content.uri)} x {one_line(pair.style.uri)}"
