"""What torch computes on: the CPU, or an accelerator of whichever kind this torch was built for.

All that differs between kinds is asked through `torch.accelerator`, so that NVIDIA's cards, AMD's (which torch calls
`cuda`, too), Intel's `xpu` and Apple's `mps` run the same code. docs/methods.md says which of them were tried.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import re
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import torch

from stylize.errors import NoDeviceError, UsageError

log = logging.getLogger(__name__)

KINDS = ("cuda", "mps", "xpu")
"""As torch calls them."""
ACCELERATOR = "accelerator"
"""In place of a kind: whichever is there."""
_QUEUED = ("cuda", "xpu")
"""Kinds with streams, events and pinned memory of their own: copies go on beside the work."""
_OUT_OF_MEMORY = (
    "can't allocate memory",  # torch's allocator on a CPU
    "out of memory",
    # What CUDA's libraries say when they find no room for their own buffers.
    "unable to find an engine to execute this computation",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
    # Not for its bytes: some of CUDA's kernels count the values of a tensor in 32 bits. Strips have fewer.
    "must fit into 32-bit index math",
)
"""In the message of a plain RuntimeError."""
SHARE_FOR_TENSORS, CONTEXT_BYTES = 0.9, 3 * 2**28
"""Of a worker's fraction of a card, and what a process has there besides, which is the rest of it at least: a context
and the libraries' code, 0.69 GiB on an H100."""
_LOST = ("CUDA error", "HIP error", "STATUS_EXECUTION_FAILED", "STATUS_INTERNAL_ERROR", "DEVICE_LOST")
"""In the message of one after which a process can no longer use its device."""


def available() -> str | None:
    """Return the kind of accelerator that torch sees here; None for none."""
    found = torch.accelerator.current_accelerator()
    return found.type if found is not None and torch.accelerator.is_available() else None


def count() -> int:
    """Return how many accelerators torch sees here."""
    return torch.accelerator.device_count() if available() else 0


def find(name: str) -> torch.device:
    """Return the device of a name: auto (an accelerator where there is one), cpu, accelerator, a kind, or KIND:N.

    Raises UsageError for a name that is none, NoDeviceError for a device that is not here.
    """
    kind, there = name.partition(":")[0], available()
    if name == "auto":
        return torch.device(there or "cpu")
    if name == ACCELERATOR and there:
        return torch.device(there)
    if name not in (ACCELERATOR, "cpu"):
        try:
            device = torch.device(name)
        except RuntimeError:
            device = None
        if device is None or kind not in KINDS:
            raise UsageError(
                f"unknown device {name!r}; use auto, cpu, {', '.join(KINDS)}, or one with a number: cuda:1"
            )
        if kind == there and (device.index or 0) < count():
            return device
    elif name == "cpu":
        return torch.device(name)
    what = "accelerator" if name == ACCELERATOR else f"{name} device"
    known = f"; it sees {count()} of kind {there}" if there else ""
    raise NoDeviceError(f"device {name}: torch sees no {what} here{known}; use {there or 'cpu'}")


def is_accelerator(device: torch.device | str) -> bool:
    """Return whether a device is other than the CPU."""
    return torch.device(device).type != "cpu"


def full_name(device: torch.device) -> str:
    """Return `cuda:0` for the device that `cuda` stands for, `cpu` for the CPU."""
    if not is_accelerator(device) or device.index is not None:
        return str(device)
    return f"{device.type}:{torch.accelerator.current_device_index()}"


def card_name(device: torch.device | str) -> str | None:
    """Return an accelerator's name as its maker has it; None where torch knows none."""
    device = torch.device(device)
    try:
        name: str = torch.get_device_module(device).get_device_name(device)
    except (AttributeError, AssertionError, RuntimeError, ValueError) as error:
        log.debug("no name for %s: %s", device, error)
        return None
    return name


def card_bytes(device: torch.device | str) -> int | None:
    """Return an accelerator's whole memory; None where torch does not know it."""
    device = torch.device(device)
    try:
        # Takes no memory there: asking how much is free, as below, would, half a GB for as long as this process lives.
        return int(torch.get_device_module(device).get_device_properties(device).total_memory)
    except (AttributeError, AssertionError, RuntimeError, ValueError) as error:
        log.debug("no properties of %s: %s", device, error)
    try:
        return int(torch.accelerator.get_memory_info(device)[1])
    except (AssertionError, RuntimeError, ValueError) as error:
        log.debug("no memory of %s: %s", device, error)
        return None


def fast_bf16(device: torch.device) -> bool:
    """Return whether a device multiplies bf16 in hardware; where it does not, bf16 is slower than fp32."""
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_tile"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def synchronize(device: torch.device | str) -> None:
    """Wait until a device has done the work that this thread has queued; a CPU queues none.

    Copies that go on beside it are not waited for, where the device has streams.
    """
    if has_streams(device):
        device = torch.device(device)
        waitable(device, torch.accelerator.current_stream(device)).synchronize()
    elif is_accelerator(device):
        torch.accelerator.synchronize(torch.device(device))


def memory(device: torch.device | str) -> dict[str, int]:
    """Return the bytes that this process has on an accelerator: allocated and reserved, now and at their peaks.

    Empty for a CPU and for an accelerator that does not tell.
    """
    if not is_accelerator(device):
        return {}
    device = torch.device(device)
    try:
        # Before the first allocation there is nothing to ask.
        stats = torch.accelerator.memory_stats(device)
        if not stats:
            torch.empty(1, device=device)
            stats = torch.accelerator.memory_stats(device)
    except RuntimeError as error:
        log.debug("no memory figures of %s: %s", device, error)
        return {}
    names = ("allocated_current", "allocated_peak", "reserved_current", "reserved_peak")
    keys = {name: name.replace("_", "_bytes.all.") for name in names}
    return {name: stats[key] for name, key in keys.items() if key in stats}


def forget_peaks(device: torch.device | str) -> None:
    """Let an accelerator's peaks begin at what is held now."""
    if is_accelerator(device):
        try:
            torch.accelerator.reset_peak_memory_stats(torch.device(device))
        except RuntimeError as error:
            log.debug("peaks of %s stay: %s", device, error)


def cap_memory(device: torch.device, share: float) -> None:
    """Let this process take no more than a share of an accelerator's memory, in (0, 1), where torch can see to it."""
    cap = getattr(torch.get_device_module(device), "set_per_process_memory_fraction", None)
    if cap is None:
        log.debug("%s has no caps on memory", device.type)
    elif device.type == "mps":
        cap(share)
    else:
        # CUDA and XPU take no device without a number here.
        cap(share, torch.device(full_name(device)))


def share_for_tensors(device: torch.device, share: float) -> float:
    """Return how much of an accelerator tensors may take in a process that has a share of it; half the share at least.

    So that no neighbour's cache is why one runs out of memory.
    """
    total = card_bytes(device)
    beside = 0.0 if total is None else CONTEXT_BYTES / total
    return max(share / 2, min(share * SHARE_FOR_TENSORS, share - beside))


def free_memory(error: BaseException | None = None) -> None:
    """Give back what an accelerator's allocator caches, so that the next image has it.

    error: what has just been caught; its traceback holds the tensors of the call that failed, and lets go of them here.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    if available():
        gc.collect()
        empty_cache()


def empty_cache() -> None:
    """Give back what an accelerator's allocator keeps of memory that is free already."""
    if available():
        with contextlib.suppress(RuntimeError):  # of a device that is lost, as whoever needs it next is told
            torch.accelerator.empty_cache()


def out_of_memory(error: BaseException) -> bool:
    """Return whether an exception means that memory ran out, on the device or the host."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)


def device_lost(error: BaseException) -> bool:
    """Return whether an exception means that this process cannot use its accelerator any more: only another one can."""
    if out_of_memory(error) or not isinstance(error, RuntimeError):
        return False
    return isinstance(error, torch.AcceleratorError) or any(words in str(error) for words in _LOST)


def has_streams(device: torch.device | str) -> bool:
    """Return whether copies can go on beside a device's work, from pinned memory."""
    return torch.device(device).type in _QUEUED


def waitable(device: torch.device, stream: torch.Stream) -> torch.Event:
    """Return an event at the end of what a stream has queued. Who waits for it sleeps: CUDA would have it spin."""
    event = torch.Event(device, blocking=True)
    event.record(stream)
    return event


class Mark:
    """A point in a device's work: the time when it gets there."""

    def __init__(self, device: torch.device) -> None:
        self._event: Any = None
        self._s = 0.0
        if has_streams(device):
            self._event = torch.Event(device, enable_timing=True, blocking=True)
            self._event.record(torch.accelerator.current_stream(device))
        else:
            synchronize(device)
            self._s = time.perf_counter()

    def wait(self) -> None:
        """Wait until the device gets there."""
        if self._event is not None:
            self._event.synchronize()

    def seconds_since(self, earlier: Mark) -> float:
        """Return the device's time between two marks that it has passed."""
        if self._event is None:
            return self._s - earlier._s
        return float(earlier._event.elapsed_time(self._event)) / 1e3


def forbid_tf32() -> None:
    """Compute fp32 in fp32 in this process: CUDA alone rounds the factors of convolutions to 10 bits (TF32)."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    # Compiling would advise to allow it.
    warnings.filterwarnings("ignore", "TensorFloat32 tensor cores")


def facts(device: torch.device) -> dict[str, Any] | None:
    """Return what a record says of an accelerator and its software, by name; None for a CPU."""
    if not is_accelerator(device):
        return None
    cudnn: Any = torch.backends.cudnn
    return {
        "device": full_name(device),
        "name": card_name(device),
        "memory_bytes": card_bytes(device),
        "torch": torch.__version__,
        "runtime": torch.version.cuda or torch.version.hip or torch.version.xpu,
        "cudnn": cudnn.version() if device.type == "cuda" else None,
        "driver": _nvidia_driver() if device.type == "cuda" else None,
        "tf32": bool(cudnn.allow_tf32),
    }


def _nvidia_driver() -> str | None:
    try:
        found = re.search(r"\b\d+\.\d+(\.\d+)?\b", Path("/proc/driver/nvidia/version").read_text(errors="replace"))
    except OSError:
        return None
    return found[0] if found else None
