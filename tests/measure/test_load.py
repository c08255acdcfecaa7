"""What the kernel's files say of the machine, put in place; and once what a real busy neighbour does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from stylize.machine import cgroups
from stylize.measure import load
from stylize.measure.load import MachineLoad


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine."""
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    return tmp_path


def put(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_a_machine_that_tells_nothing_has_no_load(root: Path) -> None:
    measured = MachineLoad()
    measured.start()
    assert measured.stop() == load.Load(None, None, None)


def test_waiting_is_summed_over_threads_with_what_other_machines_stole(root: Path) -> None:
    measured, tick = MachineLoad(), os.sysconf("SC_CLK_TCK")
    put(root, "proc/stat", "cpu  1 2 3 4 5 6 7 100 0 0\ncpu0 1")
    for thread in "12":
        put(root, f"proc/self/task/{thread}/schedstat", "5 1000000000 7\n")
    measured.start()
    put(root, "proc/self/task/1/schedstat", "5 1250000000 7\n")
    put(root, "proc/self/task/2/schedstat", "5 1500000000 7\n")
    put(root, "proc/stat", f"cpu  1 2 3 4 5 6 7 {100 + tick} 0 0\ncpu0 1")
    assert measured.stop().cpu_wait_s == pytest.approx(1.75)


def test_a_thread_that_ended_takes_no_time_away_and_one_that_began_adds_its_own(root: Path) -> None:
    measured = MachineLoad()
    for thread in "12":
        put(root, f"proc/self/task/{thread}/schedstat", "5 1000000000 7\n")
    measured.start()
    put(root, "proc/self/task/1/schedstat", "5 1250000000 7\n")
    (root / "proc/self/task/2/schedstat").unlink()
    put(root, "proc/self/task/3/schedstat", "5 500000000 7\n")
    assert measured.stop().cpu_wait_s == pytest.approx(0.75)


@pytest.mark.parametrize("name", ["sys/devices/system/cpu/cpu12/thermal_throttle/core_throttle_count", "quota"])
def test_heat_and_a_quota_are_throttling(root: Path, name: str) -> None:
    heat, quota = "sys/devices/system/cpu/cpu12/thermal_throttle/core_throttle_count", "sys/fs/cgroup/cpu.stat"
    measured = MachineLoad()
    put(root, heat, "3\n")
    put(root, quota, "usage_usec 5\nnr_periods 9\nnr_throttled 2\nthrottled_usec 10\n")
    measured.start()
    assert measured.stop().throttled is False
    measured.start()
    if name == "quota":
        put(root, quota, "usage_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec 10\n")
    else:
        put(root, heat, "4\n")
    assert measured.stop().throttled is True


def test_a_card_that_does_not_tell_its_clock_leaves_a_null(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NVMLError(Exception):
        """As nvidia-ml-py's own, which is no RuntimeError."""

    def refuses(device: str) -> int:
        raise NVMLError("Not Supported")

    monkeypatch.setattr(torch.cuda, "clock_rate", refuses)
    measured = MachineLoad("cuda:0")
    measured.start()
    assert measured.stop().clock_mhz is None


def test_the_clock_is_the_processors_mean(root: Path) -> None:
    put(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2000000\n")
    put(root, "sys/devices/system/cpu/cpu12/cpufreq/scaling_cur_freq", "3000000\n")
    measured = MachineLoad()
    measured.start()
    assert measured.stop().clock_mhz == 2500


def test_a_card_without_a_way_to_ask_has_no_clock(root: Path) -> None:
    measured = MachineLoad("cuda:0")
    measured.start()
    assert measured.stop().clock_mhz is None


@pytest.fixture
def busy_core() -> Iterator[None]:
    """This process on one processor, with a busy loop of somebody else's beside it."""
    if not Path("/proc/self/schedstat").exists():
        pytest.skip("this system does not say how long a process waited")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield
    loop.kill()
    loop.wait()
    os.sched_setaffinity(0, before)


def test_a_busy_neighbour_on_the_same_processor_is_waited_for(busy_core: None) -> None:
    measured = MachineLoad()
    measured.start()
    begun = time.process_time()
    while time.process_time() < begun + 0.2:
        pass
    assert (measured.stop().cpu_wait_s or 0) > 0.05
