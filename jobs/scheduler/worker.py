"""The actor of a worker: it loads a stylizer once, then takes batches of tasks and returns Arrow batches of rows."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pyarrow as pa

from jobs.progress import log_format
from stylize.config import JobConfig
from stylize.errors import NoDeviceError, StylizeError, UsageError, WeightsError, named_message, of_a_signal
from stylize.io.files import at_hand
from stylize.measure.hardware import node_name
from stylize.results.schema import SCHEMA
from stylize.tasks.task import Task

log = logging.getLogger(__name__)

WORKER_ENV = {
    # glibc: freed memory stays in the worker. Every image needs as much again, and getting it anew from the kernel,
    # page by page, took up to a tenth of its time.
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "134217728",
    # In pages of 2 MB where the system allows it: activations are tens of MB each.
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    # OpenMP: a thread that waits for its team sleeps, so that reading and scoring get the core.
    "OMP_WAIT_POLICY": "PASSIVE",
}

UNCALLED_S = 60.0
"""How long an actor may wait for its `start`, which the driver calls as soon as it asks for the actor."""


class LoadError(StylizeError):
    """This worker could not load, perhaps because of its machine: a broken driver, a package that is not there."""


class UnfitNodeError(StylizeError):
    """This node cannot do the work: it does not see a folder, say. Others may."""


@dataclass(frozen=True)
class WorkerLocation:
    """Where a worker runs: Ray's id of the node, the node's name, and the cards that the worker was given.

    accelerator: what it computes on, its driver and libraries; None for a CPU.
    """

    node_id: str
    node: str
    gpu_ids: tuple[str, ...] = ()
    accelerator: dict[str, Any] | None = None

    @property
    def gpu_ids_text(self) -> str | None:
        """Return what the column `gpu_ids` holds: `0,1` for two cards, None for none."""
        return ",".join(self.gpu_ids) or None


class BatchRunner(Protocol):
    """Does the work inside an actor. One that uses an accelerator says so in its `accelerator`: see `devices.facts`."""

    def submit(self, tasks: list[Task]) -> Callable[[], pa.RecordBatch]:
        """Take tasks on and return a call that waits for their rows. A StylizeError from either ends the run."""


class Worker:
    """The actor: makes its runner once, then runs batches; several calls overlap inside it.

    Ray starts overlapping calls in any order. The driver blames the oldest batch it waits for when a worker hangs,
    so batches are numbered and taken on in that order.

    uncalled_s: the process ends if `start` is not called for so long. Ray loses the kill of an actor that has its
    process and is not made in it yet ("Mismatched ActorID" in its log): that one would hold its CPUs, uncalled, until
    the driver ends.
    """

    def __init__(
        self, make_runner: Callable[[str], BatchRunner], worker_id: str, uncalled_s: float | None = None
    ) -> None:
        self._make_runner = make_runner
        self._worker_id = worker_id
        self._runner: BatchRunner | None = None
        self._turn = threading.Condition()
        self._next = 0
        self._called = threading.Event()
        if uncalled_s is not None:
            threading.Thread(target=self._end_if_uncalled, args=(uncalled_s,), daemon=True).start()

    def _end_if_uncalled(self, after_s: float) -> None:
        if not self._called.wait(after_s):
            os._exit(1)

    def start(self) -> tuple[WorkerLocation, StylizeError | None]:
        """Load. What goes wrong is returned, with the location where it did, and is no actor's death."""
        self._called.set()
        log_format.configure(self._worker_id)
        try:
            self._runner = self._make_runner(self._worker_id)
        except NoDeviceError as error:
            # The driver has found the call right: it is this machine whose card or driver is broken.
            return this_location(), LoadError(str(error))
        except StylizeError as error:
            return this_location(), error
        except BaseException as error:  # a method of somebody's own may raise anything
            if of_a_signal(error):
                raise
            log.exception("the stylizer was not loaded")
            return this_location(), LoadError(named_message(error))
        return replace(this_location(), accelerator=getattr(self._runner, "accelerator", None)), None

    def ping(self) -> float:
        """Answer, as a sign of life: with the seconds for which a sweep's block has been loading, or took to load."""
        return float(getattr(self._runner, "loading_s", 0.0))

    def run(self, number: int, tasks: list[Task]) -> bytes | StylizeError:
        """Run this worker's batch `number`, counted from 0, and return its rows, packed.

        An error ends the run; but for DeviceLostError, after which the driver ends this worker.
        """
        assert self._runner is not None
        try:
            with self._turn:
                self._turn.wait_for(lambda: self._next == number)
                try:
                    wait = self._runner.submit(tasks)
                finally:
                    self._next += 1
                    self._turn.notify_all()
            return pack(wait())
        except StylizeError as error:
            return error


def this_location() -> WorkerLocation:
    import ray

    if not ray.is_initialized():  # a worker made in this very process, as tests do
        return WorkerLocation("", node_name())
    context = ray.get_runtime_context()
    gpus = context.get_accelerator_ids().get("GPU", [])
    return WorkerLocation(context.get_node_id(), node_name(), tuple(map(str, gpus)))


def pack(rows: pa.RecordBatch) -> bytes:
    """Serialize a batch of rows without its schema, SCHEMA: pickled with it, a row took 15 times as long.

    Raises ValueError for another schema, which could not be told from the bytes.
    """
    if not rows.schema.equals(SCHEMA):
        raise ValueError("a batch of rows has the columns of SCHEMA: make it with to_batch")
    return bytes(rows.serialize())


def unpack(packed: bytes) -> pa.RecordBatch:
    return pa.ipc.read_record_batch(packed, SCHEMA)


class MakeRunner:
    """Makes a worker's Runner. An actor is sent this, settings only, and loads the stylizer itself.

    `check` is called there first, and raises UnfitNodeError where the work cannot be done.
    """

    def __init__(self, config: JobConfig, run_id: str, token: str | None) -> None:
        self.config, self.run_id, self.token = config, run_id, token
        self.check: Callable[[], None] | None = None

    def __call__(self, worker_id: str) -> Any:
        """Load the stylizer and return a Runner with as many threads as the actor has CPUs."""
        from stylize.measure.memory import held_bytes
        from stylize.pipeline.runner import Runner

        device = str(self.prepare())
        host_before, device_before = held_bytes(device)
        stylizer = load_stylizer(self.config)
        host_after, device_after = held_bytes(device)
        return Runner(
            self.config,
            stylizer,
            run_id=self.run_id,
            worker_id=worker_id,
            token=self.token,
            gpu_ids=this_location().gpu_ids_text,
            model_bytes=(_growth(host_before, host_after), _growth(device_before, device_after)),
        )

    def prepare(self) -> Any:
        """Check this node, take the actor's share of CPUs and card, and return the device (a torch.device)."""
        import torch

        from stylize.machine import devices

        if self.check is not None:
            self.check()
        torch.set_num_threads(max(1, int(self.config.cpus)))
        found = devices.find(self.config.device_name())
        if devices.is_accelerator(found):
            devices.forbid_tf32()
            if self.config.gpus < 1:
                devices.cap_memory(found, devices.share_for_tensors(found, self.config.gpus))
        return found


def _growth(before: int | None, after: int | None) -> int | None:
    """Return how many bytes more are held; None if that is not known, as something else was freed meanwhile, say."""
    return after - before if before is not None and after is not None and after >= before else None


def method_settings(config: JobConfig) -> dict[str, Any]:
    """Return the method's settings that a config gives. Raises UsageError for what is an option instead."""
    from stylize.stylizers import find

    method = find(config.stylizer)
    settings = dict(config.settings)
    for name in ("weights", "device", "precision", "runtime"):
        if name in settings:
            raise UsageError(f"setting {name!r}: it is an option of its own; give {config.called(name)}")
    if "name" in settings:
        raise UsageError(f"setting 'name': there is no such setting; {config.called('stylizer')} names the method")
    if "seed" in method.settings_type.model_fields:
        settings.setdefault("seed", config.seed)
    return settings


def checked_settings(config: JobConfig) -> Any:
    """Return all settings of the method as it reads them, defaults included. Raises UsageError as `method_settings`."""
    from stylize.stylizers import check_settings, find

    return check_settings(find(config.stylizer), method_settings(config))


def uncompiled(config: JobConfig) -> JobConfig:
    """Return a config that loads the same weights and compiles nothing: only workers need what compiling takes."""
    if config.settings.get("compile") is not True:
        return config
    return config.model_copy(update={"settings": config.settings | {"compile": False}})


def load_stylizer(config: JobConfig) -> Any:
    """Load the stylizer that a config asks for. Raises UsageError or WeightsError."""
    from stylize.stylizers import load

    settings, weights = method_settings(config), config.weights
    if weights is not None:
        weights = str(at_hand(weights))
    try:
        how: dict[str, Any] = {"device": config.device_name(), "precision": config.precision, "runtime": config.runtime}
        return load(config.stylizer, weights=weights, max_memory=config.max_memory, **how, **settings)
    except WeightsError as error:
        # A copy's path tells nobody which file is meant.
        raise type(error)(str(error).replace(weights or "", config.weights or "")) from None
