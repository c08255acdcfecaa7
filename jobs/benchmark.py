"""A sweep over methods, settings, precisions, resolutions and workers, measured so that numbers compare:

    python -m jobs.benchmark SWEEP OUT

SWEEP is a YAML file or the name of a shipped one. Blocks (one repeat of one combination) run one at a time, in a seeded
random order, so that slow drift of the machine falls on all alike. The same command resumes. What a method cannot do
leaves an `oom`, `timeout` or `unsupported` row: limits are results.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from jobs.progress import log_format
from jobs.run import signals
from jobs.run.output_dir import absolute_uri
from jobs.run.trust import elsewhere
from stylize import cli, downloads
from stylize.config import TORCHVISION, Device, Progress
from stylize.errors import UsageError, one_line, unknown
from stylize.io.files import Folder
from stylize.io.location import local_path
from stylize.io.out_folder import RUN
from stylize.io.store_kinds import SCHEMES
from stylize.stylizers import RANDOM
from stylize.tasks import sweep
from stylize.terminal import say

SHIPPED = Path(__file__).parent / "sweep"
CHANGED = ("content", "styles", "perceptual", "device")
"""Keys of a sweep that have an option."""


def main(argv: Sequence[str]) -> int:
    """Run the sweep; returns the exit status: 0 all ok, 3 some rows are not."""
    given = parser().parse_args(argv)
    if given.rows_from is not None and not given.dry_run:
        raise UsageError("--from goes with --dry-run: it says whose rows tell the time and memory")
    changes = {name: value for name in CHANGED if (value := getattr(given, name)) is not None}
    path = _sweep_path(given.sweep)
    plan = sweep.read(path, changes)
    if (path.parent / RUN).is_file():
        _refuse_unasked(plan, changes, given.weights, path)
    # What does the work, and loads Ray and torch, comes after a call that is right.
    from jobs.run.closing import print_counts
    from jobs.run.resolve import check_scores
    from jobs.sweep import inputs
    from jobs.sweep.dry_run import dry_run
    from jobs.sweep.measure import measure
    from jobs.sweep.resolve import resolve, with_paths

    plan = with_paths(plan, given.weights)
    out = absolute_uri(given.out)
    # What the caller got wrong is said before OUT is made.
    inputs.check(plan, out)
    with downloads.forbidden() if given.dry_run else downloads.announced(say):
        resolved = resolve(plan, out, given.address)
    check_scores(next(iter(resolved.configs.values())), given.address, None if given.dry_run else say)
    if given.dry_run:
        dry_run(resolved, given.rows_from, given.retry_failed)
        return cli.EXIT_OK
    counts = measure(
        resolved,
        shlex.join(["python", "-m", "jobs.benchmark", *argv]),
        retry_failed=given.retry_failed,
        address=given.address,
        progress=given.progress,
    )
    say(f"rows:    {one_line(Folder(out).at('rows'))}")
    say(f"report:  python -m jobs.summarize {shlex.quote(out)} --out REPORT{_trust(out, plan)}")
    print_counts(counts)
    return cli.EXIT_OK if set(counts) <= {"ok"} else cli.EXIT_NOT_ALL_OK


def _trust(out: str, plan: sweep.Sweep) -> str:
    """Return the options by which a report may read a sweep's photos and artworks; the project's own lie in OUT."""
    from jobs.run.closing import trust_words

    given = [*filter(None, (plan.content, plan.styles))]
    return f" {trust_words(out, given)}" if given else ""


def _refuse_unasked(plan: sweep.Sweep, changes: dict[str, str], weights: list[str], path: Path) -> None:
    """Raise UsageError for code and places that a sweep in somebody's OUT alone names."""
    given = {word.partition("=")[0] for word in weights}
    named = {name: getattr(plan, name) for name in ("content", "styles", "perceptual") if name not in changes}
    named |= {f"weights of {one.name}": one.weights for one in plan.methods if one.name not in given}
    named = {name: None if where in (RANDOM, TORCHVISION) else where for name, where in named.items()}
    asked = [f"the method {one_line(one.name)}" for one in plan.methods if ":" in one.name]
    asked += elsewhere(named, str(path.parent))
    if asked:
        raise UsageError(
            f"{one_line(path)} is the record of an OUT and names {', '.join(asked)}: give them anew, or a copy of the "
            "file as your own"
        )


def parser() -> cli.Parser:
    parser = cli.Parser(
        prog="benchmark",
        usage="python -m jobs.benchmark SWEEP OUT [options]",
        description="Measure every combination of a sweep's methods, settings, precisions, sizes and workers into OUT. "
        "The same command resumes.",
        epilog=cli.EXITS_OF_A_RUN,
    )
    inputs = parser.group("inputs")
    inputs.add_argument("sweep", metavar="SWEEP", help=f"YAML file, or one of: {', '.join(_shipped())}")
    inputs.add_argument("--content", metavar="PATH", help="folder of photos, instead of the sweep's")
    inputs.add_argument("--styles", metavar="PATH", help="folder of artworks, instead of the sweep's")
    method = parser.group("method")
    method.add_argument(
        "--weights", action="append", default=[], metavar="NAME=PATH",
        help="weights of a method by its name, NAME=random for untrained ones; may be repeated",
    )  # fmt: skip
    method.add_argument("--device", choices=get_args(Device), help="where the networks run, instead of the sweep's")
    output = parser.group("output")
    output.add_argument("out", metavar="OUT", help=f"folder for rows/, images/ and run.json; {SCHEMES}, too")
    output.add_argument("--retry-failed", action="store_true", help="do images again whose rows are not ok")
    parser.group("workers").add_argument(
        "--address",
        metavar="HOST:PORT",
        help="Ray cluster to use; none: the one RAY_ADDRESS names, else a Ray of its own",
    )
    parser.group("measuring").add_argument(
        "--perceptual", metavar="PATH", help="VGG19 weights for the scores distances and cfsd, or `torchvision`"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would run, with time and memory from OUT")
    parser.add_argument("--from", dest="rows_from", metavar="PATH", help="with --dry-run: from the rows of another run")
    parser.add_argument(
        "--progress", choices=get_args(Progress), default="auto",
        help="how far it is: a bar or lines; auto: a bar on a terminal (default auto)",
    )  # fmt: skip
    return parser


def _sweep_path(word: str) -> Path:
    try:
        path = local_path(word, "SWEEP")
    except UsageError as error:
        raise UsageError(f"{error}, or the name of a shipped one") from None
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return path
    if (shipped := SHIPPED / f"{word}.yaml").is_file():
        return shipped
    raise UsageError(f"{unknown('sweep', word, _shipped())} (or give a YAML file)")


def _shipped() -> list[str]:
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


if __name__ == "__main__":
    log_format.configure(log_format.DRIVER)
    signals.run(main)
