"""Devices by name, their memory and errors, on machines with accelerators of each kind and none: all pretended."""

from __future__ import annotations

import warnings
import weakref
from types import SimpleNamespace

import pytest
import torch

from stylize.errors import NoDeviceError, UsageError
from stylize.machine import devices
from stylize.machine.memory_limit import free_bytes
from tests.support.accelerators import GIB, Pretended, none_here


def test_without_an_accelerator_auto_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    none_here(monkeypatch)
    assert (devices.available(), devices.count()) == (None, 0)
    assert devices.find("auto") == devices.find("cpu") == torch.device("cpu")
    for name in ("cuda", "cuda:0", "mps", "xpu", "accelerator"):
        with pytest.raises(NoDeviceError, match=r"sees no .* here; use cpu"):
            devices.find(name)


@pytest.mark.parametrize("kind", devices.KINDS)
def test_auto_is_the_accelerator_of_whatever_kind(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Pretended(kind, count=2).put(monkeypatch)
    assert devices.find("auto") == devices.find("accelerator") == devices.find(kind) == torch.device(kind)
    assert devices.find("cpu") == torch.device("cpu")
    assert devices.find(f"{kind}:1") == torch.device(kind, 1)
    assert devices.full_name(torch.device(kind)) == f"{kind}:0"
    for name in {f"{kind}:2", "cuda", "mps", "xpu"} - {kind}:
        with pytest.raises(NoDeviceError, match=f"it sees 2 of kind {kind}"):
            devices.find(name)


@pytest.mark.parametrize("name", ["cud", "cuda:x", "meta", "cpu:7:1", "hip", ""])
def test_a_name_that_is_none_is_a_wrong_call(name: str) -> None:
    with pytest.raises(UsageError, match="unknown device"):
        devices.find(name)


def test_memory_is_what_the_allocator_says(monkeypatch: pytest.MonkeyPatch) -> None:
    stats = {"allocated_bytes.all.current": 1, "allocated_bytes.all.peak": 3, "reserved_bytes.all.peak": 8}
    Pretended("xpu", stats=stats).put(monkeypatch)
    assert devices.memory("xpu") == {"allocated_current": 1, "allocated_peak": 3, "reserved_peak": 8}
    assert devices.memory("cpu") == {}
    assert devices.card_bytes("xpu") == 16 * GIB


def test_an_accelerator_that_does_not_tell_leaves_nulls(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(device: object = None) -> None:
        raise RuntimeError("Allocator for mps is not a DeviceAllocator.")

    Pretended("mps").put(monkeypatch)
    for name in ("memory_stats", "reset_peak_memory_stats", "get_memory_info"):
        monkeypatch.setattr(torch.accelerator, name, refuses)
    devices.forget_peaks("mps")
    assert devices.memory("mps") == {}
    assert devices.card_bytes("mps") is None


def test_a_cards_size_is_known_without_taking_memory_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def takes_half_a_gb(device: object) -> None:
        raise AssertionError("what is free was asked for")

    Pretended().put(monkeypatch)
    monkeypatch.setattr(torch.accelerator, "get_memory_info", takes_half_a_gb)
    properties = SimpleNamespace(total_memory=80 * GIB)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    assert devices.card_bytes("cuda:0") == 80 * GIB


def test_a_cap_is_for_a_card_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    caps: list[tuple[float, torch.device]] = []
    Pretended().put(monkeypatch)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *given: caps.append(given))
    devices.cap_memory(torch.device("cuda"), 0.25)  # as `find` returns it; torch's own function refuses that
    devices.cap_memory(torch.device("cuda:1"), 0.5)
    assert caps == [(0.25, torch.device("cuda:0")), (0.5, torch.device("cuda:1"))]


def test_what_the_allocator_keeps_for_the_next_image_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    stats = {"allocated_bytes.all.current": GIB, "reserved_bytes.all.current": 5 * GIB}
    Pretended(stats=stats).put(monkeypatch)  # of 16 GiB, 8 are free for any process
    assert free_bytes("cuda") == 12 * GIB


def test_who_forbids_tf32_is_not_advised_to_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    advice = "TensorFloat32 tensor cores for float32 matrix multiplication available but not enabled."
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        devices.forbid_tf32()
        warnings.warn(advice, stacklevel=1)
        warnings.warn("something else", stacklevel=1)
    assert [str(one.message) for one in told] == ["something else"]
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize(
    ("gib", "share", "tensors"),
    [(80, 0.25, 0.225), (16, 0.25, 0.25 - 0.75 / 16), (16, 0.05, 0.025), (None, 0.25, 0.225)],
)
def test_a_process_with_a_share_of_a_card_leaves_room_for_its_context(
    gib: int | None, share: float, tensors: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "card_bytes", lambda device: None if gib is None else gib * 2**30)
    assert devices.share_for_tensors(torch.device("cuda"), share) == pytest.approx(tensors)


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: out of memory",
        "MPS backend out of memory (MPS allocated: 17.99 GB, other allocations: 96.00 KB)",
        "GET was unable to find an engine to execute this computation",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "input tensor must fit into 32-bit index math",
    ],
)
def test_what_devices_say_without_memory_is_out_of_memory(message: str) -> None:
    assert devices.out_of_memory(RuntimeError(message))
    assert not devices.device_lost(RuntimeError(message))
    assert not devices.out_of_memory(ValueError(message))


def test_real_allocation_failure_is_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**50, dtype=torch.uint8)
    assert devices.out_of_memory(raised.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("HIP error: unspecified launch failure"),
        RuntimeError("level_zero backend failed with error: 20 (UR_RESULT_ERROR_DEVICE_LOST)"),
    ],
)
def test_after_some_errors_a_process_has_lost_its_device(error: Exception) -> None:
    assert devices.device_lost(error)
    assert not devices.out_of_memory(error)


def test_other_errors_leave_the_device_as_it_is() -> None:
    assert not devices.device_lost(RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"))
    assert not devices.device_lost(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert not devices.device_lost(ValueError("CUDA error: said by somebody else"))


def test_memory_is_given_back_after_the_failed_calls_tensors_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    Pretended().put(monkeypatch)
    held: list[weakref.ref[torch.Tensor]] = []
    seen: list[bool] = []
    monkeypatch.setattr(torch.accelerator, "empty_cache", lambda: seen.append(held[0]() is None))

    def fails() -> None:
        tensor = torch.ones(3)
        held.append(weakref.ref(tensor))
        try:
            raise torch.OutOfMemoryError("no room")
        except RuntimeError:
            raise RuntimeError("out of memory, told again") from None

    try:
        fails()
    except RuntimeError as error:
        assert held[0]() is not None
        devices.free_memory(error)
    assert seen == [True]


def test_marks_on_a_cpu_are_its_clock() -> None:
    first, second = (devices.Mark(torch.device("cpu")) for _ in range(2))
    second.wait()
    assert second.seconds_since(first) > 0
