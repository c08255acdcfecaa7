"""The main job: `python -m jobs.stylize_folder CONTENT STYLES OUT`, also under `ray job submit`."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.progress import json_lines, log_format
from jobs.progress.reporter import Reporter
from jobs.progress.stats import RunStats
from jobs.run import signals
from jobs.run.driver import Driver
from jobs.run.dry_run import dry_run
from jobs.run.output_dir import OutputDir, absolute_input, absolute_uri, new_run_id, open_output
from jobs.run.resume import Resume
from jobs.scheduler import scheduler
from jobs.scheduler.ray_runtime import address_of, local_or_cluster
from jobs.scheduler.worker import WORKER_ENV, MakeRunner, load_stylizer
from jobs.scheduler.worker_pool import WINDOW, SchedulerOptions
from stylize import cli
from stylize import config as configs
from stylize.config import TORCHVISION, JobConfig
from stylize.errors import CannotContinueError, UsageError, one_line
from stylize.io.files import writing
from stylize.measure import hardware
from stylize.results.run_record import RunRecord, now, read_runs
from stylize.results.schema import Row, to_batch
from stylize.results.store import RowStore
from stylize.safe_yaml import read_mapping
from stylize.tasks import pairing
from stylize.tasks.listing import FileKind
from stylize.tasks.task import Task

RANDOM = "random"


def main(argv: Sequence[str]) -> int:
    """Run the job; returns the exit status: 0 all ok, 3 some rows are not."""
    flags = _parse(argv)
    with json_lines.apart(flags.get("progress")):
        return _call(flags, argv)


def _call(flags: dict[str, Any], argv: Sequence[str]) -> int:
    dry, retry_failed = flags.pop("dry_run"), flags.pop("retry_failed")
    allowed = flags.pop("allow_failed")
    config = one_a_device(styles_from_weights(absolute(configs.build(flags))))
    if dry:
        return dry_run(config, retry_failed, weights_sha256(config), style_kind(config))
    # What the caller got wrong is said before OUT is made.
    pairing.pairs(config, style_kind(config))
    weights = weights_sha256(config)
    with signals.handle_signals(), open_output(config.out, note=lambda text: print(text, flush=True)) as out:
        counts = _locked(config, retry_failed, out, argv, weights)
        status = finish(config, out, counts)
        status = cli.EXIT_OK if allowed and status == cli.EXIT_NOT_ALL_OK else status
        return json_lines.finished(config.progress, config.out, counts, status)


def _parse(argv: Sequence[str]) -> dict[str, Any]:
    parser = cli.Parser(
        prog="stylize-folder",
        usage="stylize-folder CONTENT STYLES OUT [options]\n       stylize-folder --manifest PATH OUT [options]",
        description="Restyle every photo of CONTENT with the artworks of STYLES into OUT, one row of measurements for "
        "each. The same command resumes. Paths may be folders here or in an object store: s3://, gs://.",
        epilog="Exit status: 0 all ok, 3 finished with rows that are not ok, 2 a wrong call, 1 could not go on, "
        "130 interrupted.",
    )
    parser.group("inputs").add_argument(
        "paths", nargs="*", metavar="CONTENT STYLES OUT",
        help="folder of photos, folder of artworks, folder for the results; with --manifest, OUT alone",
    )  # fmt: skip
    cli.add_model(parser, JobConfig, configs.GROUPS, skip=("content", "styles", "out"))
    parser.add_argument("--config", metavar="PATH", help="YAML file with the same settings by name; options win")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, how many and how big")
    parser.add_argument("--retry-failed", action="store_true", help="do images again whose rows are not ok")
    parser.add_argument("--allow-failed", action="store_true", help="exit with status 0 also when rows are not ok")
    given = vars(parser.parse_args(argv))
    paths, file = given.pop("paths"), given.pop("config")
    values = read_mapping(Path(file)) if file else {}
    if "settings" in given:
        own = values.get("settings")
        given["settings"] = (own if isinstance(own, dict) else {}) | cli.pairs_to_dict(given["settings"])
    values |= given
    if len(paths) == 2 and values.get("weights") and _find(values.get("stylizer")).styles_are_weights:
        paths.insert(1, values["weights"])
    names = {0: (), 1: ("out",), 3: ("content", "styles", "out")}.get(len(paths))
    if names is None:
        raise UsageError(f"expected CONTENT STYLES OUT, or --manifest FILE and OUT, got {len(paths)} paths")
    values |= dict(zip(names, paths, strict=True))
    if "out" not in values:
        raise UsageError("no OUT given: expected CONTENT STYLES OUT, or --manifest FILE and OUT")
    return values


def absolute(config: JobConfig) -> JobConfig:
    """The same with absolute paths. Raises UsageError for a relative OUT in a submitted job's copy."""
    update = {"out": absolute_uri(config.out)}
    words = {"content": None, "styles": None, "manifest": None, "weights": RANDOM, "perceptual": TORCHVISION}
    for name, word in words.items():
        path = getattr(config, name)
        if path is not None and path != word:
            update[name] = absolute_input(path)
    return config.model_copy(update=update)


def one_a_device(config: JobConfig) -> JobConfig:
    """In isolated mode a worker takes a whole card, or all of this machine's CPUs unless some were asked for.

    On a cluster that is there, its machines' CPUs count: see `preflight.one_worker_per_node`.
    """
    if config.measure_mode != "isolated":
        return config
    if config.gpus_per_actor % 1:
        raise UsageError(
            f"gpus_per_actor {config.gpus_per_actor:g} shares a card, which isolated mode rules out: give 1"
        )
    if config.gpus_per_actor or "cpus_per_actor" in config.model_fields_set or address_of(config.address):
        return config
    return config.model_copy(update={"cpus_per_actor": float(hardware.usable_cores())})


def styles_from_weights(config: JobConfig) -> JobConfig:
    """The same with STYLES for weights, for a method whose styles are weights. Raises UsageError for a manifest."""
    if not _styles_are_weights(config) or config.weights is None:
        return config
    if config.manifest is not None:
        raise UsageError(f"{config.stylizer}: a manifest's style_uri names the checkpoint; leave --weights out")
    if config.styles != config.weights:
        print(f"{config.stylizer}'s styles are its checkpoints, {config.weights}: {config.styles} is not used")
    return config.model_copy(update={"styles": config.weights, "weights": None})


def _styles_are_weights(config: JobConfig) -> bool:
    return config.weights != RANDOM and _find(config.stylizer).styles_are_weights


def _find(name: str | None) -> Any:
    from stylize.stylizers import DEFAULT, find

    return find(name or DEFAULT)


def style_kind(config: JobConfig) -> FileKind:
    """Return what serves as a style: images, or the checkpoints of a method whose styles are weights."""
    return "checkpoints" if _styles_are_weights(config) else "images"


def _locked(
    config: JobConfig, retry_failed: bool, out: OutputDir, argv: Sequence[str], weights: str | None
) -> dict[str, int]:
    kind = style_kind(config)
    stats = RunStats(pairing.count(config, kind))
    run_id = new_run_id()
    with RowStore.open(out.folder, run_id=run_id, mirror=out.mirror) as store:
        _check_shard(config, out)
        failed = list(store.failed())
        resume = Resume(config, store.finished(retry_failed), failed, stats)
        record = RunRecord.begin(
            run_id, "jobs.stylize_folder", argv, retry_failed=retry_failed, config=config.model_dump()
        )
        out.save(record)
        stream = pairing.pairs(config, kind)
        todo = resume.pending(pairing.tasks(stream, config.result_settings(), weights, config.format))
        first = next(todo, None)
        if first is None:
            print(f"nothing to do: all {stats.kept} tasks have their rows already", flush=True)
        else:
            driver = Driver(store, Reporter(stats, config.progress), resume.superseded)
            _work(config, out, record, store, first, todo, driver)
    record.finished_at = now()
    record.counts = stats.counts
    out.save(record)
    return stats.counts


def _check_shard(config: JobConfig, out: OutputDir) -> None:
    """Raises UsageError if OUT holds another share of the same pairs: two OUTs would have rows of one task."""
    own = config.model_dump()
    for run in read_runs(out.folder):
        shards = {run.config.get("shard"), config.shard}
        same = all(run.config.get(name) == own[name] for name in ("content", "styles", "manifest"))
        if run.counts and same and None not in shards and len(shards) > 1:
            raise UsageError(
                f"OUT holds shard {run.config['shard']} of these pairs: go on with that, or give another OUT"
            )


def _work(
    config: JobConfig,
    out: OutputDir,
    record: RunRecord,
    store: RowStore,
    first: Task,
    todo: Iterator[Task],
    driver: Driver,
) -> None:
    from jobs.progress.prometheus import Metrics
    from jobs.scheduler import preflight
    from stylize.pipeline.failures import lost_row

    run_id, stats = record.run_id, driver.reporter.stats
    ray = local_or_cluster(config.address, config.cpus_per_actor, config.gpus_per_actor)
    with ray as shared, log_format.among_rays(run_id), driver.reporter as reporter:
        if stats.kept:
            reporter.note("resuming: tasks that have rows already are not done again")
        if shared:
            config = preflight.one_worker_per_node(config)
            record.config = config.model_dump()
        options, make = fan_options(config), MakeRunner(config, run_id, out.token)
        if shared:
            wanted = preflight.requirements(config, first.pair, out.token)
            record.nodes = preflight.check_nodes(options, wanted, reporter.note)
            out.save(record)
            make.check = wanted.check

        def lost(task: Task, status: str, error: str, where: Row) -> pa.RecordBatch:
            return to_batch([lost_row(config, run_id, task, status, error, where)])

        with scheduler.Scheduler(make, lost, options, notify=reporter.note) as fan:
            reporter.watch(fan, Metrics(config.stylizer, run_id))
            try:
                driver.run(fan, itertools.chain([first], todo))
            finally:
                # Who sends SIGTERM may not wait for Ray to end.
                with contextlib.suppress(CannotContinueError):
                    store.flush()
                    record.workers = {name: asdict(place) for name, place in fan.locations.items()}
                    # If it ends here, finished_at is not to come.
                    record.counts = stats.counts
                    record.last_row_at = now()
                    out.save(record)


def fan_options(config: JobConfig) -> SchedulerOptions:
    """The fan-out's part of the settings."""
    isolated = config.measure_mode == "isolated"
    return SchedulerOptions(
        actors=None if config.actors == "auto" else config.actors,
        cpus=config.cpus_per_actor,
        gpus=config.gpus_per_actor,
        timeout_s=config.timeout_s,
        retries=config.retries,
        window=1 if isolated else WINDOW,
        # Kept memory would be in the next image's peak, which isolated mode is there to measure.
        env={} if isolated else WORKER_ENV,
    )


def weights_sha256(config: JobConfig) -> str | None:
    """The weights' hash, by loading the method once on the CPU: a wrong setting is found before Ray starts."""
    # fp16 and a GPU's default need a GPU, which the driver's machine may not have; the weights are the same.
    away = config.precision == "auto" or (config.precision == "fp16" and config.device_name() != "cpu")
    precision = "fp32" if away else config.precision
    checked = config.model_copy(update={"device": "cpu", "precision": precision})
    found: str | None = load_stylizer(checked).weights_sha256
    return found


def finish(config: JobConfig, out: OutputDir, counts: dict[str, int]) -> int:
    """Print tables, places and counts; returns the exit status."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from stylize.report import summary

    console = Console(width=None if sys.stdout.isatty() else 140)
    frame = summary.load(out.folder)
    for table in summary.tables(frame):
        grid = Table(title=table.title, title_justify="left")
        for i, name in enumerate(table.header):
            grid.add_column(name, justify="left" if i == 0 else "right")
        for row in table.rows:
            grid.add_row(*map(Text, row))
        console.print(grid)
    text = summary.markdown(frame, f"Summary of {config.out.rpartition('/')[2]}")
    with writing(out.folder / "summary.md"):
        (out.folder / "summary.md").write_text(text, encoding="utf-8")
    out.publish("summary.md")
    print(f"images:  {one_line(out.at('images'))}")
    print(f"rows:    {one_line(out.at('rows'))}   pandas.read_parquet({out.at('rows')!r})")
    print(f"summary: {one_line(out.at('summary.md'))}")
    ok = counts.get("ok", 0)
    bad = {status: n for status, n in sorted(counts.items()) if status != "ok"}
    print(f"{ok} ok, {sum(bad.values())} not ok")
    for status, n in bad.items():
        print(f"  {status}: {n}")
    return cli.EXIT_NOT_ALL_OK if bad else cli.EXIT_OK


def entry() -> None:
    """Run the command line and exit."""
    log_format.configure(log_format.DRIVER)
    signals.run(main)


if __name__ == "__main__":
    entry()
