from __future__ import annotations

import contextlib
import mmap
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from stylize.measure import memory
from stylize.measure.memory import PeakMemory
from tests.support.accelerators import Pretended

MB = 1_000_000
BLOCK_BYTES = 200 * MB

linux = pytest.mark.skipif(sys.platform != "linux", reason="the host's peak is read from Linux's /proc")


def touch_and_free() -> None:
    # From the kernel: glibc may have as much left of what earlier tests freed, and then nothing new is held.
    with mmap.mmap(-1, BLOCK_BYTES, flags=mmap.MAP_PRIVATE) as block:
        for page in range(0, BLOCK_BYTES, mmap.PAGESIZE):
            block[page] = 1


def host_peak(meter: PeakMemory) -> int:
    peak = meter.stop().host_peak_rss_bytes
    if peak is None:
        pytest.skip("this kernel does not let a process reset its peak")
    return peak


@linux
def test_memory_that_was_freed_again_is_in_the_peak() -> None:
    meter = PeakMemory()
    meter.start()
    idle = host_peak(meter)
    touch_and_free()
    assert 0.95 * BLOCK_BYTES < host_peak(meter) - idle < 1.2 * BLOCK_BYTES


@linux
def test_an_earlier_peak_is_forgotten_at_the_start() -> None:
    meter = PeakMemory()
    meter.start()
    touch_and_free()
    high = host_peak(meter)
    meter.start()
    assert host_peak(meter) < high - 0.9 * BLOCK_BYTES


@linux
def test_what_one_more_image_takes_is_the_peak_above_what_was_held() -> None:
    kept = np.ones(BLOCK_BYTES, np.uint8)
    meter = PeakMemory()
    meter.start()
    touch_and_free()
    found = meter.stop().image_host_bytes
    if found is None:
        pytest.skip("this kernel does not let a process reset its peak")
    assert 0.95 * BLOCK_BYTES < found < 1.2 * BLOCK_BYTES
    assert len(kept) == BLOCK_BYTES


@linux
def test_memory_of_another_thread_is_in_the_peak() -> None:
    meter = PeakMemory()
    meter.start()
    idle = host_peak(meter)
    thread = threading.Thread(target=touch_and_free)
    thread.start()
    thread.join()
    assert host_peak(meter) - idle > 0.95 * BLOCK_BYTES


def test_a_cpu_has_no_device_peak() -> None:
    meter = PeakMemory("cpu")
    meter.start()
    peak = meter.stop()
    assert peak.device_peak_allocated_bytes is None
    assert peak.device_peak_reserved_bytes is None


def test_a_peak_that_cannot_be_reset_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_CLEAR_REFS", tmp_path / "missing" / "clear_refs")
    memory._host_peak_can_be_reset.cache_clear()
    try:
        meter = PeakMemory()
        meter.start()
        assert meter.stop().host_peak_rss_bytes is None
    finally:
        memory._host_peak_can_be_reset.cache_clear()


def test_an_accelerators_peaks_are_what_its_allocator_says(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Pretended(stats={"allocated_bytes.all.current": 5, "allocated_bytes.all.peak": 5}).put(monkeypatch)
    meter = PeakMemory("cuda")
    meter.start()
    card.stats = {"allocated_bytes.all.peak": 12, "reserved_bytes.all.peak": 20}
    peak = meter.stop()
    assert (peak.device_peak_allocated_bytes, peak.device_peak_reserved_bytes, peak.image_device_bytes) == (12, 20, 7)
    assert card.calls == ["reset_peak_memory_stats"]


@linux
def test_a_worker_gives_large_blocks_back_while_told_to() -> None:
    # In a process of its own, as glibc looks at its environment when it starts.
    code = """if True:
        import numpy as np
        from stylize.measure.memory import SMALL_BLOCKS, TINY_BLOCKS, held_bytes, keep_blocks

        held = []

        def left_behind() -> int:
            before = held_bytes()[0]
            np.ones(100_000_000, np.uint8)
            between = [(np.ones(4_000_000, np.uint8), np.ones(200_000, np.uint8)) for _ in range(25)]
            held.extend(small for _, small in between)
            del between
            return (held_bytes()[0] - before) // 1_000_000 - 5

        keep_blocks(TINY_BLOCKS)
        given_back = left_behind()
        keep_blocks(SMALL_BLOCKS)
        some = left_behind()
        keep_blocks()
        print(given_back, some, left_behind())
    """
    told = os.environ | {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
    printed = subprocess.run([sys.executable, "-c", code], env=told, check=True, capture_output=True, text=True).stdout
    given_back, some, kept = map(int, printed.split())
    if kept < 50:
        pytest.skip("this system's allocator keeps nothing")
    assert given_back < 20
    assert some > 80


def test_the_kernels_kilobytes_are_of_1024_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t      30 kB\nVmRSS:\t      20 kB\n")
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    assert memory.held_bytes() == (20 * 1024, None)


def test_after_an_exact_peak_the_heap_is_as_before_whatever_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Heap:
        freed: ClassVar[list[int]] = []
        options: ClassVar[dict[int, int]] = {}

        def free(self, block: int) -> None:
            self.freed.append(block)

        def mallopt(self, option: int, value: int) -> None:
            self.options[option] = value

        def malloc_trim(self, pad: int) -> None:
            pass

    monkeypatch.setattr(memory, "_libc", Heap)
    monkeypatch.setattr(memory, "_empty_this_threads_heap", lambda: None)
    monkeypatch.setattr(memory, "_holes_of_this_threads_heap", lambda: [11, 12])
    with contextlib.suppress(KeyError), memory.exact_peaks():
        least = Heap.options[memory._MMAP_THRESHOLD]
        raise KeyError
    assert Heap.freed == [11, 12]
    assert least < Heap.options[memory._MMAP_THRESHOLD] == 32 * 2**20
