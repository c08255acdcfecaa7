"""The command line of the main job: what settings it gives, and how each was given."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.progress import json_lines
from jobs.run.trust import TRUST, TRUST_HELP, refuse_elsewhere, refuse_own_method
from stylize import cli
from stylize import config as configs
from stylize.config import TORCHVISION, JobConfig
from stylize.errors import UsageError, counted, one_line
from stylize.io.location import local_path
from stylize.io.out_folder import RUN
from stylize.io.store_kinds import SCHEMES
from stylize.results.run_record import read_record
from stylize.safe_yaml import read_mapping
from stylize.stylizers import RANDOM
from stylize.validation import Origin, Origins

PATHS = ("content", "styles", "out")


@dataclass(frozen=True)
class Call:
    """A whole command line. `values` are settings by name, `origins` how each was given."""

    values: dict[str, Any]
    origins: Origins
    dry_run: bool
    retry_failed: bool
    redo: bool
    allow_failed: bool


def parse(argv: Sequence[str]) -> Call:
    """Return what a command line and the file of its --config ask for. Raises UsageError."""
    given = vars(_parser().parse_args(argv))
    paths, file = given.pop("paths"), given.pop("config")
    switches = {name: given.pop(name) for name in ("dry_run", "retry_failed", "redo", "allow_failed")}
    trusted = given.pop("trust_paths")
    values, recorded = ({}, False) if file is None else _settings_in(local_path(file, "--config"))
    origins = {name: _called(name) for name in JobConfig.model_fields}
    origins |= {str(name): Origin(str(name), file) for name in values}
    own = values.get("settings") or {}
    if (changed := cli.pairs_to_dict(given.pop("settings", []))) and isinstance(own, dict):  # else that is told
        given["settings"] = own | changed
    given |= _named(paths, either="weights" in given or bool(values.get("weights")))
    if recorded:
        _refuse_unasked(values, given, local_path(file).parent, trusted)
    origins |= {name: _called(name) for name in given}
    values |= given
    if "out" not in values:
        raise UsageError("no OUT given: expected CONTENT STYLES OUT, or --manifest PATH and OUT")
    return Call(values, origins, **switches)


def progress_asked(argv: Sequence[str]) -> Any:
    """Return the mode that a command line or else the file of its --config asks for, right or wrong.

    What is wrong with either, `parse` says.
    """
    mode, file = json_lines.asked_in(argv), json_lines.asked_in(argv, "--config")
    if mode is None and file is not None:
        with contextlib.suppress(UsageError):
            return _settings_in(local_path(file, "--config"))[0].get("progress")
    return mode


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="stylize-folder",
        usage="stylize-folder CONTENT STYLES OUT [options]\n       stylize-folder --manifest PATH OUT [options]",
        description="Restyle every photo of CONTENT with the artworks of STYLES into OUT, one row of measurements for "
        f"each. The same command resumes. Paths may be folders here or in an object store: {SCHEMES}.",
        epilog=cli.EXITS_OF_A_RUN,
    )
    parser.group("inputs").add_argument(
        "paths", nargs="*", metavar="CONTENT STYLES OUT",
        help="folder of photos, folder of artworks, folder for the results; with --manifest, OUT alone",
    )  # fmt: skip
    cli.add_model(parser, JobConfig, configs.GROUPS, skip=PATHS)
    parser.add_argument(
        "--config", metavar="PATH",
        help="YAML file with the same settings by name, or OUT/run.json to repeat that run; paths and options win",
    )  # fmt: skip
    parser.add_argument(TRUST, action="store_true", help=f"with --config OUT/run.json: {TRUST_HELP}")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, how many and how big")
    parser.add_argument("--retry-failed", action="store_true", help="do images again whose rows are not ok")
    parser.add_argument("--redo", action="store_true", help="do all images again, in place of those that are there")
    parser.add_argument("--allow-failed", action="store_true", help="exit with status 0 also when rows are not ok")
    return parser


def _settings_in(path: Path) -> tuple[dict[str, Any], bool]:
    """Return the settings in a YAML file, or those of the newest run in a run's record, and whether it is such.

    Raises UsageError.
    """
    if path.suffix.lower() != ".json":
        return read_mapping(path), False
    try:
        runs = read_record(path)
    except UsageError:
        if path.name == RUN:
            raise
        return read_mapping(path), False  # which takes more than JSON, and says what is wrong with it
    if not runs:
        raise UsageError(f"{one_line(path)}: no such file")
    if not runs[0].run_id and path.name != RUN:
        return read_mapping(path), False  # JSON is YAML
    if not runs[0].config:
        raise UsageError(f"{one_line(path)} is no record of a run of this job: give OUT/run.json, or a YAML file")
    return runs[0].config, True


def _refuse_unasked(recorded: dict[str, Any], given: dict[str, Any], home: Path, trusted: bool) -> None:
    """Raise UsageError for code and places that a run's record alone names."""
    refuse_own_method(recorded.get("stylizer"), given.get("stylizer"))
    words = {"weights": RANDOM, "perceptual": TORCHVISION}
    named = {name: recorded.get(name) for name in (*PATHS, "manifest", *words) if name not in given}
    named = {_called(name).name: path for name, path in named.items() if path != words.get(name)}
    told = [given.get(name) for name in (*PATHS, "manifest", *words)]
    refuse_elsewhere(named, str(home), trusted, told, by_option=False)
    if not trusted and "address" not in given and recorded.get("address") is not None:
        address = one_line(recorded["address"])
        raise UsageError(
            f"the record names the cluster {address}: --address {address} uses it, --address none does not"
        )


def _named(paths: list[str], either: bool) -> dict[str, str]:
    """Return the paths by name. either: two are enough where weights are the styles; `resolve` knows of which methods.

    Raises UsageError for a number of them that means nothing.
    """
    two = ("content", "out") if either else None
    names = {0: (), 1: ("out",), 2: two, 3: PATHS}.get(len(paths))
    if names is None:
        spaces = "; one with spaces needs quotes" * (len(paths) > 3)
        expected = "expected CONTENT STYLES OUT, or --manifest PATH and OUT"
        raise UsageError(f"{expected}, got {counted(len(paths), 'path')}{spaces}")
    return dict(zip(names, paths, strict=True))


def _called(name: str) -> Origin:
    """Return what the command line calls a setting."""
    return Origin(name.upper() if name in PATHS else cli.flag(name))
