from __future__ import annotations

import itertools
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.scheduler.ray_runtime import check_fits
from jobs.scheduler.scheduler import Scheduler
from jobs.scheduler.worker_pool import MAX_BATCH, WINDOW, SchedulerOptions
from stylize.errors import CannotContinueError, UsageError
from stylize.measure.hardware import node_name
from stylize.tasks.task import Task
from tests.support.scripted_workers import (
    ExitOnFirstLoads,
    Scripted,
    exit_on_load,
    lost,
    only_the_first_loads,
    raise_on_load,
    refuse,
    task,
    tasks,
    the_first_hangs,
)

pytestmark = pytest.mark.usefixtures("local_ray")
Rows = list[dict[str, Any]]


def run(
    stream: Iterator[Task],
    make: Callable[[str], Any] = Scripted,
    watch: Callable[[int], None] = lambda rows: None,
    **options: Any,
) -> Rows:
    """All rows; `watch` gets their number each time round the driver's loop."""
    rows: Rows = []
    with Scheduler(
        make, lost, SchedulerOptions(**{"actors": 2, "cpus": 1, **options}), notify=lambda line: None
    ) as scheduler:
        for batch in scheduler.results(stream):
            if batch is not None:
                rows += batch.select(
                    ["task_id", "content_uri", "status", "error", "attempt", "worker_id", "node"]
                ).to_pylist()
            watch(len(rows))
    return rows


def rows_of(scheduler: Scheduler, stream: Iterator[Task]) -> Rows:
    """All rows of one stream."""
    return [row for batch in scheduler.results(stream) if batch is not None for row in batch.to_pylist()]


def statuses(rows: Rows) -> dict[str, list[int]]:
    """Status -> the numbers of its tasks, sorted; fails if a task has more than one row."""
    by_status: dict[str, list[int]] = {}
    for row in rows:
        by_status.setdefault(row["status"], []).append(int(row["content_uri"].partition(":")[0]))
    numbers = list(itertools.chain.from_iterable(by_status.values()))
    assert len(numbers) == len(set(numbers))
    return {status: sorted(numbers) for status, numbers in by_status.items()}


def for_two(gate: Path) -> Iterator[Task]:
    """5000 tasks for two workers: whoever is there first is held at its first until the other has taken the rest."""
    yield task(0, f"wait {gate}")
    yield from (task(number) for number in range(1, 5000))
    gate.touch()


@pytest.mark.usefixtures("both_cpus")
def test_every_task_of_a_long_stream_has_one_row_from_either_worker(tmp_path: Path) -> None:
    rows = run(for_two(tmp_path / "gate"), actors=None)  # as many as fit
    assert statuses(rows) == {"ok": list(range(5000))}
    assert {row["attempt"] for row in rows} == {1}
    assert len({row["worker_id"] for row in rows}) == 2


def test_no_task_at_all_gives_no_row() -> None:
    assert run(iter(())) == []


def test_the_stream_is_read_no_further_than_the_windows_hold(tmp_path: Path) -> None:
    read, gate, ahead = itertools.count(), tmp_path / "gate", []
    taken = 0
    blocked_at = [0, 0.0]

    def stream() -> Iterator[Task]:
        nonlocal taken
        for one in tasks("ok" if n < 4000 else f"wait {gate}" for n in range(5000)):
            taken = next(read) + 1
            yield one

    def watch(rows: int) -> None:
        ahead.append(taken - rows)
        if rows != blocked_at[0]:
            blocked_at[:] = [rows, time.monotonic()]
        elif rows and time.monotonic() - blocked_at[1] > 1.5:
            gate.touch()  # nothing has come for a while: all windows are full of waiting tasks

    assert len(run(stream(), watch=watch, timeout_s=100)) == 5000
    assert gate.exists()
    assert max(ahead) <= 2 * WINDOW * MAX_BATCH


def test_slow_tasks_are_held_one_a_batch(tmp_path: Path) -> None:
    taken, started = 0, time.monotonic()

    def stream() -> Iterator[Task]:
        nonlocal taken
        for one in tasks(f"wait {tmp_path / 'gate'}" for _ in range(100)):
            taken += 1
            yield one

    def watch(rows: int) -> None:
        assert rows or taken <= 2 * WINDOW
        if taken == 2 * WINDOW and time.monotonic() - started > 1:
            (tmp_path / "gate").touch()

    assert len(run(stream(), watch=watch, timeout_s=100)) == 100


def test_tasks_that_end_their_worker_are_crashed_and_no_others_are() -> None:
    rows = run(tasks("exit" if n in (3, 20) else "sleep 0.02" for n in range(40)))
    by_status = statuses(rows)
    assert by_status.pop("crashed") == [3, 20]
    assert by_status == {"ok": [n for n in range(40) if n not in (3, 20)]}
    crashed = [row for row in rows if row["status"] == "crashed"]
    assert all(re.fullmatch(r"worker-\d+", row["worker_id"]) and row["node"] == node_name() for row in crashed)
    assert {row["attempt"] for row in crashed} == {2}
    assert all("died" in row["error"] and "\n" not in row["error"] for row in crashed)


def test_a_lost_gpu_ends_its_worker_and_only_the_task_that_loses_it_again(tmp_path: Path) -> None:
    # In runs of their own: a task that is interrupted beside another's loss has no further one left.
    rows = run(tasks("lose" if n == 3 else "sleep 0.02" for n in range(20)))
    assert statuses(rows) == {"crashed": [3], "ok": [n for n in range(20) if n != 3]}
    (crashed,) = (row for row in rows if row["status"] == "crashed")
    assert "CUDA error: an illegal memory access" in crashed["error"]
    once = f"lose {tmp_path / 'once'}"
    assert statuses(run(tasks(once if n == 3 else "sleep 0.02" for n in range(20)))) == {"ok": list(range(20))}


@pytest.mark.usefixtures("both_cpus")
def test_crashes_and_a_hang_side_by_side_within_batches_of_many_cost_no_neighbour() -> None:
    bad = {1500: "hang", 1501: "exit", 1502: "exit"}
    rows = run(tasks(bad.get(n, "ok") for n in range(3000)), timeout_s=10)
    ok = [n for n in range(3000) if n not in bad]
    assert statuses(rows) == {"crashed": [1501, 1502], "timeout": [1500], "ok": ok}
    (error,) = (row["error"] for row in rows if row["status"] == "timeout")
    assert "timeout_s = 10" in error


def test_a_suspicious_task_is_alone_on_its_node(tmp_path: Path) -> None:
    actions = dict.fromkeys((3, 4, 11, 12, 13), f"alone {tmp_path}")
    by_status = statuses(run(tasks(actions.get(n, f"beside {tmp_path}") for n in range(30))))
    assert by_status == {"ok": list(range(30))}


@pytest.mark.skipif(sys.platform != "linux", reason="they are forked on Linux alone")
def test_workers_of_the_tests_ray_are_forked(tmp_path: Path) -> None:
    with Scheduler(Scripted, lost, SchedulerOptions(actors=1), notify=lambda line: None) as scheduler:
        rows_of(scheduler, tasks([f"sign {tmp_path}"]))
        (mark,) = tmp_path.iterdir()
        parent = Path(f"/proc/{mark.name}/stat").read_text().rpartition(")")[2].split()[1]
        assert "tests.support.forked_workers" in Path(f"/proc/{parent}/cmdline").read_text()


def until_two_have_signed(folder: Path) -> Iterator[Task]:
    """Tasks until either of two workers has left its mark in the folder."""
    for number in itertools.count():
        if len(list(folder.iterdir())) == 2:
            return
        yield task(number, "sleep 0.1" if number % 2 else f"sign {folder}")


@pytest.mark.usefixtures("both_cpus")
def test_workers_that_died_while_idle_are_no_task_s_fault(tmp_path: Path) -> None:
    with Scheduler(Scripted, lost, SchedulerOptions(actors=2), notify=lambda line: None) as scheduler:
        signed = rows_of(scheduler, until_two_have_signed(tmp_path))
        for mark in tmp_path.iterdir():
            os.kill(int(mark.name), signal.SIGKILL)
        time.sleep(3)  # longer than an answer counts
        later = rows_of(scheduler, tasks(["ok"]))
    assert statuses(signed) == {"ok": list(range(len(signed)))}
    assert statuses(later) == {"ok": [0]}


def test_what_workers_have_ready_is_kept_when_the_run_ends_early() -> None:
    with Scheduler(Scripted, lost, SchedulerOptions(actors=1, max_batch=1), notify=lambda line: None) as scheduler:
        stream = scheduler.results(tasks(["sleep 1", "sleep 1", "hang"]))
        while not scheduler.queued:
            next(stream)
        time.sleep(4)  # nobody looks meanwhile, as when the run is interrupted
        rows = [row for batch in scheduler.drain() for row in batch.to_pylist()]
    assert statuses(rows) == {"ok": [0, 1]}


def test_a_stream_of_nothing_but_crashes_ends_and_more_retries_are_more_attempts() -> None:
    rows = run(tasks(["exit"] * 2), retries=2)
    assert statuses(rows) == {"crashed": [0, 1]}
    assert {row["attempt"] for row in rows} == {3}


def test_a_fault_in_the_work_itself_fails_its_own_task_only() -> None:
    bad = {0, 1500, 2999}
    rows = run(tasks("raise" if n in bad else "ok" for n in range(3000)))
    assert statuses(rows) == {"failed": sorted(bad), "ok": [n for n in range(3000) if n not in bad]}
    assert {row["error"] for row in rows if row["status"] == "failed"} == {"RuntimeError: a fault of the work"}


def test_what_the_caller_did_wrong_comes_out_as_it_is() -> None:
    with pytest.raises(UsageError, match="no such setting; known: alpha"):
        run(tasks(["ok"]), refuse)


def test_workers_that_keep_dying_while_they_load_end_the_run() -> None:
    with pytest.raises(
        CannotContinueError, match=r"\d workers failed while they loaded the stylizer; the last one died"
    ) as caught:
        run(tasks(["ok"]), exit_on_load)
    assert len(str(caught.value).splitlines()) == 1


def test_a_machine_that_cannot_load_the_stylizer_is_named() -> None:
    line = rf"the last one failed on {node_name()} \(RuntimeError: no kernel image is available\)"
    with pytest.raises(CannotContinueError, match=rf"\d workers failed while they loaded the stylizer; {line}"):
        run(tasks(["ok"]), raise_on_load)


@pytest.mark.usefixtures("both_cpus")
def test_the_others_go_on_beside_a_machine_that_cannot_load_the_stylizer() -> None:
    notes: list[str] = []
    with Scheduler(only_the_first_loads, lost, SchedulerOptions(actors=2), notify=notes.append) as scheduler:
        rows = rows_of(scheduler, tasks(["sleep 0.5"] * 40))
    assert statuses(rows) == {"ok": list(range(40))}
    assert {row["worker_id"] for row in rows} == {"worker-1"}
    assert "while it loaded the stylizer; going on with the others" in notes[0]
    assert len(notes) <= 3  # each try comes later than the one before


def test_a_worker_that_loads_for_too_long_is_replaced() -> None:
    rows = run(tasks(["ok"] * 5), the_first_hangs, actors=1, load_s=3)
    assert {row["worker_id"] for row in rows} == {"worker-2"}


def test_a_worker_that_dies_once_while_it_loads_is_replaced(tmp_path: Path) -> None:
    rows = run(tasks(["ok"] * 5), ExitOnFirstLoads(str(tmp_path), 1), actors=1)
    assert statuses(rows) == {"ok": list(range(5))}
    assert len(list(tmp_path.iterdir())) == 1


def test_workers_stay_loaded_between_two_streams_and_end_with_the_block() -> None:
    with Scheduler(Scripted, lost, SchedulerOptions(actors=2), notify=lambda line: None) as scheduler:
        first, second = (rows_of(scheduler, tasks(["ok"] * 200)) for _ in range(2))
        assert scheduler.workers >= 1
    assert len(first) == len(second) == 200
    assert {row["worker_id"] for row in second} <= {"worker-1", "worker-2"}
    assert scheduler.workers == 0


def test_more_workers_than_fit_are_told_once() -> None:
    notes: list[str] = []
    with Scheduler(Scripted, lost, SchedulerOptions(actors=50), notify=notes.append) as scheduler:
        rows_of(scheduler, tasks(["sleep 0.05"] * 20))
    assert notes == ["50 workers were asked for; there is room for 2 now"]


@pytest.mark.parametrize("actors", [None, 2])
def test_a_worker_that_would_have_no_task_is_not_started(actors: int | None) -> None:
    notes: list[str] = []
    with Scheduler(Scripted, lost, SchedulerOptions(actors=actors, most=1), notify=notes.append) as scheduler:
        (row,) = rows_of(scheduler, tasks(["ok"]))
        assert scheduler.workers == 1
    assert row["status"] == "ok"
    assert notes == ["1 task to do, so 1 worker is started"]


def test_a_worker_that_fits_nowhere_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"no machine here has 64 CPU and 0 GPU .* lower cpus_per_actor"):
        check_fits(64, 0)
