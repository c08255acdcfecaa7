"""What the work ran on, for the rows and run.json. Nothing here raises: what is not known is None.

Loads no torch and starts no accelerator of its own accord, so a driver can call `describe` cheaply.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from stylize.machine import cgroups

_log = logging.getLogger(__name__)

_CPU_FLAGS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
_PACKAGES = (
    "torch",
    "torchvision",
    "onnxruntime",
    "openvino",
    "ray",
    "pyarrow",
    "pillow",
    "simplejpeg",
    "numba",
    "scikit-image",
    "pandas",
    "numpy",
)
_CUDA_PROBE_TIMEOUT_S = 15
_GIT_TIMEOUT_S = 15
_QUOTAS = ("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")
"""Files that say together what of a period's time a container has: of cgroups' version 2, and of version 1."""
_PACKAGE = Path(__file__).resolve().parents[1]


def node_name() -> str:
    """Return the host's name."""
    return platform.node() or "unknown"


def device_name(device: str) -> str:
    """Return the processor's or the card's name for "cpu", "cuda", "cuda:N", ...; `device` itself where it has none."""
    if device == "cpu":
        return _cpu_model() or device
    try:
        from stylize.machine import devices

        return devices.card_name(device) or device
    except (ImportError, RuntimeError) as error:  # no torch, or no such name
        _log.debug("no name for %s: %s", device, error)
        return device


def describe() -> dict[str, Any]:
    """Return processor, memory, accelerators, system and versions of this machine, for JSON; sizes in bytes."""
    return {
        "node": node_name(),
        "cpu_model": _cpu_model(),
        "cpu_count": os.cpu_count(),
        "cpu_usable": usable_cores(),
        "cpu_flags": [flag for flag in _CPU_FLAGS if flag in _cpuinfo("flags", "Features").split()],
        "memory_bytes": _memory_bytes(),
        "gpus": _gpus(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "versions": versions(),
    }


def versions() -> dict[str, str | None]:
    """Return versions of the packages that results depend on; None for one that is not installed."""
    return {name: version_of(name) for name in _PACKAGES}


def usable_cores() -> int:
    """Return the cores this process may use: its affinity, and a container's quota rounded up; at least 1."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    for folder, files in itertools.product(cgroups.folders("cpu"), _QUOTAS):
        quota, _, period = " ".join(line for file in files for line in cgroups.lines(folder / file)).partition(" ")
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            cores = min(cores, -(-int(quota) // int(period)))
    return max(1, cores)


@cache
def share_of_machine(cpus: float) -> float:
    """Return what part of this machine's, or its container's, memory a worker with so many of its cores has.

    Asked for once: it is wanted twice per image, and the kernel's files take 0.2 ms.
    """
    return cpus / usable_cores()


def git_commit(folder: Path = _PACKAGE) -> str | None:
    """Return the commit of the checkout that `folder` (the package) is part of, "-dirty" added if files changed.

    None without git, outside a checkout, and where the checkout does not track `folder`: a package installed
    in a virtual environment inside somebody's repository is not of that repository's commit.
    """
    if not _git(folder, "ls-files", "--", "."):
        return None
    # "# branch.oid COMMIT" and other lines that begin so, then one for each changed file.
    told = (_git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no") or "").splitlines()
    commits = [line.split()[-1] for line in told if line.startswith("# branch.oid ")]
    if not commits or commits == ["(initial)"]:
        return None
    return commits[0] + ("-dirty" if any(not line.startswith("# ") for line in told) else "")


def code_sha256(folder: Path = _PACKAGE) -> str:
    """Return a hash of a package's Python files: which code it was where there is no checkout to ask."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(
            f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode()
        )
    return digest.hexdigest()


@cache
def running_code() -> dict[str, str | None]:
    """Return `git_commit` and `code_sha256` of the code that this process runs.

    Asked for once: what is changed on disk later is not what runs, and git takes as long as some whole runs.
    """
    return {"git_commit": git_commit(), "code_sha256": code_sha256()}


def _git(folder: Path, *arguments: str) -> str | None:
    # A hook's GIT_DIR would point at another repository; status must not take the index's lock.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    return _output(command, _GIT_TIMEOUT_S, environment)


def _output(command: list[str], timeout_s: float, environment: dict[str, str] | None = None) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, env=environment, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        _log.debug("%s: %s", command[0], error)
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def _cpu_model() -> str | None:
    return _cpuinfo("model name") or platform.processor() or platform.machine() or None


@cache
def _cpuinfo(*keys: str) -> str:
    """Return the first value in /proc/cpuinfo under one of `keys`; empty where there is none."""
    for line in cgroups.lines(Path("/proc/cpuinfo")):
        key, _, value = line.partition(":")
        if key.strip() in keys:
            return value.strip()
    return ""


def _memory_bytes() -> int | None:
    """Return what this machine has, or the narrowest of this process's control groups allows."""
    files = [folder / name for folder in cgroups.folders("memory") for name in ("memory.max", "memory.limit_in_bytes")]
    sizes = [int(line) for file in files for line in cgroups.lines(file) if line.isdigit()]
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(sizes, default=None)


def _gpus() -> list[dict[str, Any]]:
    """Name and memory of each card: from torch where it is already loaded, else NVIDIA's from nvidia-smi."""
    if "torch" in sys.modules:
        from stylize.machine import devices

        kind = devices.available()
        cards = [f"{kind}:{number}" for number in range(devices.count())]
        if cards:
            return [{"name": devices.card_name(card), "memory_bytes": devices.card_bytes(card)} for card in cards]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = [tool, "--query-gpu=memory.total,name", "--format=csv,noheader,nounits"]
    return _parse_cards(_output(query, _CUDA_PROBE_TIMEOUT_S) or "")


def _parse_cards(table: str) -> list[dict[str, Any]]:
    """Read nvidia-smi's "MiB, name" lines; memory is None where the card does not say ("[N/A]")."""
    cards = []
    for line in filter(str.strip, table.splitlines()):
        memory, _, name = (part.strip() for part in line.partition(","))
        cards.append({"name": name, "memory_bytes": int(memory) * 2**20 if memory.isdigit() else None})
    return cards


@cache
def version_of(package: str) -> str | None:
    """Return the version of a package as it says itself; None where it is not installed.

    Read once, as what a process has loaded stays: the dozen packages of `versions` take 30 ms.
    """
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
