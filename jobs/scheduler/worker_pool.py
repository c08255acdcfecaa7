"""The workers of a run: made until they fill the cluster or are as many as asked, loaded, replaced, let go."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError

from jobs.scheduler.failure_detector import is_out_of_reach
from jobs.scheduler.memory_deaths import MemoryDeaths
from jobs.scheduler.ray_runtime import totals
from jobs.scheduler.shutdown import shutdown
from jobs.scheduler.worker import UNCALLED_S, BatchRunner, LoadError, UnfitNodeError, Worker, WorkerLocation
from jobs.scheduler.worker_state import GET_S, WorkerPhase, WorkerState, is_done, reason_of
from stylize.errors import CannotContinueError, StylizeError, UsageError, counted

WINDOW = 3
"""Batches in flight per worker: one being finished, one on the device, one being read."""
MAX_BATCH = 256
"""Tasks of a call, however short they are: all of them are tried one by one if their worker dies."""
FILL_EVERY_S = 5.0
"""How often it is looked whether the cluster has grown."""
WAIT_NOTICE_S = 30.0, 60.0
"""When to say what is waited for while no worker is loaded: the first time, and each later one."""
WORKER_BYTES = 2**29
"""What a worker on CPUs takes of its machine's memory, loaded and at work on images of 512 px (docs/decisions.md)."""
MAX_FAILED_STARTS = 3
"""How many workers in a row may fail to load, while none is loaded or still loads, before the run ends."""


@dataclass(frozen=True)
class SchedulerOptions:
    """How many workers there are to be, what each takes, and when a task is given up."""

    actors: int | None = None
    """Number of workers; None fills the cluster, and goes on filling it as it grows."""
    most: int | None = None
    """No more workers are made than this: as many as there are tasks, where those are few."""
    may_grow: bool = True
    """Whether machines may still come, so that workers wait for room; else none is made that would wait for ever."""
    cpus: float = 1
    gpus: float = 0
    timeout_s: float = 600
    load_s: float = 900
    """How long a worker may load; weights may have to be downloaded first."""
    retries: int = 1
    window: int = WINDOW
    max_batch: int = MAX_BATCH
    """Most tasks of one call."""
    env: dict[str, str] = field(default_factory=dict)
    """Environment variables of the workers."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), compare=False)
    """What the workers are numbered by: who starts workers several times in a run goes on counting."""


def workers_that_fit(node: dict[str, Any], cpus: float, gpus: float) -> int:
    """Return how many workers of so many CPUs and GPUs each fit on a node of `ray.nodes()`, were it empty."""
    have = node["Resources"]
    fits = have.get("CPU", 0) / cpus
    if gpus >= 1:
        fits = min(fits, have.get("GPU", 0) // gpus)
    elif gpus:
        # A worker's share is of one card: three of 0.4 do not fit on a card and what is left of another.
        fits = min(fits, have.get("GPU", 0) * (1 / gpus // 1))
    return int(fits + 1e-9)


class WorkerPool:
    """The workers of a run. `notify` gets plain lines about those that are waited for or fail.

    `problem` is set when the run cannot go on: what a worker said when it could not load (a StylizeError), or
    CannotContinueError when workers keep failing before they have loaded.
    """

    def __init__(
        self, make_runner: Callable[[str], BatchRunner], options: SchedulerOptions, notify: Callable[[str], None]
    ) -> None:
        self.workers: list[WorkerState] = []
        self.problem: StylizeError | None = None
        self.locations: dict[str, WorkerLocation] = {}
        """Where each worker ran that was loaded, by its name."""
        self.memory_deaths = MemoryDeaths()
        self._make_runner = ray.put(make_runner)
        self._options = options
        self._notify = notify
        self._made = 0
        self._failed_starts = 0
        self._failed_since_load = 0
        self._fill_at = 0.0
        self._wait_notice_at = time.monotonic() + WAIT_NOTICE_S[0]

    @property
    def loaded(self) -> int:
        """Return how many workers are loaded."""
        return sum(worker.is_loaded for worker in self.workers)

    def fill(self) -> None:
        """Make workers until there are enough, if it is time to look."""
        now = time.monotonic()
        if now < self._fill_at:
            return
        self._fill_at = now + FILL_EVERY_S
        alive = [node for node in ray.nodes() if node["Alive"]]
        self._forget_unfit_workers_except_on({node["NodeID"] for node in alive})
        fits = sum(self._workers_that_fit(node) for node in alive)
        if not self._made:
            self._tell_of_fewer(fits)
        for _ in range(self._missing(fits)):
            self.workers.append(self._make_worker())
        if not self.loaded and now > self._wait_notice_at:
            self._wait_notice_at = now + WAIT_NOTICE_S[1]
            self._notify(self._what_is_waited_for())

    def started(self, worker: WorkerState) -> None:
        """Take note that the call that loads a worker has ended, well or not."""
        try:
            worker.location, problem = ray.get(worker.start_call, timeout=GET_S)
        except RayError as error:
            # A node that is lost says nothing about the stylizer.
            reason = self.memory_deaths.reason(error, None) or reason_of(error)
            self._start_failed(worker, f"died ({reason})", counts=not is_out_of_reach(error))
            return
        if isinstance(problem, LoadError) or (isinstance(problem, UsageError) and self._others_may_load()):
            self._start_failed(worker, f"failed on {worker.location.node} ({problem})")
        elif isinstance(problem, UnfitNodeError):
            self._leave_out_node(worker, problem)
        else:
            self.problem = problem or self.problem
            self.locations[worker.name] = worker.location
            self._failed_since_load = 0
            worker.transition(WorkerPhase.IDLE)

    def _others_may_load(self) -> bool:
        """Return whether there are several machines: the driver found the call right, and one may lack a package."""
        return sum(1 for node in ray.nodes() if node["Alive"] and self._workers_that_fit(node)) > 1

    def end_slow_starts(self) -> None:
        """Give up on workers that load for too long, counted from when they have a node to do so."""
        for worker in list(self.workers):
            if worker.phase is WorkerPhase.STARTING and worker.probe().answered:
                worker.transition(WorkerPhase.LOADING)
            late = worker.phase is WorkerPhase.LOADING and worker.phase_s > self._options.load_s
            if late and not is_done(worker.start_call):
                self._start_failed(worker, f"took longer than {self._options.load_s:g} s")

    def did_work(self) -> None:
        """Take note that a batch came back: workers can load here."""
        self._failed_starts = 0

    def replace(self, worker: WorkerState) -> None:
        worker.end()
        self.workers[self.workers.index(worker)] = self._make_worker()

    def end(self) -> None:
        if not shutdown.ray_is_lost:
            for worker in self.workers:
                worker.end()
        self.workers.clear()

    def _forget_unfit_workers_except_on(self, alive: set[str]) -> None:
        self.workers = [w for w in self.workers if w.phase is not WorkerPhase.UNFIT or w.node_id in alive]

    def _tell_of_fewer(self, fits: int) -> None:
        wanted, most = self._options.actors, self._options.most
        if most is not None and most < min(wanted or fits, fits):
            self._notify(f"{counted(most, 'task')} to do, so {counted(most, 'worker is', 'workers are')} started")
        elif wanted is not None and fits < wanted:
            self._notify(f"{counted(wanted, 'worker was', 'workers were')} asked for; there is room for {fits} now")

    def _missing(self, fits: int) -> int:
        # A worker on a node that cannot do the work is none.
        fit = sum(worker.phase is not WorkerPhase.UNFIT for worker in self.workers)
        wanted, most = self._options.actors, self._options.most
        if wanted is not None and not self._options.may_grow:
            wanted = min(wanted, max(1, fits))
        missing = max(1, fits) - len(self.workers) if wanted is None else wanted - fit
        return missing if most is None else min(missing, most - fit)

    def _workers_that_fit(self, node: dict[str, Any]) -> int:
        return workers_that_fit(node, self._options.cpus, self._options.gpus)

    def _what_is_waited_for(self) -> str:
        loading = [worker.name for worker in self.workers if worker.phase is WorkerPhase.LOADING]
        if loading:
            return f"waiting for {', '.join(loading[:5])} to load"
        wanted = f"{self._options.cpus:g} CPU and {self._options.gpus:g} GPU"
        return f"waiting for {wanted} for a worker; the cluster has {totals()}, free are {totals(free=True)}"

    def _make_worker(self) -> WorkerState:
        self._made += 1
        number = next(self._options.numbers)
        actor: Any = (
            ray.remote(Worker)
            .options(
                num_cpus=self._options.cpus,
                num_gpus=self._options.gpus,
                max_concurrency=self._options.window + 1,
                max_restarts=0,
                runtime_env={"env_vars": self._options.env} if self._options.env else None,
            )
            .remote(self._make_runner, f"worker-{number}", UNCALLED_S)
        )
        return WorkerState(number, actor, actor.start.remote())

    def _start_failed(self, worker: WorkerState, how: str, counts: bool = True) -> None:
        worker.end()
        self.workers.remove(worker)
        self._failed_starts += counts
        self._failed_since_load += counts
        many = self._failed_starts >= MAX_FAILED_STARTS
        if self.loaded or (many and any(one.phase is WorkerPhase.LOADING for one in self.workers)):
            # The others can go on. Trying again soon and for ever would put the next one on the same bad node.
            self._fill_at = time.monotonic() + min(60.0, FILL_EVERY_S * 2 ** min(self._failed_since_load, 10))
            self._notify(f"{worker.name} {how} while it loaded the stylizer; going on with the others")
        elif many:
            self.problem = CannotContinueError(
                f"{counted(self._failed_starts, 'worker')} failed while they loaded the stylizer; the last one {how}"
            )
        else:
            self._fill_at = 0.0

    def _leave_out_node(self, worker: WorkerState, problem: UnfitNodeError) -> None:
        """Go on without a worker's node; set `problem` if no other is left."""
        worker.transition(WorkerPhase.UNFIT)
        self._fill_at = 0.0
        self._notify(f"{problem}; going on without this node")
        unfit = {one.node_id for one in self.workers if one.phase is WorkerPhase.UNFIT}
        nodes = [node for node in ray.nodes() if node["Alive"] and self._workers_that_fit(node)]
        if not self.loaded and all(node["NodeID"] in unfit for node in nodes):
            self.problem = CannotContinueError(str(problem))
