"""Score pictures that were made elsewhere: rows as the main job's, for reports, the viewer and votes.

    python -m jobs.score PHOTOS ARTWORKS RESULTS OUT --method NAME --pattern "{photo}_stylized_{style}"
    python -m jobs.score --manifest PAIRS.csv OUT --method NAME

The same command resumes. Nothing is copied: rows say where the pictures lie. Exit status as of the main job.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from jobs.progress import json_lines, log_format
from jobs.run import signals
from jobs.run.score_config import CALLED, GROUPS, PATHS, ScoreConfig
from stylize import cli
from stylize.errors import UsageError, counted
from stylize.io.store_kinds import SCHEMES
from stylize.terminal import say
from stylize.validation import Origin

_SWITCHES = ("dry_run", "retry_failed", "redo", "allow_failed")


def main(argv: Sequence[str]) -> int:
    """Score; returns the exit status: 0 all ok, 3 some rows are not."""
    with json_lines.apart(json_lines.asked_in(argv)):
        return _main(argv)


def _main(argv: Sequence[str]) -> int:
    given = vars(parser().parse_args(argv))
    switches = {name: given.pop(name) for name in _SWITCHES}
    values = given | _named(given.pop("paths"))
    # What does the work, and loads Ray and Arrow, comes after a call that is right.
    from jobs.run.closing import print_result
    from jobs.run.restyle import restyle
    from jobs.run.scoring import MakeScorer, earlier_runs, resolve
    from jobs.run.scoring_dry_run import dry_run

    origins = {name: Origin(CALLED.get(name, cli.flag(name))) for name in ScoreConfig.model_fields}
    config = resolve(values, origins)
    retry_failed, redo = switches["retry_failed"], switches["redo"]
    if switches["dry_run"]:
        dry_run(config, retry_failed, redo)
        return cli.EXIT_OK
    command = shlex.join(["python", "-m", "jobs.score", *argv])
    result = restyle(config, command, retry_failed, say, redo, earlier_runs, MakeScorer)
    job = config.job
    inputs = [job.content, job.styles, job.results, job.manifest]
    print_result(result, images=False, inputs=inputs, takes_cut=job.truncated == "accept")
    status = cli.EXIT_OK if switches["allow_failed"] else result.exit_status
    return json_lines.finished(job.progress, result.out, result.counts, status, images=False)


def parser() -> cli.Parser:
    parser = cli.Parser(
        prog="score",
        usage="python -m jobs.score PHOTOS ARTWORKS RESULTS OUT --method NAME\n"
        "           --pattern TEXT [options]\n"
        "       python -m jobs.score --manifest PATH OUT --method NAME [options]",
        description="Score pictures that were made elsewhere against their photos and artworks, one row for each. The "
        f"same command resumes. Paths may be folders here or in an object store: {SCHEMES}.",
        epilog=cli.EXITS_OF_A_RUN,
    )
    inputs = parser.group("inputs")
    inputs.add_argument(
        "paths", nargs="*", metavar="PHOTOS ARTWORKS RESULTS OUT",
        help="folder of photos, folder of artworks, folder of the pictures to score, folder for the rows; with "
        "--manifest, OUT alone",
    )  # fmt: skip
    inputs.add_argument(
        "--method", dest="stylizer", metavar="NAME", required=True, help="what reports call what made the pictures"
    )
    shown = {"progress", *(name for names in GROUPS.values() for name in names)}
    cli.add_model(parser, ScoreConfig, GROUPS, skip=[name for name in ScoreConfig.model_fields if name not in shown])
    parser.add_argument("--dry-run", action="store_true", help="say what would be scored")
    parser.add_argument("--retry-failed", action="store_true", help="score pictures again whose rows are not ok")
    parser.add_argument("--redo", action="store_true", help="score all pictures again")
    parser.add_argument("--allow-failed", action="store_true", help="exit with status 0 also when rows are not ok")
    return parser


def _named(paths: list[str]) -> dict[str, Any]:
    names = {1: ("out",), 4: PATHS}.get(len(paths))
    if names is None:
        raise UsageError(
            f"expected PHOTOS ARTWORKS RESULTS OUT, or --manifest PATH and OUT, got {counted(len(paths), 'path')}"
        )
    return dict(zip(names, paths, strict=True))


if __name__ == "__main__":
    log_format.configure(log_format.DRIVER)
    signals.run(main)
