from __future__ import annotations

import math
import subprocess
import sys
import time

import pytest

from stylize.measure.clock import Stopwatch, synchronize, timed


def test_a_sleep_is_timed() -> None:
    with timed("cpu") as watch:
        time.sleep(0.05)
    assert watch.seconds >= 0.05


def test_time_after_the_block_is_not_counted() -> None:
    with timed("cpu") as watch:
        pass
    seconds = watch.seconds
    time.sleep(0.05)
    assert watch.seconds == seconds


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


def test_queued_work_is_waited_for() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    x = torch.randn(4096, 4096, device="cuda")
    with timed("cuda") as watch:
        for _ in range(20):
            x = x @ x
    assert torch.cuda.current_stream().query()
    assert watch.seconds > 0
