"""FID and ArtFID of the results of runs, method by method and size by size:

    python -m jobs.fid OUT [OUT ...] --inception torchvision --lpips alex

Beside each method stand the photos unchanged and the artworks themselves, between which every method lies, with the
number of pictures and the hash of the set: only lines of one set compare. Exit status: 0, 2 for a wrong call.
"""

from __future__ import annotations

import contextlib
import json
import os
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from jobs.run.output_dir import absolute_out, check_place
from jobs.run.trust import TRUST_HELP, refuse_elsewhere
from stylize import cli, safe_json, terminal
from stylize.config import TORCHVISION, Lpips
from stylize.errors import UsageError, counted, harmless, one_line
from stylize.io.files import at_hand, write_atomic, writing
from stylize.io.location import locate
from stylize.io.store_kinds import SCHEMES
from stylize.results.copies import run_folders
from stylize.results.pictures import picture_in
from stylize.results.trusted import add_options, refuse_store_alone
from stylize.stylizers import RANDOM
from stylize.tasks.listing import suffixes
from stylize.terminal import say

if TYPE_CHECKING:  # brings pandas and torch
    import pandas as pd

    from stylize.pipeline.sets import SetScorer, SetScores, Triple

SHOWN_DIGITS = 8
GROUP = ["resolution_px", "method", "precision"]
"""Columns of which each combination is a set."""


def main(argv: Sequence[str]) -> int:
    given = parser().parse_args(argv)
    if not given.outs:
        raise UsageError("give the folder of a run: python -m jobs.fid OUT --inception torchvision")
    refuse_store_alone(given.trust_paths, given.trust_store)
    out = None if given.out is None else absolute_out(given.out, "--out")
    if out is not None:  # before minutes of work
        _check_out(out)
    from stylize.report import frame

    with run_folders(given.outs) as runs:
        rows = frame.load(list(runs), list(runs.values()))
    groups = list(_groups(_taken(rows), given))
    if not groups:
        raise UsageError("these runs have no results to score")
    scorer, variant = _scorer(given)
    scored, problems = _scored(scorer, groups)
    if not scored:
        raise UsageError(problems[0])
    _tell(scored, variant)
    for problem in problems:
        say(f"left out: {problem}")
    if out is not None:
        facts = [{"resolution_px": side} | asdict(scores) for side, scores in scored]
        with writing(out):
            write_atomic(out, (json.dumps({"inception": variant, "sets": facts}, indent=1) + "\n").encode())
    return cli.EXIT_OK


def _check_out(out: Path) -> None:
    """Raise UsageError for a folder, and for a file that is no earlier one of this job: a photo or a record, say."""
    if out.is_dir():
        raise UsageError(f"--out: {one_line(out)} is a folder; give a file name")
    check_place(str(out.parent), "--out")
    if os.path.lexists(out):
        ours = None
        with contextlib.suppress(OSError, ValueError):
            ours = safe_json.read(out)
        if not isinstance(ours, dict) or ours.keys() != {"inception", "sets"}:
            raise UsageError(f"--out: {one_line(out)} is there already, and not by this job; give another name")


def parser() -> cli.Parser:
    parser = cli.Parser(
        prog="fid",
        usage="python -m jobs.fid OUT [OUT ...] [options]",
        description="Compare the results of runs with their artworks as sets: FID, and ArtFID with --lpips.",
        epilog="Exit status: 0 done, 2 a wrong call, 1 could not go on.",
    )
    inputs, measuring = parser.group("inputs"), parser.group("measuring")
    inputs.add_argument("outs", nargs="*", metavar="OUT", help=f"folders of runs; {SCHEMES}, too")
    add_options(inputs.add_argument, TRUST_HELP)
    measuring.add_argument(
        "--inception", metavar="PATH", default=TORCHVISION,
        help="Inception v3's weights, torchvision's or art-fid's; `torchvision`: its own (default torchvision)",
    )  # fmt: skip
    measuring.add_argument(
        "--lpips", choices=get_args(Lpips), default="none",
        help="network of LPIPS, which ArtFID takes; alex is what its authors take (default none)",
    )  # fmt: skip
    measuring.add_argument("--device", default="cpu", metavar="NAME", help="where the networks run (default cpu)")
    parser.group("output").add_argument(
        "--out", metavar="PATH", help="JSON file for the same numbers, with the sets' whole hashes"
    )
    return parser


def _taken(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose pictures are scored, and say which are left out."""
    rows = rows[rows["ok"] & rows["output_uri"].notna() & (rows["weights_sha256"] != RANDOM)]
    unnamed = rows[["content_uri", "style_uri"]].isna().any(axis=1)
    weights = rows["style_uri"].str.lower().str.endswith(tuple(suffixes("checkpoints")), na=False) & ~unnamed
    mixed = rows["style_uris"].notna() & ~(unnamed | weights)
    # Warm-ups, repeats and other numbers of workers of a sweep, and what two OUTs hold: the same pictures make no
    # larger set. Of a photo that was changed since, the newest row's picture is the one that is of it.
    twice = rows.duplicated([*GROUP, "content_uri", "style_uri"], keep="last") & ~(unnamed | weights | mixed)
    again = twice & rows["variant"].notna()
    once = "a photo in an artwork counts once"
    no_artwork = "there is no artwork to look like"
    for lost, one, several, why in (
        (unnamed, "row without a photo or artwork is", "rows without a photo or artwork are",
         "there is nothing to compare with"),
        (weights, "result whose style is weights is", "results whose styles are weights are", no_artwork),
        (mixed, "result of several artworks is", "results of several artworks are", no_artwork),
        (again, "result that a sweep made again is", "results that a sweep made again are", once),
        (twice & ~again, "result that a later row has, too, is", "results that later rows have, too, are", once),
    ):  # fmt: skip
        if lost.any():
            say(f"{counted(int(lost.sum()), one, several)} left out: {why}")
    return rows[~(unnamed | weights | mixed | twice)]


def _groups(rows: pd.DataFrame, given: Namespace) -> Iterator[tuple[int | None, str, list[Triple]]]:
    """Yield the long side asked for, the method's name and where its pictures are, for each method of each size."""
    import pandas as pd

    from stylize.pipeline.sets import Triple
    from stylize.results.schema import SCORED

    for (side, method, precision), part in rows.groupby(GROUP, dropna=False):
        triples = []
        for _, row in part.iterrows():
            result = None if row["measure_mode"] == SCORED else picture_in(row["home"], row["output_uri"])
            named = {"photo": row["content_uri"], "artwork": row["style_uri"]}
            named |= {} if result else {"result": row["output_uri"]}
            refuse_elsewhere(named, row["home"], given.trust_paths, (*given.outs, *given.trust_store), anew=False)
            triples.append(
                Triple(locate(row["content_uri"]), locate(row["style_uri"]), result or locate(row["output_uri"]))
            )
        yield None if pd.isna(side) else int(side), harmless(f"{method} {precision}"), triples


def _scorer(given: Namespace) -> tuple[SetScorer, str]:
    """Load what judges. Raises UsageError, WeightsError."""
    from stylize.machine import devices
    from stylize.measure.inception import Inception
    from stylize.pipeline.quality import load_lpips
    from stylize.pipeline.sets import SetScorer

    device = devices.find(given.device)
    devices.forbid_tf32()
    inception = Inception(None if given.inception == TORCHVISION else at_hand(given.inception), device)
    lpips = None if given.lpips == "none" else load_lpips(given.lpips).to(device)
    return SetScorer(inception, lpips, device), inception.variant


def _scored(
    scorer: SetScorer, groups: list[tuple[int | None, str, list[Triple]]]
) -> tuple[list[tuple[int | None, SetScores]], list[str]]:
    """Return each set's scores with the long side asked for, and why others have none."""
    from stylize.report import units

    scored, problems = [], []
    for side, name, triples in groups:
        try:
            scored.append((side, scorer.score(name, triples)))
        except ValueError as error:
            problems.append(f"{units.side(side)}: {error}")
    return scored, problems


def _tell(scored: list[tuple[int | None, SetScores]], variant: str) -> None:
    from stylize.pipeline.sets import ARTWORK, LEAST_TO_COMPARE, PHOTO
    from stylize.report import units

    grid = terminal.table("size", "pictures of", "n", "set", "FID", "LPIPS", "ArtFID")
    told: set[tuple[int | None, str]] = set()
    for side, scores in scored:
        known, one = (side, scores.sha256) in told, scores.sha256[:SHOWN_DIGITS]
        told.add((side, scores.sha256))
        for line in scores.lines:
            if not (known and line.name in (PHOTO, ARTWORK)):
                numbers: list[Any] = [line.fid, line.lpips, line.art_fid]
                cells = ["-" if number is None else f"{number:.4g}" for number in numbers]
                terminal.add_row(grid, units.side(side), line.name, str(line.n), one, *cells)
    terminal.show(grid)
    say(f"features: {variant}, pictures at 512 px at most")
    for lost in (lost for _, scores in scored for lost in scores.left_out):
        say(f"left out: {one_line(lost)}")
    least = min(scores.lines[0].n for _, scores in scored)
    if least < LEAST_TO_COMPARE:
        say(f"n = {least} is too small to compare with other sets or papers: below {LEAST_TO_COMPARE:,} FID falls as n "
            "grows; hold lines of one set against each other alone")  # fmt: skip
    if len({sha256 for _, sha256 in told}) > 1:
        say("the sets differ: only lines with the same set's hash compare")


if __name__ == "__main__":
    cli.run(main)
