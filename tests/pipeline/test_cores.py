"""No more threads compute at once than there are cores, and none waits for one that hangs."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from stylize.pipeline import cores as module
from stylize.pipeline.cores import Cores

LONG_S = 60.0


@pytest.mark.parametrize("count", [1, 2])
def test_no_more_threads_are_at_work_than_there_are_cores(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", LONG_S)
    cores, lock, at_work, most = Cores(count), threading.Lock(), 0, 0

    def work(_: int) -> None:
        nonlocal at_work, most
        with cores.one():
            with lock:
                at_work += 1
                most = max(most, at_work)
            sum(range(10_000))
            with lock:
                at_work -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))
    assert 1 <= most <= count


def test_what_takes_every_core_waits_for_all_and_gives_all_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", LONG_S)
    cores, order = Cores(2), []
    held, release = threading.Event(), threading.Event()

    def hold_one() -> None:
        with cores.one():
            held.set()
            release.wait(LONG_S)
            order.append("one")

    def take_all() -> None:
        held.wait(LONG_S)
        with cores.all():
            order.append("all")

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(hold_one), pool.submit(take_all)]
        held.wait(LONG_S)
        release.set()
        for future in futures:
            future.result()
    assert order == ["one", "all"]
    with cores.all():
        pass


def test_a_thread_goes_on_without_a_core_where_another_hangs_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    cores, done = Cores(1), threading.Event()

    def hang() -> None:
        with cores.one():
            done.wait(LONG_S)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hang)
        with cores.one(), cores.all():
            done.set()
    monkeypatch.setattr(module, "PATIENCE_S", LONG_S)
    with cores.all():  # what was not taken was not given back, either
        pass


def test_work_that_fails_gives_its_core_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)
    cores = Cores(2)
    with contextlib.suppress(KeyError), cores.one():
        raise KeyError
    with cores.all():  # which would go on without
        assert cores._free == 0
