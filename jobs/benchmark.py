"""A sweep over methods, settings, precisions, resolutions and workers, measured so that numbers compare:

    python -m jobs.benchmark SWEEP OUT

SWEEP is a YAML file or the name of a shipped one. Blocks (one repeat of one combination) run one at a time, in a seeded
random order, so that slow drift of the machine falls on all alike. The same command resumes. What a method cannot do
leaves an `oom`, `timeout` or `unsupported` row: limits are results.
"""

from __future__ import annotations

import itertools
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from jobs.progress import log_format
from jobs.progress.reporter import Reporter
from jobs.progress.stats import RunStats
from jobs.run import signals
from jobs.run.driver import Driver
from jobs.run.output_dir import (
    OutputDir,
    absolute_input,
    absolute_uri,
    new_run_id,
    open_output,
    rows_at_hand,
    run_folders,
)
from jobs.scheduler import preflight
from jobs.scheduler.ray_runtime import address_of, local_or_cluster
from jobs.scheduler.scheduler import Scheduler
from jobs.scheduler.worker import WORKER_ENV, load_stylizer
from jobs.scheduler.worker_pool import WINDOW, SchedulerOptions
from jobs.sweep import inputs
from jobs.sweep.worker import MakeSweeper
from stylize import cli
from stylize.config import TORCHVISION, JobConfig
from stylize.errors import CannotContinueError, StylizeError, UsageError, one_line, unknown
from stylize.io.files import write_atomic, writing
from stylize.io.location import local_path
from stylize.measure import hardware
from stylize.report import claims, frame
from stylize.report.estimate import Wanted, told
from stylize.results.read import read_rows
from stylize.results.run_record import RunRecord
from stylize.results.schema import Row, key_of, to_batch
from stylize.results.store import RowStore
from stylize.tasks import sweep
from stylize.tasks.sweep import Block, Sweep
from stylize.tasks.task import Pair, Task

SHIPPED = Path(__file__).parent / "sweep"


def main(argv: Sequence[str]) -> int:
    """Run the sweep; returns the exit status: 0 all ok, 3 some rows are not."""
    given = parser().parse_args(argv)
    path = _sweep_path(given.sweep)
    changes = {
        name: getattr(given, name) for name in ("content", "styles", "perceptual", "device") if getattr(given, name)
    }
    plan = sweep.read(path, changes)
    plan = plan.model_copy(update={"methods": _with_weights(plan.methods, given.weights)})
    if plan.perceptual is not None and plan.perceptual != TORCHVISION:
        plan = plan.model_copy(update={"perceptual": absolute_input(plan.perceptual)})
    out = absolute_uri(given.out)
    if given.dry_run:
        return _dry_run(plan, out, given)
    if address_of(given.address) and plan.cpus_per_actor is None and not plan.gpus_per_actor:
        raise UsageError(f"{given.sweep}: on a cluster a sweep says what a worker takes: add cpus_per_actor to it")
    # What the caller got wrong is said before OUT is made.
    inputs.check(plan, out)
    run = _Run(plan, out, new_run_id())
    with signals.handle_signals(), open_output(out, note=lambda text: print(text, flush=True)) as place:
        run.inputs = inputs.inputs(plan, inputs.put_own(plan, place))
        return _locked(run, place, argv, given)


def parser() -> cli.Parser:
    """Return the command line."""
    parser = cli.Parser(
        prog="benchmark",
        usage="python -m jobs.benchmark SWEEP OUT [options]",
        description="Measure every combination of a sweep's methods, settings, precisions, sizes and workers into OUT. "
        "The same command resumes.",
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
    method.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], help="where the networks run, instead of the sweep's"
    )
    output = parser.group("output")
    output.add_argument("out", metavar="OUT", help="folder for rows/, images/ and run.json; s3:// and gs://, too")
    output.add_argument("--retry-failed", action="store_true", help="do images again whose rows are not ok")
    parser.group("workers").add_argument(
        "--address",
        metavar="HOST:PORT",
        help="Ray cluster to use; none: the one RAY_ADDRESS names, else a Ray of its own",
    )
    parser.group("measuring").add_argument(
        "--perceptual", metavar="PATH", help="VGG19 weights for the distance columns, or `torchvision` for its own"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would run, with time and memory from rows in OUT"
    )
    parser.add_argument(
        "--from", dest="rows_from", metavar="PATH", help="with --dry-run: time and memory from the rows of another run"
    )
    parser.add_argument(
        "--progress", choices=["auto", "bar", "plain", "off"], default="auto",
        help="how far it is: a bar or lines; auto: a bar on a terminal (default auto)",
    )  # fmt: skip
    return parser


def _sweep_path(word: str) -> Path:
    try:
        path = local_path(word)
    except UsageError as error:
        raise UsageError(f"SWEEP: {error}, or the name of a shipped one") from None
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return path
    if (shipped := SHIPPED / f"{word}.yaml").is_file():
        return shipped
    raise UsageError(f"{unknown('sweep', word, _shipped())} (or give a YAML file)")


def _shipped() -> list[str]:
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def _with_weights(methods: list[sweep.Method], given: list[str]) -> list[sweep.Method]:
    """The methods with the weights that the command line names; a name that the sweep has not is a wrong call."""
    found = dict(word.partition("=")[::2] for word in given)
    known = {method.name for method in methods}
    for name, path in found.items():
        if name not in known or not path:
            # The word itself is not repeated, as a URI may hold a password.
            raise UsageError(f"--weights: expected METHOD=PATH, METHOD one of {', '.join(sorted(known))}")
    absolute = {name: path if path == "random" else absolute_input(path) for name, path in found.items()}
    return [m.model_copy(update={"weights": absolute.get(m.name, m.weights)}) for m in methods]


class _Run:
    """A sweep under way, or about to be. out: where its images go."""

    def __init__(self, plan: Sweep, out: str, run_id: str, inputs: Sequence[Pair] = ()) -> None:
        self.plan, self.run_id = plan, run_id
        self.inputs = inputs
        self.blocks = sweep.plan(plan)
        self.cpus = plan.cpus_per_actor or max(1, hardware.usable_cores() // max(plan.workers))
        self.configs = {variant.name: variant.config(plan, out, self.cpus) for variant in sweep.variants(plan)}
        self.weights = {name: _weights_sha256(config) for name, config in self.configs.items()}

    def tasks(self, block: Block) -> list[Task]:
        """A block's tasks."""
        name = block.variant.name
        return list(sweep.tasks(block, self.inputs, self.configs[name], self.weights[name]))

    def options(self, workers: int) -> SchedulerOptions:
        """The fan-out's part of the sweep."""
        isolated = self.plan.mode == "isolated"
        return SchedulerOptions(
            actors=workers, cpus=self.cpus, gpus=self.plan.gpus_per_actor, timeout_s=self.plan.timeout_s,
            window=1 if isolated else WINDOW, env={} if isolated else WORKER_ENV,
        )  # fmt: skip

    def check_nodes(self, token: str, note: Callable[[str], None]) -> tuple[list[dict[str, Any]], Callable[[], None]]:
        """Ask a cluster's nodes whether they see what the sweep needs: what they have, and the check for later ones."""
        first, *others = self.configs.values()
        wanted = preflight.requirements(first, self.inputs[0], token, others)
        return preflight.check_nodes(self.options(max(self.plan.workers)), wanted, note), wanted.check

    def lost(self, task: Task, status: str, error: str, where: Row) -> pa.RecordBatch:
        """The row of a task whose worker cannot make it."""
        from stylize.pipeline.failures import lost_row

        return to_batch([lost_row(self.configs[task.variant or ""], self.run_id, task, status, error, where)])


def _weights_sha256(config: JobConfig) -> str | None:
    """None where the method cannot be loaded: its rows will say why. Raises UsageError, CannotContinueError."""
    checked = config.model_copy(update={"device": "cpu", "precision": "fp32"})
    try:
        found: str | None = load_stylizer(checked).weights_sha256
    except (UsageError, CannotContinueError):
        raise
    except StylizeError:
        return None
    return found


def _locked(run: _Run, out: OutputDir, argv: Sequence[str], given: Namespace) -> int:
    plan, run_id = run.plan, run.run_id
    with RowStore.open(out.folder, run_id=run_id, mirror=out.mirror) as store:
        done = store.finished(given.retry_failed)
        record = _write_record(out, plan, run, argv)
        todo = [(block, [t for t in run.tasks(block) if key_of(t.task_id) not in done]) for block in run.blocks]
        total = sum(len(run.tasks(block)) for block in run.blocks)
        left = [(block, tasks) for block, tasks in todo if tasks]
        if not left:
            print(f"nothing to do: all {total} tasks have their rows already", flush=True)
        else:
            most = max(plan.workers)
            with (
                local_or_cluster(given.address, run.cpus * most, plan.gpus_per_actor * most) as shared,
                log_format.among_rays(run_id),
                Reporter(RunStats(total), given.progress) as shown,
            ):
                shown.note(f"{len(run.blocks)} blocks, {total} images, {run.cpus:g} CPU a worker, {plan.mode}")
                if kept := total - sum(len(tasks) for _, tasks in left):
                    shown.stats.keep("ok", kept)
                    shown.note(f"resuming: {kept} have rows already")
                make = MakeSweeper(run.configs, run_id, out.token)
                if shared:
                    record.nodes, make.check = run.check_nodes(out.token, shown.note)
                    out.save(record)
                _measure(run, left, Driver(store, shown), make)
        counts = store.count_by_status()
    if plan.claims:
        for claim in claims.check(frame.load([out.folder])):
            print(f"claim:   {claim.text}: {claim.verdict} ({claim.measured or 'no such rows'})")
    print(f"rows:    {one_line(out.at('rows'))}")
    print(f"report:  python -m jobs.summarize {shlex.quote(out.uri)} --out REPORT")
    print(", ".join(f"{n} {status}" for status, n in counts.items()))
    return cli.EXIT_OK if set(counts) <= {"ok"} else cli.EXIT_NOT_ALL_OK


def _measure(run: _Run, left: Iterable[tuple[Block, list[Task]]], driver: Driver, make: MakeSweeper) -> None:
    """Do the blocks' tasks. Blocks of one number of workers follow each other, and share them."""
    for workers, blocks in itertools.groupby(left, key=lambda one: one[0].variant.workers):
        with Scheduler(make, run.lost, run.options(workers), notify=driver.reporter.note) as scheduler:
            for _, tasks in blocks:
                driver.run(scheduler, iter(tasks))


def _write_record(out: OutputDir, plan: Sweep, run: _Run, argv: Sequence[str]) -> RunRecord:
    """Write run.json, and the sweep as it is run, so that one command makes it again."""
    import yaml

    variants = {name: config.model_dump() for name, config in run.configs.items()}
    command = shlex.join(["python", "-m", "jobs.benchmark", *argv])
    record = RunRecord.begin(run.run_id, command, title=plan.title, claims=plan.claims, variants=variants)
    out.save(record)
    kept = out.folder / "sweep.yaml"
    with writing(kept):
        text = yaml.safe_dump(plan.model_dump(exclude_defaults=True), sort_keys=False, allow_unicode=True)
        write_atomic(kept, text.encode())
    out.publish("sweep.yaml")
    return record


def _dry_run(plan: Sweep, out: str, given: Namespace) -> int:
    """What is left to do, and what rows of OUT, or of another run, say it will take."""
    inputs.check(plan, out)
    with rows_at_hand(out) as at_hand, inputs.own_for_now(plan, out) as own_images:
        run = _Run(plan, out, "dry", inputs.inputs(plan, own_images))
        own = _rows_of(at_hand)
    rows = own
    if given.rows_from:
        with run_folders([given.rows_from]) as (other,):
            rows = _rows_of(other)
    done = set() if own is None else set(own.loc[own["ok"] | (not given.retry_failed), "task_id"])
    wanted, total = [], 0
    for variant in sweep.variants(plan):
        tasks = [task for block in run.blocks if block.variant == variant for task in run.tasks(block)]
        left = [task for task in tasks if task.task_id not in done]
        total += len(tasks)
        method = variant.method.title()
        wanted.append(Wanted(method, variant.precision, variant.resolution_px, variant.workers, len(left)))
    print(f"{len(run.blocks)} blocks, {total} images, {sum(one.images for one in wanted)} of them still to do")
    print(f"{run.cpus:g} CPU a worker, {plan.mode}; nothing was written")
    print("\n".join(told(rows, wanted)))
    return cli.EXIT_OK


def _rows_of(out: Path) -> pd.DataFrame | None:
    return frame.load([out]) if (out / "rows").is_dir() and read_rows(out, ["status"]).num_rows else None


if __name__ == "__main__":
    log_format.configure(log_format.DRIVER)
    sys.argv[0] = "benchmark"
    signals.run(main)
