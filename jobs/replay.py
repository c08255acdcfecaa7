"""Make one row again from what is recorded, and say whether image and scores agree:

    python -m jobs.replay OUT TASK_ID

OUT is a run's folder; the first digits of a task_id will do. Where the two differ, what differs in inputs, weights and
environment is printed. Exit status: 0 they agree, 3 they do not, 2 a wrong call.
"""

from __future__ import annotations

import contextlib
import logging
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jobs.run.agreement import Told, compare_images, compare_scores, device_of, differences, wanders
from jobs.run.trust import TRUST, TRUST_HELP, refuse_elsewhere, refuse_own_method
from stylize import cli, downloads, images
from stylize import config as configs
from stylize.config import OF_RESULT, OF_RESULT_TOO, TORCHVISION, JobConfig
from stylize.errors import UsageError, one_line
from stylize.io.files import read_bytes, why_unreadable
from stylize.io.location import LocalPath, as_location, normalized
from stylize.io.store_kinds import SCHEMES
from stylize.results.copies import run_folders
from stylize.results.run_record import RunRecord, read_runs
from stylize.results.settings_json import read_settings, read_uris, read_weights
from stylize.results.trusted import add_options, refuse_store_alone
from stylize.stylizers import RANDOM
from stylize.tasks.task import Input, Pair, Task
from stylize.terminal import say

_OF_RUN = ("perceptual", "lpips", "scores", "max_pixels", "truncated", "cpus_per_actor", "max_memory")
"""What run.json says of a run: how it read, computed and scored."""
MOST_THREADS = 512
"""More are no machine's, and would be started."""


def main(argv: Sequence[str]) -> int:
    parser = cli.Parser(
        prog="replay",
        usage="python -m jobs.replay OUT TASK_ID [options]",
        description="Make one row again from what is recorded, and say whether image and scores agree.",
        epilog="Exit status: 0 they agree, 3 they do not, 2 a wrong call, 1 could not go on.",
    )
    inputs = parser.group("inputs")
    inputs.add_argument("out", metavar="OUT", help=f"folder of the run; {SCHEMES}, too")
    inputs.add_argument("task_id", metavar="TASK_ID", help="the row's task_id; its first digits will do")
    inputs.add_argument("--content", metavar="PATH", help="where the photo is now, if it has moved")
    inputs.add_argument(
        "--style", action="append", metavar="PATH",
        help="where the artwork is now, if it has moved; of several, once for each in their order",
    )  # fmt: skip
    add_options(inputs.add_argument, TRUST_HELP)
    method = parser.group("method")
    method.add_argument("--weights", metavar="PATH", help="where the weights are now, if they have moved")
    method.add_argument(
        "--stylizer", metavar="NAME", help="the row's package.module:Class, which runs only if named here"
    )
    given = parser.parse_args(argv)
    refuse_store_alone(given.trust_paths, given.trust_store)
    if given.content is not None:
        given.content = _given_file("--content", given.content)
    given.style = [_given_file("--style", path) for path in given.style or ()]
    with run_folders([given.out]) as runs:
        ((folder, given.out),) = runs.items()
        row = _row(folder, given.task_id)
        record = next((run for run in read_runs(folder) if run.run_id == row["run_id"]), RunRecord())
    told = (
        Told([f"same    status corrupt: {one_line(row['error'])}"]) if _never_made(row) else _replay(row, record, given)
    )
    say(*told.lines)
    return cli.EXIT_OK if told.agrees else cli.EXIT_NOT_ALL_OK


def _given_file(option: str, path: str) -> str:
    """Return a path or URI that the command line gives, as rows name places. Raises UsageError where no file is."""
    try:
        where = as_location(normalized(path))
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None
    why = why_unreadable(where)
    if why is None and isinstance(where, LocalPath) and not where.path.is_file():
        why = "is no file"
    if why is not None:
        raise UsageError(f"{option}: {where.shown}: {why}")
    return str(where)


def _row(out: Path, task_id: str) -> dict[str, Any]:
    import pyarrow.compute as pc

    from stylize.results.read import read_rows
    from stylize.results.schema import SCORED

    table = read_rows(out)
    matching = table.filter(pc.starts_with(table.column("task_id"), task_id.lower()))
    if len(matching) != 1:
        what = "no row" if len(matching) == 0 else f"{len(matching)} rows, give more digits"
        raise UsageError(f"{one_line(out)} has {what} of task_id {task_id!r}")
    row: dict[str, Any] = matching.to_pylist()[0]
    if lacking := [name for name in ("content_uri", "style_uri") if row[name] is None]:
        raise UsageError(f"the row of task_id {task_id!r} does not say its {lacking[0]}")
    if row["measure_mode"] == SCORED:
        raise UsageError("the picture of this row was made elsewhere, so that it cannot be made again here")
    return row


def _never_made(row: dict[str, Any]) -> bool:
    """Return whether a row is of a list's row that could not be used: nothing was read, so nothing is made again."""
    nothing_read = row["status"] == "corrupt" and not (row["content_sha256"] or row["style_sha256"])
    return nothing_read and re.match(r".*: row \d+\b", row["error"] or "") is not None


def _replay(row: dict[str, Any], record: RunRecord, given: Any) -> Told:
    import torch

    from stylize.machine import devices

    devices.forbid_tf32()
    with tempfile.TemporaryDirectory() as folder:
        config = _config(row, record, given, folder)
        _refuse_unasked(config, row, given)
        if 0 < (row["threads"] or 0) <= MOST_THREADS:
            torch.set_num_threads(row["threads"])
        new, pixels = _made_again(config, row, given)
        told = Told()
        if new["status"] != row["status"]:
            told.say("status", False, f"{row['status']} then, {new['status']} now: {one_line(str(new.get('error')))}")
        elif row["status"] == "ok":
            if wanders(row, new):
                told.lines.append("        image and scores are not compared: on a GPU an optimisation ends elsewhere")
            else:
                compare_images(told, given.out, row, new, pixels)
            compare_scores(told, row, new)
        else:
            told.say(f"status {row['status']}", True, one_line(str(row["error"])))
        told.lines += list(differences(row, new, record)) if not told.agrees else []
    if new.get("stylize_s") and row["stylize_s"]:
        told.lines.append(f"stylize_s {row['stylize_s']:.4f} then, {new['stylize_s']:.4f} now")
    told.lines.append("the row was made again" if told.agrees else "the row was not made again")
    return told


def _config(row: dict[str, Any], record: RunRecord, given: Any, folder: str) -> JobConfig:
    settings = read_settings(row["settings_json"])
    then = record.settings_of(row["variant"])
    values: dict[str, Any] = {name: then[name] for name in _OF_RUN if name in then}
    values |= {name: settings[name] for name in (*OF_RESULT, *OF_RESULT_TOO) if name in settings}
    # Where the whole settings of the method are known, defaults that have changed since do not matter.
    values["settings"] = settings.get("stylizer_settings") or settings.get("settings", {})
    values |= {
        "content": folder, "styles": folder, "out": folder, "measure_mode": "isolated", "warmup_images": 0,
        "stylizer": settings.get("stylizer") or row["stylizer"],
        "precision": row["precision"] or settings.get("precision", "auto"),
        # Before there was a choice it was torch.
        "runtime": row["runtime"] or settings.get("runtime", "torch"),
        "weights": then.get("weights") if given.weights is None else given.weights,
        "device": device_of(row),
    }  # fmt: skip
    if (row["strips"] or 1) > 1:
        # Torch did them, as it was planned by what the run's own runtime takes.
        values["runtime"] = then.get("runtime", "torch")
        values["precision"] = "int8" if then.get("precision") == "int8" else values["precision"]
    return configs.build(values)


def _refuse_unasked(config: JobConfig, row: dict[str, Any], given: Any) -> None:
    """Raise UsageError for code and places that the record alone names."""
    refuse_own_method(config.stylizer, given.stylizer)
    if given.stylizer not in (None, config.stylizer):
        raise UsageError(
            f"--stylizer {one_line(given.stylizer)}: the row's is {one_line(config.stylizer)}; leave it out"
        )
    named = {
        "content": None if given.content else row["content_uri"],
        "weights": None if given.weights or config.weights == RANDOM else config.weights,
        "perceptual": None if config.perceptual == TORCHVISION else config.perceptual,
    }
    for number, uri in enumerate([] if given.style else _styles(row), start=1):
        named["style" if number == 1 else f"style {number}"] = uri
    words = (given.content, given.weights, *(given.style or []), *given.trust_store)
    refuse_elsewhere(named, given.out, given.trust_paths, words)


def _styles(row: dict[str, Any]) -> list[str]:
    return read_uris(row["style_uris"]) or [row["style_uri"]]


def _made_again(config: JobConfig, row: dict[str, Any], given: Any) -> tuple[dict[str, Any], Any]:
    from jobs.scheduler.worker import load_stylizer
    from stylize.pipeline.runner import Runner
    from stylize.stylizers import own_errors

    uris = _styles(row)
    if given.style and len(given.style) != len(uris):
        raise UsageError(f"--style: {len(given.style)} given, the row has {len(uris)}")
    content = Input(given.content or row["content_uri"], "", row["content_type"])
    style, *others = (Input(uri, "", row["style_type"]) for uri in given.style or uris)
    shares = tuple(read_weights(row["style_weights"]))
    task = Task(row["task_id"], Pair(content, style, tuple(others), shares), f"again.{config.format}")
    # Weights that have a place were asked for as such.
    with _downloads(given.trust_paths or config.weights is not None), own_errors(config.stylizer):
        stylizer = load_stylizer(config)
    with _downloads(given.trust_paths):
        runner = Runner(config, stylizer, run_id="replay", worker_id="replay", token=None)
    try:
        with _told_by_its_row():
            new = runner.run_one(task)
            # Once more, as the recorded one was not a worker's first either, unless it was.
            if new["status"] == "ok" and not row["warmup"]:
                new = runner.run_one(task)
    finally:
        runner.close()
    pixels = images.decode(read_bytes(new["output_uri"])).pixels if new["status"] == "ok" else None
    return new, pixels


@contextlib.contextmanager
def _told_by_its_row() -> Iterator[None]:
    """Keep why the row fails out of the log, which says it once more; a traceback stays there."""
    from stylize.pipeline.failures import log

    def is_traced(record: logging.LogRecord) -> bool:
        return bool(record.exc_info)

    log.addFilter(is_traced)
    try:
        yield
    finally:
        log.removeFilter(is_traced)


@contextlib.contextmanager
def _downloads(allowed: bool) -> Iterator[None]:
    """Raise UsageError where something would be downloaded because the record alone says so."""
    with contextlib.nullcontext() if allowed else downloads.forbidden():
        try:
            yield
        except downloads.NotDownloadedError as error:
            raise UsageError(f"the record names what is not on this machine: {error}; {TRUST} fetches it") from None


if __name__ == "__main__":
    cli.run(main)
