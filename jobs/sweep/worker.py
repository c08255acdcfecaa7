"""What a sweep's workers run: the blocks' variants one after the other, only one loaded at a time."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from jobs.scheduler.worker import MakeRunner, this_location
from stylize.config import JobConfig
from stylize.errors import CannotContinueError, DeviceLostError, NoDeviceError, StylizeError, named_message, of_a_signal
from stylize.machine import devices
from stylize.measure.memory import give_back
from stylize.pipeline.failures import lost_row
from stylize.results.schema import to_batch
from stylize.tasks.task import Task

log = logging.getLogger(__name__)


class MakeSweeper:
    """What an actor is sent: each variant's settings by its name."""

    def __init__(self, configs: dict[str, JobConfig], run_id: str, token: str | None) -> None:
        self.configs, self.run_id, self.token = configs, run_id, token
        self.check: Callable[[], None] | None = None
        """As of MakeRunner."""

    def __call__(self, worker_id: str) -> Any:
        """Return a Sweeper with no method loaded yet, but all that each needs: time for that is no image's."""
        import stylize.pipeline.runner  # noqa: F401 - torch with it

        if self.check is not None:
            self.check()
        # What libraries are made of stays: looking through it took more of a block than to load a small method.
        gc.freeze()
        return Sweeper(self.configs, self.run_id, self.token, worker_id)


class Sweeper:
    """Runs tasks of one block after another, each block with its method loaded anew.

    A method that cannot be loaded here (a precision the device has not, weights that are not there) leaves rows: what
    cannot run is a result of a sweep.
    """

    def __init__(self, configs: dict[str, JobConfig], run_id: str, token: str | None, worker_id: str) -> None:
        self._configs, self._run_id, self._token, self._worker_id = configs, run_id, token, worker_id
        place = this_location()
        self._where = {"worker_id": worker_id, "node": place.node, "gpu_ids": place.gpu_ids_text}
        self.accelerator = _card(next(iter(configs.values())))
        """As of Runner. All variants compute on one device."""
        self._block: tuple[str | None, int | None] | None = None
        self._runner: Any = None
        self._problem: tuple[str, str] | None = None
        """Status and error of the block's rows, where its method could not be loaded."""
        self._began_s = self._loaded_s = 0.0

    @property
    def loading_s(self) -> float:
        """Return for how long the block has been loading, or took to: no part of its first image's time."""
        return max(0.0, (self._loaded_s or time.monotonic()) - self._began_s) if self._began_s else 0.0

    def submit(self, tasks: list[Task]) -> Callable[[], pa.RecordBatch]:
        """Take tasks of one block; what is returned waits for their rows."""
        first = tasks[0]
        assert first.variant is not None
        config = self._configs[first.variant]
        if self._block != (first.variant, first.repeat):
            self._block = first.variant, first.repeat
            self._began_s, self._loaded_s = time.monotonic(), 0.0
            self._load(config)
            self._loaded_s = time.monotonic()
        if self._problem is not None:
            rows = [lost_row(config, self._run_id, task, *self._problem, self._where) for task in tasks]
            return lambda: to_batch(rows)
        wait: Callable[[], pa.RecordBatch] = self._runner.submit(tasks)
        return wait

    def _load(self, config: JobConfig) -> None:
        if self._runner is not None:
            self._runner.close(wait=True)  # its last image would be in the next one's baseline
        self._runner, self._problem = None, None
        _give_back()
        try:
            self._runner = MakeRunner(config, self._run_id, self._token)(self._worker_id)
        except (CannotContinueError, DeviceLostError):
            raise  # a store that does not answer is no trait of the method
        except NoDeviceError as error:
            raise DeviceLostError(str(error)) from None  # it was there as this worker began
        except StylizeError as error:
            self._problem = "unsupported", str(error)
        except BaseException as error:  # a method of somebody's own may raise anything
            if of_a_signal(error):
                raise
            log.exception("the method was not loaded")
            reason = named_message(error, 1000)
            if devices.device_lost(error):
                # It is no trait of the method either, and the next one would fail of it, too.
                raise DeviceLostError(reason) from error
            self._problem = "oom" if devices.out_of_memory(error) else "failed", reason


def _card(config: JobConfig) -> dict[str, Any] | None:
    """Return what the record says of the card; None for a CPU. Raises NoDeviceError: others may have one that works."""
    device = devices.find(config.device_name())
    if devices.is_accelerator(device):
        devices.forbid_tf32()
    return devices.facts(device)


def _give_back() -> None:
    """Return freed memory to the system, so that the next variant's peak is its own."""
    gc.collect()
    give_back()
    devices.empty_cache()
