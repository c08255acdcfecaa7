from __future__ import annotations

import math
import subprocess
import sys
import time

import pytest

from stylize.measure.clock import Stopwatch, synchronize, timed


def test_a_sleep_is_timed_and_none_after_the_block() -> None:
    with timed("cpu") as watch:
        time.sleep(0.05)
    seconds = watch.seconds
    time.sleep(0.01)
    assert watch.seconds == seconds >= 0.05


def test_a_block_that_raises_has_no_time() -> None:
    def work() -> None:
        with timed("cpu") as watch:
            watches.append(watch)
            raise KeyError

    watches: list[Stopwatch] = []
    with pytest.raises(KeyError):
        work()
    assert math.isnan(watches[0].seconds)


def test_synchronizing_a_cpu_loads_no_torch() -> None:
    synchronize("cpu")
    code = (
        "import sys; from stylize.measure import clock, memory, hardware; clock.synchronize('cpu');"
        "memory.PeakMemory().start(); hardware.describe(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_accelerator_is_waited_for_before_and_in_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def waits(device: str) -> None:
        assert device == "cuda:1"
        now[0] += 5

    monkeypatch.setattr("stylize.machine.devices.synchronize", waits)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    with timed("cuda:1") as watch:
        now[0] += 1
    assert now[0] == 11
    assert watch.seconds == 6
