"""What a finished run prints: its tables, where things are, what failed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from jobs.run.result import RunResult
from jobs.run.trust import TRUST
from stylize import terminal
from stylize.errors import beside, counted, one_line
from stylize.images.damage import ENDS
from stylize.io.location import locate
from stylize.results.trusted import STORE, buckets
from stylize.terminal import say


def trust_words(out: str, inputs: Iterable[str]) -> str:
    """Return the options by which what reads OUT takes photos and artworks from where they lie."""
    others = sorted(buckets(inputs) - buckets([out]))
    return " ".join([TRUST, *(f"{STORE} {scheme}://{bucket}" for scheme, bucket in others)])


def print_result(
    result: RunResult, images: bool = True, inputs: Iterable[str | None] = (), takes_cut: bool = False
) -> None:
    """Print tables, places and counts.

    images: whether the run made any. inputs: where photos and artworks lie. takes_cut: whether cut photos were taken.
    """
    for table in result.tables:
        grid = terminal.table(*table.header, title=table.title)
        for row in table.rows:
            terminal.add_row(grid, *row)
        for number in range(table.header.index("ok"), len(table.header)):
            # At no width is a number broken in two: the first half would be read as the whole.
            grid.columns[number].min_width = max(len(row[number]) for row in table.rows)
            grid.columns[number].justify = "right"
        terminal.show(grid)
    for remark in result.remarks:
        say(remark)
    _print_failures(result, takes_cut)
    if images:
        say(f"images:  {one_line(result.images_uri)}")
    rows = locate(result.out).join("rows").shown
    say(f"rows:    {rows}   pandas.read_parquet({result.rows_uri!r})")
    say(f"summary: {one_line(result.summary_uri)}")
    out, trust = one_line(shlex.quote(result.out)), trust_words(result.out, [*filter(None, inputs), *result.stores])
    say(f"look:    python -m stylize view {out} {trust}   every picture beside its row, in a browser")
    say(f"report:  python -m jobs.summarize {out} --out REPORT {trust}   makes a page to open")
    beside = f", of this call; the tables count {counted(result.others, 'other row')} of OUT, too"
    print_counts(result.counts, beside * (result.others > 0))


def print_counts(counts: Mapping[str, int], beside: str = "") -> None:
    """Print how many rows are ok and how many are not, with what stands beside them, and the latter by status."""
    bad = {status: n for status, n in sorted(counts.items()) if status != "ok"}
    say(f"{counts.get('ok', 0)} ok, {sum(bad.values())} not ok{beside}")
    for status, n in bad.items():
        say(f"  {status}: {n}")


def _print_failures(result: RunResult, takes_cut: bool) -> None:
    """Print the first failures, a line per file and reason, and how to read the others."""
    number = sum(n for status, n in result.counts.items() if status != "ok")
    for one in result.failures:
        photo, artwork, file = map(one_line, (one.content_uri, one.style_uri, one.file))
        error = beside(file, one_line(one.error))
        if one.pairs > 1:
            say(f"{one.status}: {file}: {error} ({counted(one.pairs, 'pair')})")
        else:
            say(f"{one.status}: {photo}  x  {artwork}: {error}")
    errors_of_photos = (one.error for one in result.failures if not one.error.startswith(("style", "result")))
    if not takes_cut and any(error.endswith(ENDS) for error in errors_of_photos):
        say("the same command with --truncated accept --retry-failed takes cut photos as far as they go")
    named = sum(one.pairs for one in result.failures)
    if number > named:
        query = f"pandas.read_parquet({result.rows_uri!r}).query(\"status != 'ok'\")"
        say(f"... and {number - named} more that are not ok: {query}")
