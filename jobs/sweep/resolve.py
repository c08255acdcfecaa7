"""A sweep with everything decided that its file left open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.run.earlier_rows import changed_code_lines, quality_lines, result_settings
from jobs.run.notes import notes_on
from jobs.run.output_dir import absolute_input
from jobs.run.placement import sweep_takes
from jobs.run.resolve import check_rows_hold, refuse_missing_device
from jobs.run.stored_rows import Rows
from jobs.scheduler.ray_runtime import Called, check_room, joins_cluster
from jobs.scheduler.worker import checked_settings, load_stylizer, uncompiled
from stylize.config import TORCHVISION, JobConfig
from stylize.downloads import NotDownloadedError
from stylize.errors import CannotContinueError, StylizeError, UsageError, counted
from stylize.results.run_record import RunRecord
from stylize.stylizers import RANDOM, find, own_code, own_errors
from stylize.tasks import sweep
from stylize.tasks.sweep import Block, Method, Sweep
from stylize.tasks.task import Pair, Task

ANEW = "another OUT measures it anew"


@dataclass(frozen=True)
class ResolvedSweep:
    """What a sweep does: its blocks in order, and the settings and weights of each variant by its name."""

    plan: Sweep
    out: str
    cpus: float
    gpus: float
    """CPUs and GPUs of a worker."""
    blocks: list[Block]
    configs: dict[str, JobConfig]
    weights_sha256: dict[str, str | None]
    absent: Sequence[str] = ()
    """A line on each of the weights that a dry run does not download, whose rows it does not know."""

    def tasks(self, block: Block, pairs: Sequence[Pair]) -> list[Task]:
        name = block.variant.name
        return list(sweep.tasks(block, pairs, self.configs[name], self.weights_sha256[name]))

    @property
    def notes(self) -> list[str]:
        """Return what is to be told of the variants' settings, a line each. Raises UsageError."""
        told: dict[str, None] = {}
        for config in self.configs.values():
            told |= dict.fromkeys(notes_on(config, checked_settings(config)))
        return list(told)

    @property
    def own_code(self) -> dict[str, str]:
        """Return what `RunRecord.own_code` holds of the methods. Raises UsageError."""
        return own_code(config.stylizer for config in self.configs.values())

    @property
    def takes(self) -> str:
        """Return what a worker takes, for a message."""
        return f"{self.cpus:g} CPU" + (f" and {self.gpus:g} GPU" if self.gpus else "")

    @property
    def asks(self) -> tuple[float, float, Called]:
        """Return the CPUs and GPUs of all workers at once, and what messages call workers and settings."""
        most = max(self.plan.workers)
        called = ("workers",) * (most > 1) + ("cpus_per_actor", "gpus_per_actor")
        return self.cpus * most, self.gpus * most, (f"{most} workers" if most > 1 else "a worker", *called)

    def of_earlier_rows(self, rows: Rows, runs: Iterable[RunRecord]) -> list[str]:
        """Return what is to be told of rows that are there and were made otherwise. runs: those that made them."""
        changed = changed_code_lines(runs, rows, self.own_code, ANEW)
        return [*changed, *self._other_threads(rows), *self.other_work(rows), *quality_lines(rows.older_rows)]

    def _other_threads(self, rows: Rows) -> list[str]:
        """Return a line if rows on CPUs had other threads than now.

        They stay: a number of workers that is added to a sweep may leave each of them fewer CPUs.
        """
        now, then = max(1, int(self.cpus)), Counter[int]()
        for batch in rows.columns(["variant", "device", "threads"]):
            for variant, device, threads in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                if variant in self.configs and device == "cpu" and threads not in (None, now):
                    then[threads] += 1
        if self.gpus or not then:
            return []
        had = " or ".join(map(str, sorted(then))) + (" CPU threads" if [*then] != [1] else " CPU thread")
        return [
            f"{counted(then.total(), 'row')} of OUT had {had}, and workers have {now} now: reports compare "
            "none of these with those; the sweep into another OUT measures all alike"
        ]

    def other_work(self, rows: Rows) -> list[str]:
        """Return a line if rows of these variants were made otherwise than is asked for now.

        They stay: an older program, or weights that were trained again since, left them.
        """
        made = Counter[tuple[Any, ...]]()
        for batch in rows.columns(["variant", "settings_json", "weights_sha256"]):
            made.update(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        others = sum(number for row, number in made.items() if row[0] in self.configs and not self.is_of(*row))
        had, stay = ("has", "it stays") if others == 1 else ("have", "they stay")
        told = f"{counted(others, 'row')} of OUT {had} other weights or settings than the variant of that name has now"
        return [f"{told}: {stay}, new ones come beside, and reports keep them apart"] if others else []

    def is_of(self, variant: str, settings_json: str | None, weights: str | None) -> bool:
        """Return whether a variant's row has the settings and weights that the variant has now."""
        config = self.configs.get(variant)
        same = config is not None and result_settings(settings_json) == config.result_settings()
        return same and not self._others(weights, variant)

    def _others(self, weights: str | None, variant: str) -> bool:
        """Return whether a row's weights are others than a variant has now, where both are known."""
        now = self.weights_sha256[variant]
        return weights not in (None, now) and not (now is None and self.absent)


def resolve(plan: Sweep, out: str, address: str | None) -> ResolvedSweep:
    """Return the sweep as it runs into OUT, an absolute path or URI, on this machine or the cluster at `address`.

    Raises UsageError, CannotContinueError.
    """
    with plan.named():
        takes, variants = sweep_takes(plan, address), sweep.variants(plan)
    configs = {}
    for variant in variants:
        with plan.named(variant.name):
            configs[variant.name] = variant.config(plan, out, takes)
    refuse_missing_device(next(iter(configs.values())).model_copy(update={"address": address}))
    cpus, gpus = takes["cpus_per_actor"], takes["gpus_per_actor"]
    absent: list[str] = []
    hashes = _weights_sha256(plan, configs, absent, elsewhere=joins_cluster(address))
    resolved = ResolvedSweep(plan, out, cpus, gpus, sweep.plan(plan), configs, hashes, absent)
    check_room(address, *resolved.asks)
    return resolved


def with_paths(plan: Sweep, weights: Sequence[str]) -> Sweep:
    """Return the plan with absolute paths, and with the weights that NAME=PATH words give its methods.

    Raises UsageError for a word that is none, or names a method that the plan has not.
    """
    changes: dict[str, Any] = {"methods": _with_weights(plan, weights)}
    for name in ("content", "styles", "perceptual"):
        if (path := getattr(plan, name)) is not None and path != TORCHVISION:
            changes[name] = _absolute(path, plan.called(name))
    return plan.model_copy(update=changes)


def _absolute(path: str, called: str) -> str:
    try:
        return absolute_input(path)
    except UsageError as error:
        raise UsageError(f"{called}: {error}") from None


def _with_weights(plan: Sweep, words: Sequence[str]) -> list[Method]:
    given = dict(word.partition("=")[::2] for word in words)
    known = {method.name for method in plan.methods}
    for name, path in given.items():
        if name not in known or not path:
            # The word itself is not repeated, as a URI may hold a password.
            raise UsageError(f"--weights: expected METHOD=PATH, METHOD one of {', '.join(sorted(known))}")
    changed = []
    for method in plan.methods:
        weights = given.get(method.name, method.weights)
        if weights is not None and weights != RANDOM:
            of_file = f"{plan.called('methods')}: weights of {method.name}"
            weights = _absolute(weights, f"--weights {method.name}" if method.name in given else of_file)
        changed.append(method.model_copy(update={"weights": weights}))
    return changed


def _weights_sha256(
    plan: Sweep, configs: dict[str, JobConfig], absent: list[str], elsewhere: bool = False
) -> dict[str, str | None]:
    """Return each variant's hash of weights; None where the method cannot be loaded: its rows will say why.

    absent: gets a line on each that would have to be downloaded, where that is forbidden. elsewhere: other machines do
    the work, so that this one need not have their runtimes. Raises UsageError, CannotContinueError.
    """
    here = {"device": "cpu", "precision": "fp32"} | ({"runtime": "torch"} if elsewhere else {})
    by_model: dict[str, str | None] = {}
    hashes = {}
    for name, config in configs.items():
        checked = config.model_copy(update=here)
        # Variants differ in what a method is asked for, too: each model is loaded once.
        model = repr((checked.stylizer, checked.weights, checked.settings, checked.seed))
        with plan.named(name):
            _check_settings(config)
            if model not in by_model:
                by_model[model] = _hash_of(checked, absent)
        hashes[name] = by_model[model]
    return hashes


def _check_settings(config: JobConfig) -> None:
    settings = checked_settings(config)
    check_rows_hold(config, settings.as_json())
    find(config.stylizer).refuse_of_torch(config.runtime, config.precision, settings)


def _hash_of(config: JobConfig, absent: list[str]) -> str | None:
    try:
        with own_errors(config.stylizer):
            weights_sha256: str | None = load_stylizer(uncompiled(config)).weights_sha256
    except NotDownloadedError as error:
        absent += [line for line in (str(error),) if line not in absent]
        return None
    except (UsageError, CannotContinueError):
        raise
    except StylizeError:
        return None
    return weights_sha256
