"""Rows of one or many runs to a report folder, or to a verdict between two runs:

    python -m jobs.summarize OUT [OUT ...] --out REPORT
    python -m jobs.summarize --compare A B
    python -m jobs.summarize OUT [OUT ...] --pick style --at 1024 --within-gb 1 --within-s 2

REPORT gets index.html (one file, nothing else is needed), pictures/ at full size, summary.md, plots/ and
tables.parquet. --compare pairs the tasks of two runs on the same hardware. --pick says which method is best within
limits. Exit status: 0; with --compare 3 where B is worse than A, 4 undecided, 5 better; with --pick 3 where nothing is
within the limits; 2 for a wrong call.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.run.output_dir import absolute_out
from jobs.run.trust import TRUST
from stylize import cli
from stylize.errors import UsageError, harmless, one_line
from stylize.io.files import write_atomic, writing
from stylize.io.out_folder import refuse_filled
from stylize.io.store_kinds import SCHEMES
from stylize.report.choices import CRITERIA, PICTURES, TOLERANCE
from stylize.results.copies import run_folders
from stylize.results.run_record import read_runs
from stylize.results.trusted import STORE, add_options, refuse_store_alone
from stylize.terminal import say

if TYPE_CHECKING:
    import pandas as pd

EXIT_OF = {"same": cli.EXIT_OK, "worse": cli.EXIT_NOT_ALL_OK, "undecided": 4, "better": 5}
"""Exit statuses of --compare, by the verdict."""


def main(argv: Sequence[str]) -> int:
    """Write the report, or compare; returns the exit status."""
    given = parser().parse_args(argv)
    _refuse_unused(given)
    if given.compare:
        if given.outs:
            raise UsageError("--compare takes two runs and no others")
        return _compare(given)
    if not given.outs:
        raise UsageError("give the folder of a run: python -m jobs.summarize OUT --out REPORT")
    if given.pick:
        with run_folders(given.outs) as runs:
            return _pick(given, runs)
    if given.out is None:
        raise UsageError("--out REPORT says where the report goes")
    refuse_store_alone(given.trust_paths, given.trust_store)
    with run_folders(given.outs) as runs:
        return _report(given, runs)


def _refuse_unused(given: Namespace) -> None:
    """Raise UsageError of an option that belongs to another of the three uses: it would change nothing."""
    limits = {"--at": given.at, "--within-gb": given.within_gb, "--within-s": given.within_s}
    report = {"--title": given.title, "--claims": given.claims or None, "--pictures": given.pictures}
    report |= {TRUST: given.trust_paths or None, STORE: given.trust_store or None}
    tolerance = {"--tolerance": given.tolerance}
    if given.pick:
        use, unused = "--pick", {"--compare": given.compare, "--out": given.out} | report | tolerance
    else:
        use, unused = ("--compare", limits | report) if given.compare else ("a report", limits | tolerance)
    if wrong := next((name for name, value in unused.items() if value is not None), None):
        raise UsageError(f"{wrong} does not go with {use}" + ("; give --pick, too" if wrong in limits else ""))


def parser() -> cli.Parser:
    parser = cli.Parser(
        prog="summarize",
        usage="python -m jobs.summarize OUT [OUT ...] --out PATH [options]\n"
        "       python -m jobs.summarize --compare PATH PATH [options]\n"
        "       python -m jobs.summarize OUT [OUT ...] --pick BY [options]",
        description="Turn the rows of runs into a report, into a verdict between two runs, or into a choice of method.",
        epilog="Exit status: 0 done, or the same within the tolerance; --compare: 3 the second run is worse, 4 "
        "undecided, 5 better; --pick: 3 nothing is within the limits; 2 a wrong call; 1 could not go on.",
    )
    inputs = parser.group("inputs")
    inputs.add_argument("outs", nargs="*", metavar="OUT", help=f"folders of runs; {SCHEMES}, too")
    inputs.add_argument(
        "--compare", nargs=2, metavar="PATH",
        help="say whether the second run is slower, larger or worse than the first",
    )  # fmt: skip
    _add_choosing(parser.group("choosing").add_argument)
    add_options(inputs.add_argument, "embed the photos and artworks that rows name outside of OUT, too")
    output = parser.group("output")
    output.add_argument(
        "--out",
        metavar="PATH",
        help="folder of the report; what it holds of an older report is replaced; --compare: of compare.txt",
    )
    output.add_argument("--title", metavar="TEXT", help="heading of the report; none: the run's own")
    output.add_argument(
        "--pictures",
        type=int,
        metavar="N",
        help=f"pictures in the report at most (default {PICTURES})",
    )
    measuring = parser.group("measuring")
    measuring.add_argument("--claims", action="store_true", help="hold what is often claimed to the rows of any run")
    measuring.add_argument(
        "--tolerance", type=float, metavar="N",
        help="with --compare: share by which time or memory may change and count as the same "
        f"(default {TOLERANCE})",
    )  # fmt: skip
    return parser


def _add_choosing(add: Callable[..., Any]) -> None:
    """Add --pick and its limits."""
    add("--pick", choices=CRITERIA, help="say which method is the best by this, within limits")
    add("--at", type=int, metavar="PX", help="with --pick: of this long side; none: of any")
    add("--within-gb", type=float, metavar="N", help="with --pick: the whole worker takes at most so many gigabytes")
    add(
        "--within-s", type=float, metavar="N",
        help="with --pick: the stylizer takes at most so many seconds for 19 of 20 images",
    )  # fmt: skip


def _load(runs: dict[Path, str], also: Iterable[str] = ()) -> tuple[pd.DataFrame, Counter[str]]:
    """Return the rows of runs, as `frame.load`, and how many of them older programs wrote, by schema version."""
    from jobs.run.stored_rows import StoredRows
    from stylize.report import frame

    rows = frame.load(list(runs), list(runs.values()), also)
    return rows, sum((Counter(StoredRows(out).older_rows) for out in runs), Counter[str]())


def _report(given: Namespace, runs: dict[Path, str]) -> int:
    from jobs.run.earlier_rows import quality_lines
    from stylize.report.evidence import claims
    from stylize.report.names import run_names
    from stylize.report.page import page
    from stylize.report.page.pictures import HASHES

    pictures = PICTURES if given.pictures is None else given.pictures
    folder, outs = absolute_out(given.out, "--out"), list(runs)
    if pictures < 0:
        raise UsageError("--pictures: give 0 or more")
    if not page.is_report(folder):
        refuse_filled(folder, "--out", "a report")
    for inner in (folder / "plots", folder / "pictures"):
        if inner.is_symlink():
            raise UsageError(f"--out: {one_line(inner)} is a link, and its files would be replaced; remove it")
    rows, older = _load(runs, HASHES)
    records = [run for out in outs for run in read_runs(out)[:1]]
    checked = claims.check(rows) if given.claims or any(one.claims for one in records) else []
    titles = [one.title for one in records if one.title]
    title = given.title or (titles[0] if len(set(titles)) == 1 else "Restyling: " + ", ".join(run_names(outs)))
    report = page.build(
        rows, outs, title=title, claims=checked, most_pictures=pictures, trusted=given.trust_paths,
        stores=given.trust_store,
    )  # fmt: skip
    report.facts += quality_lines(older, len(rows))
    page.write(report, folder)
    say(*(f"- {line}" for line in report.all_words))
    for claim in checked:
        say(f"claim: {claim.text}: {claim.verdict} ({claim.measured or 'no such rows'})")
    if not given.trust_paths and report.grid.lines and not {"photo", "artwork"} <= set(report.grid.heads):
        say(f"photos and artworks that lie outside of OUT are not shown; {TRUST} embeds them")
    say(f"report: {one_line(folder / 'index.html')}")
    return cli.EXIT_OK


def _pick(given: Namespace, runs: dict[Path, str]) -> int:
    from jobs.run.earlier_rows import quality_lines
    from stylize.report import frame
    from stylize.report.evidence import pick, votes
    from stylize.report.evidence.cells import by_size

    for name, value in (("at", given.at), ("within-gb", given.within_gb), ("within-s", given.within_s)):
        if value is not None and not 0 < value < math.inf:
            raise UsageError(f"--{name}: give a number above 0")
    rows, older = _load(runs)
    sides = sorted({int(px) for px in rows["resolution_px"].dropna()})
    if given.at is not None and given.at not in sides:
        known = ", ".join(map(str, sides)) or "none, all images have their photos' own size"
        raise UsageError(f"--at {given.at}: nothing was measured at that size; there are {known}")
    most_bytes = None if given.within_gb is None else given.within_gb * 1e9
    wanted = pick.Wanted(given.at, most_bytes, given.within_s)
    ballots, left_out = votes.of_rows(rows)
    lines, found = pick.told(pick.choice(by_size(rows), ballots), wanted, given.pick)
    notes = [*frame.of_other_networks(rows), *quality_lines(older, len(rows))]
    say(*lines, *notes, *([left_out] if left_out and given.pick == "votes" else []))
    return cli.EXIT_OK if found else cli.EXIT_NOT_ALL_OK


def _compare(given: Namespace) -> int:
    a, b = given.compare
    from jobs.run.earlier_rows import quality_lines
    from stylize.report.evidence import compare
    from stylize.report.page import page

    tolerance = TOLERANCE if given.tolerance is None else given.tolerance
    if not 0 <= tolerance < 1:
        raise UsageError("--tolerance: give a share from 0 to 1, such as 0.05")
    folder = None if given.out is None else absolute_out(given.out, "--out")
    if folder is not None and not (folder / "compare.txt").is_file() and not page.is_report(folder):
        refuse_filled(folder, "--out", "a comparison or report")
    loaded = []
    for word in (a, b):
        with run_folders([word]) as runs:
            loaded.append(_load(runs, compare.READ))
    (rows_a, older_a), (rows_b, older_b) = loaded
    comparison = compare.compare(rows_a, rows_b, tolerance)
    comparison.notes.extend(quality_lines(older_a + older_b, len(rows_a) + len(rows_b)))
    told = [harmless(line) for line in compare.told(comparison, a, b)]
    if folder is not None:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / "compare.txt", "".join(f"{line}\n" for line in told).encode())
    say(*told)
    return EXIT_OF[comparison.verdict]


if __name__ == "__main__":
    cli.run(main)
