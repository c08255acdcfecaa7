"""A job's settings, resolved once: everything that the call left open is decided here, before anything is written."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jobs.run.notes import notes_on
from jobs.run.output_dir import absolute_input, absolute_uri, check_place
from jobs.run.placement import place
from jobs.scheduler.ray_runtime import check_room, joins_cluster
from jobs.scheduler.worker import WORKER_ENV, checked_settings, load_stylizer, uncompiled
from jobs.scheduler.worker_pool import WINDOW, SchedulerOptions
from stylize import config as configs
from stylize import downloads, naming
from stylize.config import TORCHVISION, JobConfig
from stylize.downloads import NotDownloadedError
from stylize.errors import NoDeviceError, UsageError, message_of, one_line
from stylize.results.settings_json import read_settings
from stylize.stylizers import RANDOM
from stylize.tasks import pairing
from stylize.tasks.listing import FileKind
from stylize.tasks.output_names import OutputNames
from stylize.tasks.task import Pair, Task
from stylize.validation import Origin, Origins

_PATHS = {
    "content": None,
    "styles": None,
    "results": None,
    "manifest": None,
    "weights": RANDOM,
    "perceptual": TORCHVISION,
}
"""Settings that are paths, where a job has them, and the word of each that is none."""


@dataclass(frozen=True)
class ResolvedConfig:
    """What a run does: settings with absolute paths and a worker's size, and what serves as a style."""

    job: JobConfig
    style_kind: FileKind
    placement: tuple[str, ...] = ()
    """A line on who works where; none on a cluster, which is asked when the work starts."""
    unused: tuple[str, ...] = ()
    """A line on what else was given in vain."""

    @cached_property
    def weights_sha256(self) -> str | None:
        """Return the weights' hash, by loading the method once on the CPU: a wrong setting is known before Ray starts.

        Raises UsageError, WeightsError.
        """
        from stylize.stylizers import own_errors

        # The weights are the same, and fp16, int8 or a GPU's default need what the driver's machine may not have.
        away = self.job.precision in ("auto", "int8")
        away = away or (self.job.precision == "fp16" and self.job.device_name() != "cpu")
        here = {"device": "cpu", "precision": "fp32" if away else self.job.precision, "runtime": "torch"}
        with own_errors(self.job.stylizer):
            weights_sha256: str | None = load_stylizer(uncompiled(self.job.model_copy(update=here))).weights_sha256
        return weights_sha256

    @property
    def own_code(self) -> dict[str, str]:
        """Return what `RunRecord.own_code` holds of the method. Raises UsageError."""
        from stylize.stylizers import own_code

        return own_code([self.job.stylizer])

    @cached_property
    def notes(self) -> list[str]:
        """Return what is to be told of the settings, a line each. Raises UsageError as `checked_settings`."""
        return [*self.unused, *notes_on(self.job, checked_settings(self.job))]

    def check(self) -> None:
        """Find what a run would end with later: OUT, device, precision.

        Raises UsageError; CannotContinueError for an OUT that may not be written.
        """
        check_place(self.job.out, self.job.called("out"))
        self.check_device()
        check_room(self.job.address, self.job.cpus, self.job.gpus, self.job.called_resources())

    def check_device(self) -> None:
        """Raise UsageError for a precision that the method has not, or a device that this machine has not."""
        _check_precision(self.job)
        refuse_missing_device(self.job)
        self._check_runtime()

    def _check_runtime(self) -> None:
        """Raise UsageError for a runtime that the method or device has not, or that is not on this machine."""
        from stylize.stylizers import find

        job, method, settings = self.job, find(self.job.stylizer), checked_settings(self.job)
        method.refuse_of_torch(job.runtime, job.precision, settings)
        if not joins_cluster(job.address):
            method.choose_runtime(job.runtime, job.precision, job.device_name(), settings)

    def survey(self) -> pairing.Survey:
        """Count pairs, a manifest's as often as they are listed, and what is passed over. Raises UsageError."""
        return pairing.survey(self.job, self.style_kind)

    def pairs(self) -> Iterator[Pair]:
        """Return the pairs, lazily. Raises UsageError at once for inputs that are not there."""
        return pairing.pairs(self.job, self.style_kind)

    def tasks(self, pairs: Iterable[Pair], names: OutputNames | None = None) -> Iterator[Task]:
        """Return the tasks of pairs, lazily; their keys need `weights_sha256` at once. `names` names their results."""
        name = None if names is None else names.name
        return pairing.tasks(pairs, self.job.result_settings(), self.weights_sha256, self.job.format, name)

    def output_names(self) -> OutputNames:
        """Return what names the results: after the folders below CONTENT and STYLES, or below a manifest's own."""
        job = self.job
        return OutputNames(job.name or naming.LAYOUTS[job.layout], job.stylizer, job.format, *job.input_roots())


def scheduler_options(job: JobConfig) -> SchedulerOptions:
    """Return how many workers there are, what each takes, and when a task is given up."""
    isolated = job.measure_mode == "isolated"
    return SchedulerOptions(
        actors=job.workers,
        cpus=job.cpus,
        gpus=job.gpus,
        timeout_s=job.timeout_s,
        retries=job.retries,
        window=1 if isolated else WINDOW,
        # Kept memory would be in the next image's peak, which isolated mode is there to measure.
        env={} if isolated else WORKER_ENV,
    )


def resolve(values: dict[str, Any], origins: Origins | None = None) -> ResolvedConfig:
    """Return the settings by name as a run needs them.

    A cluster is asked for its machines where they decide what a worker takes.
    origins: how the settings were given, for messages.
    Raises UsageError; CannotContinueError for a cluster that does not answer.
    """
    config = configs.build(_styles_for_weights(values), origins)
    changes: dict[str, Any] = absolute_paths(config) | {"settings": _settings(config, origins or {})}
    unused: tuple[str, ...] = ()
    checkpoints = config.weights != RANDOM and _styles_are_weights(config.stylizer)
    if checkpoints and config.weights is not None:
        if config.manifest is not None:
            leave = f"leave {config.called('weights')} out"
            raise UsageError(f"{config.stylizer}: a manifest's style_uri names the checkpoint; {leave}")
        if changes["styles"] != changes["weights"]:
            unused = (
                f"{config.stylizer}'s styles are its checkpoints, {changes['weights']}: {config.styles} is not used",
            )
        changes |= {"styles": changes["weights"], "weights": None}
    placement = place(config)
    job = config.model_copy(update=changes | placement.settings)
    return ResolvedConfig(job, "checkpoints" if checkpoints else "images", placement.lines, unused)


@contextlib.contextmanager
def _in_file(origin: Origin | None) -> Iterator[None]:
    """Put the file that a setting stands in, if any, before what is wrong with it."""
    try:
        yield
    except UsageError as error:
        if origin is None or origin.file is None:
            raise
        raise type(error)(f"{one_line(origin.file)}: {error}") from None


def _settings(config: JobConfig, origins: Origins) -> dict[str, Any]:
    """Return the settings as the method reads them, without its defaults: written in another way they are the same.

    Whole numbers have no fraction, as rows of older programs have them. Raises UsageError as `checked_settings`.
    """
    from stylize.stylizers import find

    with _in_file(origins.get("stylizer")):
        find(config.stylizer)
    with _in_file(origins.get("settings")):
        settings = checked_settings(config)
        read, usual = settings.as_json(), type(settings).model_construct().as_json()
        check_rows_hold(config, read)
    plain = {name: int(one) if isinstance(one, float) and one.is_integer() else one for name, one in read.items()}
    # A seed given so comes before the run's own.
    others = {name for name, value in read.items() if name == "seed" or value != usual.get(name, ...)}
    return {name: plain[name] for name in config.settings if name in others}


def check_rows_hold(config: JobConfig, settings: dict[str, Any]) -> None:
    """Raise UsageError where rows with all these settings of a method could never be read again."""
    try:
        read_settings(json.dumps({"settings": settings, "stylizer_settings": settings}))
    except ValueError as error:
        why = f"rows cannot hold these ({message_of(error)})"
        raise UsageError(f"{config.called('settings')}: {why}; give what is long in a file of its own") from None


def check_scores(job: JobConfig, address: str | None, note: Callable[[str], None] | None) -> None:
    """Load what judges the results, if anything does, before workers do: what is wrong is known before Ray starts.

    note: gets a line on each download; with none, nothing is downloaded. Nor is it for a cluster, whose machines have
    caches and ways of their own. Raises UsageError, WeightsError, CannotContinueError.
    """
    if note is not None and not joins_cluster(address):
        with downloads.announced(note):
            load_scorer(job)
        return
    try:
        with downloads.forbidden():
            load_scorer(job)
    except NotDownloadedError as error:
        if note is not None:
            note(f"{error} by each machine that does not have it")


def load_scorer(job: JobConfig) -> None:
    """Load what judges the results, if anything does. Raises UsageError, WeightsError, CannotContinueError."""
    if job.perceptual is not None or job.lpips != "none":
        from stylize.pipeline.quality import Scorer

        Scorer(job, "cpu")


def _check_precision(job: JobConfig) -> None:
    from stylize.stylizers import find

    usable = find(job.stylizer).precisions
    if job.precision not in ("auto", *usable):
        given = f"{job.called('precision')} {job.precision}"
        raise UsageError(f"{given}: {job.stylizer} does not run in it; choose one of: {', '.join(usable)}")
    if job.precision == "fp16" and job.device_name() == "cpu":
        others = ", ".join(name for name in usable if name != "fp16")
        raise UsageError(f"{job.called('precision')} fp16: it needs a GPU; choose one of: {others}")
    if job.precision == "int8" and job.device_name() != "cpu":
        cpu = f"{job.called('device')} cpu"
        raise UsageError(f"{job.called('precision')} int8: it runs on x86 CPUs alone; give another one, or {cpu}")
    if job.precision == "int8" and job.runtime not in ("auto", "openvino"):
        other = f"{job.called('runtime')} {job.runtime}"
        raise UsageError(f"{job.called('precision')} int8: it runs in openvino alone; leave {other} out")


def refuse_missing_device(job: JobConfig) -> None:
    """Raise UsageError for a device that this machine has not, where it is this one that works."""
    if job.device_name() == "cpu":
        return
    cpu = f"{job.called('device')} cpu"
    if not joins_cluster(job.address):
        from stylize.machine import devices

        try:
            devices.find(job.device_name())
        except NoDeviceError as error:
            why = str(error).partition(": ")[2].partition(";")[0]
            raise UsageError(f"{why}; give {cpu}, or {job.called('address')} of a cluster with GPUs") from None


def _styles_for_weights(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with the weights as STYLES, where none are given to a method whose styles are its weights."""
    absent = all(values.get(name) is None for name in ("styles", "manifest"))
    if absent and values.get("weights") and _styles_are_weights(values.get("stylizer")):
        return values | {"styles": values["weights"]}
    return values


def _styles_are_weights(stylizer: str | None) -> bool:
    from stylize.stylizers import DEFAULT, find

    styles_are_weights: bool = find(stylizer or DEFAULT).styles_are_weights
    return styles_are_weights


def absolute_paths(config: JobConfig) -> dict[str, Any]:
    """Return the paths as workers need them. Raises UsageError for a relative OUT in a submitted job's copy."""
    paths = {name: getattr(config, name, None) for name in _PATHS}
    given = {name: absolute_input(path) for name, path in paths.items() if path not in (None, _PATHS[name])}
    return {"out": absolute_uri(config.out, config.called("out"))} | given
