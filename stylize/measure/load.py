"""What else the machine did during one stretch of work: processors that others had, clocks, throttling."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from stylize.machine import cgroups

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Load:
    """Of the work between start and stop; None for what this machine does not tell."""

    cpu_wait_s: float | None
    """How long this process's threads were ready to run while others had the processors, summed over threads."""
    clock_mhz: float | None
    """The processors' mean clock at the end, or the card's."""
    throttled: bool | None
    """Whether heat or a container's quota slowed the processors down."""


class MachineLoad:
    """Reads the load between `start()` and `stop()` on `device` ("cpu", "cuda", "cuda:N", ...).

    Costs under a millisecond for a process of a hundred threads. Waiting is Linux's own account of it (schedstat), to
    the nanosecond, and the time that other virtual machines had (steal), to a hundredth of a second.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._begun: tuple[dict[str, float], dict[str, float]] = ({}, {})

    def start(self) -> None:
        """Begin."""
        self._begun = (_waited_s(), _throttlings())

    def stop(self) -> Load:
        """Return the load since `start()`."""
        waited, throttlings = _since(self._begun[0], _waited_s()), _since(self._begun[1], _throttlings())
        clock = _processors_mhz() if self._device == "cpu" else _card_mhz(self._device)
        return Load(waited, clock, None if throttlings is None else throttlings > 0)


def _since(before: dict[str, float], after: dict[str, float]) -> float | None:
    # Each count by itself: out of a sum, a thread that ended takes what it had waited before, too.
    return sum(max(0, count - before.get(name, 0)) for name, count in after.items()) if before and after else None


def _waited_s() -> dict[str, float]:
    """Return what each thread has waited and what was stolen; nothing where the kernel does not tell."""
    threads = _all_words("proc/self/task", "*/schedstat").items()
    waited = {path: int(words[1]) / 1e9 for path, words in threads if len(words) == 3}
    return {**waited, "stolen": _stolen_s()} if waited else {}


def _stolen_s() -> float:
    words = _words(cgroups.ROOT / "proc/stat")  # cpu user nice system idle iowait irq softirq steal ...
    return int(words[8]) / os.sysconf("SC_CLK_TCK") if len(words) > 8 and words[0] == "cpu" else 0.0


def _throttlings() -> dict[str, float]:
    """Return how often each processor was throttled for heat, and this container for its quota."""
    heat = _all_words("sys/devices/system/cpu", "cpu[0-9]*/thermal_throttle/*_throttle_count").items()
    counts = {path: float(words[0]) for path, words in heat}
    for folder in cgroups.folders("cpu"):
        quota = _words(folder / "cpu.stat")
        if "nr_throttled" in quota:
            counts[str(folder)] = float(quota[quota.index("nr_throttled") + 1])
    return counts


def _processors_mhz() -> float | None:
    clocks = _all_words("sys/devices/system/cpu", "cpu[0-9]*/cpufreq/scaling_cur_freq")
    told = [int(words[0]) / 1000 for words in clocks.values()]
    return sum(told) / len(told) if told else None


def _card_mhz(device: str) -> float | None:
    import torch

    try:
        return float(torch.get_device_module(torch.device(device)).clock_rate(device))
    except Exception as error:  # without nvidia-ml-py; what that raises where a card does not tell is of its own kind
        _log.debug("no clock of %s: %s", device, error)
        return None


def _all_words(folder: str, pattern: str) -> dict[str, list[str]]:
    """Return the words of each of the kernel's files that a pattern names, by path; files without any are left out."""
    return {str(path): words for path in (cgroups.ROOT / folder).glob(pattern) if (words := _words(path))}


def _words(path: Path) -> list[str]:
    return " ".join(cgroups.lines(path)).split()
