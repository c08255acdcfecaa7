"""The workers of a run: made until they fill the cluster or are as many as asked, loaded, replaced, let go."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError

from jobs.scheduler.failure_detector import is_out_of_reach
from jobs.scheduler.ray_runtime import totals
from jobs.scheduler.shutdown import shutdown
from jobs.scheduler.worker import BatchRunner, LoadError, UnfitNodeError, Worker, WorkerLocation
from jobs.scheduler.worker_state import WorkerState, is_done, reason_of
from stylize.errors import CannotContinueError, StylizeError

log = logging.getLogger(__name__)

WINDOW = 3
"""Batches in flight a worker: one being finished, one on the device, one being read."""
MAX_BATCH = 256
FIT_EVERY_S = 5.0
MAX_FAILED_STARTS = 3
GET_S = 30.0
"""For the answer of a call that has ended: it is small, and comes from a node that may be out of reach by now."""


@dataclass(frozen=True)
class SchedulerOptions:
    """How many workers, what each takes, and when to give up on a task."""

    actors: int | None = None
    """None fills the cluster, and goes on filling it as it grows."""
    cpus: float = 1
    gpus: float = 0
    timeout_s: float = 600
    load_s: float = 900
    """How long a worker may load; weights may have to be downloaded first."""
    retries: int = 1
    window: int = WINDOW
    max_batch: int = MAX_BATCH
    """Tasks a call at most."""
    env: dict[str, str] = field(default_factory=dict)
    """Environment variables of the workers."""


def workers_that_fit(node: dict[str, Any], cpus: float, gpus: float) -> int:
    """How many workers, that take so much each, fit on a node of `ray.nodes()`; none on one that lacks a kind."""
    have = node["Resources"]
    fits = have.get("CPU", 0) / cpus
    if gpus >= 1:
        fits = min(fits, have.get("GPU", 0) // gpus)
    elif gpus:
        # A worker's share is of one card: three of 0.4 do not fit on a card and what is left of another.
        fits = min(fits, have.get("GPU", 0) * (1 / gpus // 1))
    return int(fits + 1e-9)


class WorkerPool:
    """The seats of a run and the workers in them. `notify` gets plain lines about those that are waited for or fail.

    `problem` is set when the run cannot go on: what a worker said when it could not load (a StylizeError), or
    CannotContinueError when workers keep failing before they have loaded.
    """

    def __init__(
        self, make: Callable[[str], BatchRunner], options: SchedulerOptions, notify: Callable[[str], None]
    ) -> None:
        self.seats: list[WorkerState] = []
        self.problem: StylizeError | None = None
        self.locations: dict[str, WorkerLocation] = {}
        """Where each worker ran that was loaded."""
        self._make = ray.put(make)
        self._options = options
        self._notify = notify
        self._numbers = 0
        self._failed_starts = 0
        self._fill_at = 0.0
        self._wait_notice_at = time.monotonic() + 30

    @property
    def loaded(self) -> int:
        """How many workers are loaded."""
        return sum(seat.ready for seat in self.seats)

    def fill(self) -> None:
        """Make workers until there are enough, if it is time to look."""
        now = time.monotonic()
        if now < self._fill_at:
            return
        self._fill_at = now + FIT_EVERY_S
        alive = [node for node in ray.nodes() if node["Alive"]]
        ids = {node["NodeID"] for node in alive}
        self.seats = [seat for seat in self.seats if not (seat.useless and seat.node_id not in ids)]
        fits = sum(self._room(node) for node in alive)
        if not self._numbers and self._options.actors is not None and fits < self._options.actors:
            self._notify(f"{self._options.actors} workers were asked for; there is room for {fits} now")
        for _ in range(self._missing(alive)):
            self.seats.append(self._seat())
        if not self.loaded and now > self._wait_notice_at:
            self._wait_notice_at = now + 60
            self._notify(self._waiting())

    def _missing(self, alive: list[dict[str, Any]]) -> int:
        if self._options.actors is not None:
            # A worker on a node that cannot do the work is none.
            return self._options.actors - sum(not seat.useless for seat in self.seats)
        # Node by node: an actor cannot straddle two.
        return max(1, sum(self._room(node) for node in alive)) - len(self.seats)

    def _room(self, node: dict[str, Any]) -> int:
        return workers_that_fit(node, self._options.cpus, self._options.gpus)

    def _waiting(self) -> str:
        loading = [seat.name for seat in self.seats if seat.placed_at is not None and not seat.useless]
        if loading:
            return f"waiting for {', '.join(loading[:5])} to load"
        wanted = f"{self._options.cpus:g} CPU and {self._options.gpus:g} GPU"
        return f"waiting for {wanted} for a worker; the cluster has {totals()}"

    def _seat(self) -> WorkerState:
        self._numbers += 1
        actor: Any = (
            ray.remote(Worker)
            .options(
                num_cpus=self._options.cpus,
                num_gpus=self._options.gpus,
                max_concurrency=self._options.window + 1,
                max_restarts=0,
                runtime_env={"env_vars": self._options.env} if self._options.env else None,
            )
            .remote(self._make, f"worker-{self._numbers}")
        )
        return WorkerState(self._numbers, actor, actor.start.remote(), ping=actor.ping.remote())

    def started(self, seat: WorkerState) -> None:
        """The call that loads it has ended, well or not."""
        try:
            seat.place, problem = ray.get(seat.starting, timeout=GET_S)
        except RayError as error:
            # A node that is lost says nothing about the stylizer.
            self._not_loaded(seat, f"died ({reason_of(error)})", counts=not is_out_of_reach(error))
            return
        if isinstance(problem, LoadError):
            self._not_loaded(seat, f"failed on {seat.place.node} ({problem})")
            return
        seat.starting = seat.ping = None
        if isinstance(problem, UnfitNodeError):
            self._unfit(seat, problem)
            return
        self.problem = problem or self.problem
        self.locations[seat.name] = seat.place
        seat.ready = True

    def expire(self) -> None:
        """Give up on workers that load for too long, from when they have a place to do so."""
        now = time.monotonic()
        for seat in [seat for seat in self.seats if seat.starting is not None]:
            if seat.placed_at is None:
                if seat.ping is not None and is_done(seat.ping):
                    seat.placed_at = now
            elif now - seat.placed_at > self._options.load_s and not is_done(seat.starting):
                self._not_loaded(seat, f"took longer than {self._options.load_s:g} s")

    def did_work(self) -> None:
        """A batch came back: workers can load here."""
        self._failed_starts = 0

    def replace(self, seat: WorkerState) -> None:
        """End a worker and put another in its place."""
        ray.kill(seat.actor)
        self.seats[self.seats.index(seat)] = self._seat()

    def end(self) -> None:
        """Let all of them go."""
        if not shutdown.ray_is_lost:
            for seat in self.seats:
                ray.kill(seat.actor)
        self.seats.clear()

    def _not_loaded(self, seat: WorkerState, how: str, counts: bool = True) -> None:
        ray.kill(seat.actor)
        self.seats.remove(seat)
        self._failed_starts += counts
        if self.loaded:
            # The others can go on. Trying again soon and for ever would put the next one on the same bad node.
            self._fill_at = time.monotonic() + min(60.0, FIT_EVERY_S * 2**self._failed_starts)
            self._notify(f"{seat.name} {how} while it loaded the stylizer; going on with the others")
        elif self._failed_starts >= MAX_FAILED_STARTS:
            self.problem = CannotContinueError(
                f"{self._failed_starts} workers failed while they loaded the stylizer; the last one {how}"
            )
        else:
            self._fill_at = 0.0

    def _unfit(self, seat: WorkerState, problem: UnfitNodeError) -> None:
        """Go on without this node, unless no other is left."""
        seat.useless = True
        self._fill_at = 0.0
        self._notify(f"{problem}; going on without this node")
        unfit = {one.node_id for one in self.seats if one.useless}
        others = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] not in unfit and self._room(node)]
        if not others and not self.loaded:
            self.problem = CannotContinueError(str(problem))
