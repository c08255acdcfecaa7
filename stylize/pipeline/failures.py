"""What becomes of a task that fails: which exceptions mean which status, and the row of a task that is lost."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stylize.config import JobConfig
from stylize.errors import (
    CannotContinueError,
    DeviceLostError,
    ImageError,
    NotFiniteError,
    StylizeError,
    WeightsError,
    harmless,
    message_of,
    named_message,
    of_a_signal,
)
from stylize.machine import devices
from stylize.naming import name_below
from stylize.pipeline.log_context import at_task
from stylize.results.schema import SCORED, Row
from stylize.stylizers import check_settings, find, numbers_of
from stylize.tasks.task import Task, settings_of

if TYPE_CHECKING:
    from stylize.pipeline.in_flight import InFlight

log = logging.getLogger(__name__)

_OF_STYLIZING = ("precision", "seed", "batch_size", "workers")


class FailureHandler:
    """Turns whatever a stage raises into its task's status and error: the one place that catches broadly."""

    def __init__(self) -> None:
        self.fatal: CannotContinueError | DeviceLostError | None = None
        """The first error after which this worker can make or write no result any more."""

    @contextlib.contextmanager
    def handled(self, item: InFlight) -> Iterator[None]:
        """Do a stage's work on an item: an exception fails the item and goes no further; logs name its task."""
        with at_task(item.task.task_id):
            try:
                yield
            except BaseException as error:  # a method of somebody's own may raise anything
                if of_a_signal(error):
                    raise
                self._fail(item, error)

    def _fail(self, item: InFlight, error: BaseException) -> None:
        status, known = status_of(error), isinstance(error, StylizeError)
        text = (message_of if known else named_message)(error, 1000)
        unexpected = status == "failed" and not known
        log.warning("%s: %s", status, text, exc_info=error if unexpected else None)
        item.fail(status, text)
        if status == "oom":
            devices.free_memory(error)
        if isinstance(error, CannotContinueError):
            self.fatal = self.fatal or error
        elif devices.device_lost(error):
            self.fatal = self.fatal or DeviceLostError(text)


def status_of(error: BaseException) -> str:
    """Return the status of a row whose task raised this."""
    if isinstance(error, ImageError):
        return error.status
    if isinstance(error, WeightsError):  # of a style that is a checkpoint
        return "corrupt"
    if isinstance(error, NotFiniteError):
        return "nan"
    return "oom" if devices.out_of_memory(error) else "failed"


def task_columns(config: JobConfig, task: Task) -> Row:
    """Return the columns that say which task a row is of."""
    pair, (photos, artworks) = task.pair, config.input_roots()
    return {
        "task_id": task.task_id,
        "attempt": task.attempt,
        "variant": task.variant,
        "repeat": task.repeat,
        "content_uri": pair.content.uri,
        "style_uri": pair.style.uri,
        "style_uris": pair.style_uris,
        "style_weights": json.dumps(pair.shares) if pair.shares else None,
        "photo": name_below(pair.content.uri, photos),
        "style": " + ".join(name_below(one.uri, artworks) for one in pair.styles),
        "content_type": pair.content.type,
        "style_type": pair.style.type,
    }


def scored_columns(config: JobConfig, task: Task) -> Row:
    """Return what a row of a picture that was made elsewhere says of it, whatever becomes of its task."""
    assert task.pair.result is not None
    return {"stylizer": config.stylizer, "measure_mode": SCORED, "output_uri": task.pair.result.uri}


def lost_row(config: JobConfig, run_id: str, task: Task, status: str, error: str, where: Row) -> Row:
    """Return the row of a task whose worker cannot speak for it: `timeout`, `crashed` or `oom`. Logs its error.

    `where` holds what is known of the worker: `worker_id`, `node`, `gpu_ids`.
    """
    settings, own = settings_of(config.result_settings(), task.pair.own, task.pair.shares), dict(task.pair.own)
    scored = task.pair.result is not None
    error = harmless(error)
    with at_task(task.task_id):
        log.warning("%s: %s", status, error)
    return {
        "run_id": run_id,
        **task_columns(config, task),
        **({} if scored else _method_columns(config, own)),
        # The worker would have said what `auto` means on its machine.
        "precision": None if config.precision == "auto" else config.precision,
        "runtime": None if config.runtime == "auto" else config.runtime,
        "resolution_px": own.get("resolution_px", config.resolution_px),
        "settings_json": json.dumps(settings, sort_keys=True),
        "status": status,
        "error": error,
        "started_at": datetime.now(UTC),
        "measure_mode": config.measure_mode,
        "batch_size": 1,
        "workers": config.workers,
        **where,
    } | (scored_columns(config, task) | dict.fromkeys(_OF_STYLIZING) if scored else {})


def _method_columns(config: JobConfig, own: Mapping[str, Any]) -> Row:
    """Return what a method and its settings put into its rows, as far as that is known without loading it.

    Reports tell methods apart by it, so that rows of lost tasks count with the others.
    """
    method = find(config.stylizer)
    given = {"seed": config.seed} | config.settings | dict(own)
    known = {name: value for name, value in given.items() if name in method.settings_type.model_fields}
    settings = check_settings(method, known)
    backbone = getattr(settings, "backbone", method.backbone)
    return {
        "stylizer": method.name,
        "backbone": backbone if isinstance(backbone, str) else None,
        **numbers_of({"seed": own.get("seed", config.seed)} | settings.model_dump()),
    }
