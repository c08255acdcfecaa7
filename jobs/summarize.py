"""Rows of one or many runs to a report folder, or to a verdict between two runs:

    python -m jobs.summarize OUT [OUT ...] --out REPORT
    python -m jobs.summarize --compare A B

REPORT gets index.html (one file, nothing else is needed), summary.md, plots/ and tables.parquet. --compare pairs the
tasks of two runs on the same hardware. Exit status: 0, or with --compare 3 where B is worse than A; 2 for a wrong call.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jobs.run.output_dir import absolute_out, run_folders
from stylize import cli
from stylize.errors import UsageError, one_line
from stylize.io.files import write_atomic, writing
from stylize.report import claims, compare, frame, page

PICTURES = 60


def main(argv: Sequence[str]) -> int:
    """Write the report, or compare; returns the exit status."""
    given = parser().parse_args(argv)
    if given.compare:
        if given.outs:
            raise UsageError("--compare takes two runs and no others")
        return _compare(given)
    if not given.outs:
        raise UsageError("give the folder of a run: python -m jobs.summarize OUT --out REPORT")
    if given.out is None:
        raise UsageError("--out REPORT says where the report goes")
    with run_folders(given.outs) as outs:
        return _report(given, outs)


def parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="summarize", description="Rows of runs to a report, or to a verdict between two runs.")
    parser.add_argument("outs", nargs="*", metavar="OUT", help="folders of runs; s3:// and gs://, too")
    parser.add_argument(
        "--out", metavar="REPORT", help="folder of the report; what it holds of an older one is replaced"
    )
    parser.add_argument("--title", help="heading; none: the run's own")
    parser.add_argument("--pictures", type=int, default=PICTURES, help=f"at most so many pictures (default {PICTURES})")
    parser.add_argument("--claims", action="store_true", help="hold what is often claimed to any run's rows")
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"), help="is B slower, larger or worse than A?")
    parser.add_argument(
        "--tolerance", type=float, default=compare.TOLERANCE,
        help=f"with --compare: a change in time or memory that counts as none (default {compare.TOLERANCE})",
    )  # fmt: skip
    return parser


def _report(given: Namespace, outs: list[Path]) -> int:
    folder, pictures = absolute_out(given.out), given.pictures
    if pictures < 0:
        raise UsageError("--pictures: give 0 or more")
    if any((folder / name).exists() for name in ("rows", "run.json")) and not (folder / "index.html").exists():
        raise UsageError(f"{one_line(folder)} is a run's folder; give --out another one")
    rows = frame.load(outs)
    records = [frame.record(out) for out in outs]
    found = claims.check(rows) if given.claims or any(one.get("claims") for one in records) else []
    titles = [str(one["title"]) for one in records if one.get("title")]
    title = given.title or (titles[0] if len(set(titles)) == 1 else "Restyling: " + ", ".join(o.name for o in outs))
    report = page.build(rows, outs, title=title, claims=found, most_pictures=pictures)
    with writing(folder):
        page.write(report, folder)
    print("\n".join(f"- {line}" for line in report.words))
    for claim in found:
        print(f"claim: {claim.text}: {claim.verdict} ({claim.measured or 'no such rows'})")
    print(f"report: {one_line(folder / 'index.html')}")
    return cli.EXIT_OK


def _rows(word: str) -> pd.DataFrame:
    with run_folders([word]) as outs:
        return frame.load(outs)


def _compare(given: Namespace) -> int:
    a, b = given.compare
    tolerance = given.tolerance
    if not 0 <= tolerance < 1:
        raise UsageError("--tolerance: give a share from 0 to 1, such as 0.05")
    rows_a, rows_b = (_rows(word) for word in (a, b))
    found = compare.compare(rows_a, rows_b, tolerance)
    text = "\n".join(compare.told(found, a, b))
    if (out := given.out) is not None:
        folder = absolute_out(out)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / "compare.txt", f"{text}\n".encode())
    print(text)
    return cli.EXIT_NOT_ALL_OK if found.worse else cli.EXIT_OK


if __name__ == "__main__":
    sys.argv[0] = "summarize"
    cli.run(main)
