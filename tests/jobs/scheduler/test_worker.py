from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from jobs.scheduler.worker import LoadError, Worker, pack, unpack
from stylize.errors import NoDeviceError, StylizeError
from stylize.results.schema import SCHEMA, to_batch
from stylize.tasks.task import Task
from tests.support.scripted_workers import row, task


class Recording:
    """Keeps the order in which it is given tasks; refuses the one with `refuse` in it."""

    def __init__(self, worker_id: str) -> None:
        self.taken: list[str] = []

    def submit(self, tasks: list[Task]) -> Callable[[], pa.RecordBatch]:
        """The rows, at once."""
        self.taken += [task.pair.content.uri for task in tasks]
        if "refuse" in self.taken[-1]:
            raise StylizeError("no more")
        return lambda: to_batch([row(task, "ok") for task in tasks])


def test_batches_are_taken_on_in_the_order_of_their_numbers_whatever_order_the_calls_start_in() -> None:
    work = Recording("")
    worker = Worker(lambda _: work, "worker-1")
    assert worker.start()[1] is None
    late = [threading.Thread(target=worker.run, args=(number, [task(number)])) for number in (2, 1)]
    for thread in late:
        thread.start()
    assert work.taken == []
    worker.run(0, [task(0)])
    for thread in late:
        thread.join(120)
    assert work.taken == ["0:ok", "1:ok", "2:ok"]


def test_a_batch_that_is_refused_does_not_hold_up_the_next() -> None:
    worker = Worker(Recording, "worker-1")
    worker.start()
    assert isinstance(worker.run(0, [task(0, "refuse")]), StylizeError)
    result = worker.run(1, [task(1)])
    assert not isinstance(result, StylizeError)
    assert unpack(result).column("status").to_pylist() == ["ok"]


def test_a_machine_whose_card_is_not_seen_is_no_fault_of_the_call() -> None:
    def refuses(worker_id: str) -> Recording:
        raise NoDeviceError("device cuda: torch sees no cuda device here")

    problem = Worker(refuses, "worker-1").start()[1]
    assert isinstance(problem, LoadError)
    assert "no cuda device" in str(problem)


@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt])
def test_a_method_that_ends_its_process_while_it_loads_is_one_that_does_not_load(raised: type[BaseException]) -> None:
    def ends(worker_id: str) -> Recording:
        raise raised("bye")

    with ThreadPoolExecutor(1) as pool:  # as in an actor
        problem = pool.submit(Worker(ends, "worker-1").start).result()[1]
    assert isinstance(problem, LoadError)
    assert str(problem) == f"{raised.__name__}: bye"


def test_what_the_runner_computes_on_is_told_with_the_place() -> None:
    class OnCard(Recording):
        accelerator: ClassVar[dict[str, Any]] = {"device": "cuda:0"}

    assert Worker(OnCard, "worker-1").start()[0].accelerator == {"device": "cuda:0"}
    assert Worker(Recording, "worker-1").start()[0].accelerator is None


def test_a_process_ends_whose_worker_nobody_calls_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    # As with an actor whose kill Ray has lost: to the driver it is dead, and its CPUs stay taken.
    ended: Queue[int] = Queue()
    monkeypatch.setattr(os, "_exit", ended.put)
    Worker(Recording, "worker-1", 0.0)
    assert ended.get(timeout=120) == 1
    before = set(threading.enumerate())
    called = Worker(Recording, "worker-1", 3600.0)
    watches = set(threading.enumerate()) - before
    called.start()
    for watch in watches:
        watch.join(120)
        assert not watch.is_alive()
    assert ended.empty()


def test_a_batch_comes_out_of_its_packing_as_it_went_in() -> None:
    batch = to_batch([row(task(number), "ok") for number in range(3)])
    for one in (batch, batch.slice(1, 1), batch.slice(0, 0)):
        unpacked = unpack(pack(one))
        assert unpacked.equals(one)
        assert unpacked.schema.equals(SCHEMA, check_metadata=True)


def test_rows_of_another_schema_are_not_packed() -> None:
    with pytest.raises(ValueError, match="to_batch"):
        pack(pa.RecordBatch.from_pylist([{"task_id": "a"}]))
