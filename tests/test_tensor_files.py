"""Files of tensors whose headers promise more than they hold, or other than plain tensors."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stylize import tensor_files, weights
from stylize.errors import WeightsError
from stylize.measure.memory import PeakMemory

EXPECTED = "weights"


def saved(content: object) -> bytes:
    """What torch.save writes."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def rewritten(data: bytes, compression: int = zipfile.ZIP_STORED, **replaced: bytes) -> bytes:
    """A torch file with its parts packed, or with the part `data_pkl` replaced."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", compression) as new:
        for name in old.namelist():
            own = replaced.get(name.rpartition("/")[2].replace(".", "_"))
            new.writestr(name, old.read(name) if own is None else own)
    return made.getvalue()


def refused(data: bytes, name: str = "a.pth") -> str:
    """What a file of these bytes is refused with: one line."""
    with pytest.raises(WeightsError) as caught:
        weights.parse(data, Path(name), EXPECTED)
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert message.endswith("; expected weights")
    assert "\n" not in message
    return message


class Calls:
    """Pickled, a call of anything."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_file_is_refused(compression: int) -> None:
    packed = rewritten(saved({"a": torch.zeros(1000)}), compression)
    assert "is compressed" in refused(packed)


def test_refusing_takes_no_more_memory_than_the_file(tmp_path: Path) -> None:
    """Each of these small files would have taken 100 MB to 1 GB."""
    big = saved({"a": torch.zeros(1)})
    files = {
        "packed.pth": rewritten(saved({"a": torch.zeros(100_000_000 // 4)}), zipfile.ZIP_DEFLATED),
        "bytearray.pth": rewritten(big, data_pkl=pickle.dumps({"a": Calls(bytearray, 2**30)}, 2)),
        "tensor.pth": rewritten(big, data_pkl=pickle.dumps({"a": Calls(torch.Tensor, 2**14, 2**14)}, 2)),
        "header.safetensors": struct.pack("<Q", 2**30) + b" " * 100,
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    memory = PeakMemory()
    memory.start()
    for name in files:
        with pytest.raises(WeightsError):
            weights.read(tmp_path / name, EXPECTED)
    taken = memory.stop().image_host_bytes
    assert taken is None or taken < 32e6


def test_parts_that_together_are_more_than_the_file_are_refused() -> None:
    data = bytearray(saved({"a": torch.zeros(1000), "b": torch.zeros(1000)}))
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    for place in (20, 24):  # both sizes of an entry of the central directory
        data[at + place : at + place + 4] = struct.pack("<I", 2**28)
    assert "the whole file has" in refused(bytes(data))


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "named", [os.system, bytearray, torch.Tensor, torch.zeros, eval], ids=lambda named: named.__name__
)
def test_a_file_that_names_anything_but_plain_tensors_is_not_read(named: Any, legacy: bool) -> None:
    buffer = io.BytesIO()
    torch.save({"a": Calls(named, 3)}, buffer, _use_new_zipfile_serialization=not legacy)
    assert "holds more than tensors" in refused(buffer.getvalue())


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("meta", lambda: torch.ones(2, device="meta")),
        ("sparse", lambda: torch.eye(2).to_sparse()),
        ("sparse", lambda: torch.eye(2).to_sparse_csr()),
        ("quantised", lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8)),
        ("more than tensors", lambda: torch.nested.nested_tensor([torch.ones(2)])),
        ("larger than the file", lambda: torch.ones(1).expand(10_000, 10_000)),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_tensors_without_plain_values_are_one_line(kind: str, made: Callable[[], Tensor]) -> None:
    assert kind in refused(saved({"a": made()}))


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64])
@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_numbers_of_another_kind_fill_no_network(dtype: torch.dtype, name: str) -> None:
    from safetensors.torch import save

    tensors = {"weight": torch.ones(2, 2, dtype=dtype), "bias": torch.ones(2)}
    data = save(tensors) if name.endswith("safetensors") else saved(tensors)
    kind = str(dtype).removeprefix("torch.")
    with pytest.raises(WeightsError, match=f"^{name}: weight is {kind}, not floating point; expected weights$"):
        weights.fill(nn.Linear(2, 2), weights.parse(data, Path(name), EXPECTED), EXPECTED)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float8_e4m3fn])
def test_floating_point_of_any_width_fills_a_network(dtype: torch.dtype) -> None:
    net = nn.Linear(2, 2)
    data = saved({"weight": nn.Parameter(torch.ones(2, 2).to(dtype)), "bias": torch.ones(2)})
    weights.fill(net, weights.parse(data, Path("a.pth"), EXPECTED), EXPECTED)
    assert torch.equal(net.weight, torch.ones(2, 2))


def test_a_file_that_holds_itself_is_no_state_dict() -> None:
    endless: dict[str, Any] = {}
    endless["model"] = endless
    assert "no plain state dict" in refused(saved(endless))


def test_a_list_of_names_without_end_is_refused() -> None:
    data = pickle.dumps({"a": "x" * 5_000_000}, 2)
    assert "lists more than weights do" in refused(rewritten(saved({}), data_pkl=data))


def test_tuples_within_tuples_without_end_are_refused() -> None:
    key = b")" + b"\x85" * 1_000_000  # hashed as a key it would overflow the stack
    assert "lists more than weights do" in refused(rewritten(saved({}), data_pkl=b"\x80\x02}" + key + b"Ns."))


def test_what_is_no_file_or_too_large_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    with (tmp_path / "large.pth").open("wb") as file:
        file.truncate(tensor_files.MOST_BYTES + 1)
    for name, why in (("pipe.pth", "not a file"), ("large.pth", "more than weights have")):
        with pytest.raises(WeightsError, match=why):
            weights.read(tmp_path / name, EXPECTED)
    with pytest.raises(WeightsError, match="null"):
        weights.read(Path("a\0.pth"), EXPECTED)
