"""Files of tensors: what they promise is held against what they hold, before any of it is unpacked."""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from stylize.errors import WeightsError
from stylize.packed import packed

MOST_BYTES = 2**31
"""The largest file that is read; VGG's, the largest of these networks', is a quarter of it."""
MOST_HEADER_BYTES = 2**22
"""The longest list of names and shapes that is read. Python's objects take up to a hundred times its bytes."""

MOST_TUPLES = 50_000
"""The most tuples in it, of which each tensor has some six. A million in each other end the process when hashed."""

_LEGACY_PICKLES = 5
"""How many stand in a row in a file of before the zip format; the bytes of its tensors follow them."""
_PLAIN = re.compile(
    r"collections OrderedDict|torch device|torch Size|torch\.nn\.parameter Parameter"
    r"|torch(\.storage)? (\w+Storage)|torch(\.storage)? (u?int|float|bfloat|complex|half|double|long|short|bool)\w*"
    r"|torch\._utils (_rebuild_parameter|_rebuild_tensor|_rebuild_tensor_v[23])"
)
"""What the pickle of a state dict may name. Torch allows more, of which some take memory by a number in the file."""
SAVE_ALONE = "write its tensors alone: torch.save(network.state_dict(), FILE)"
_OF_SCRIPT = "write its tensors alone: torch.save(torch.jit.load(OLD).state_dict(), NEW)"
_POINTER = b"version https://git-lfs"
_PAGES = (b"<!doctype html", b"<html", b"<?xml")
_OTHER_KINDS = {"sparse": "a sparse tensor", "qtensor": "a quantised tensor", "meta": "a meta tensor, without values"}


def is_safetensors(data: bytes, called_so: bool) -> bool:
    """Return whether a file is to be read as safetensors: by its first bytes, by its name where they are unclear."""
    return data[8:9] == b"{" or (called_so and not data.startswith((b"PK\x03\x04", b"\x80")))


def no_tensors(data: bytes) -> str | None:
    """Return what a file that could not be read is instead and what to do about it, None where nothing tells."""
    if not data:
        return "an empty file; copy or download it again"
    if data.startswith(_POINTER):
        return "a Git LFS pointer, which stands for the file; get that with `git lfs pull`"
    if data[:512].lstrip().lower().startswith(_PAGES):
        return "a web page that was saved in place of the file; download it again"
    return None if data.startswith(b"PK") else packed(data)  # torch's own files are zip archives


def safetensors(data: bytes) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file's bytes. Raises WeightsError saying what is wrong, without a name."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    header_bytes = int.from_bytes(data[:8], "little")
    if header_bytes > min(MOST_HEADER_BYTES, len(data)):
        raise WeightsError(f"not a whole safetensors file (a header of {header_bytes:,} bytes)")
    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError, RuntimeError, AttributeError) as error:
        raise WeightsError(f"not a whole safetensors file ({_line(error)})") from None


def pickled(data: bytes) -> Any:
    """Return what torch.save wrote: tensors, numbers, text and what holds them; no code is run.

    Raises WeightsError saying what is wrong, without a name.
    """
    try:
        if data.startswith(b"PK\x03\x04"):
            _check_archive(data)
        else:
            _check_pickles(io.BytesIO(data), _LEGACY_PICKLES)
        with warnings.catch_warnings():
            # Of an old pickle's protocol; what it is refused for is said below.
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except pickle.UnpicklingError:
        # Torch's own text advises to load it without the guard; nobody should.
        raise WeightsError("not a weights file") from None
    except Exception as error:  # torch raises whatever the damage happens to hit
        raise WeightsError(f"damaged or no weights file ({_line(error)})") from None


def check_plain(tensor: Tensor, name: str, file_bytes: int) -> None:
    """Raise WeightsError, without the file's name, for a tensor without plain values or larger than its file."""
    if tensor.is_meta or tensor.is_quantized or tensor.layout != torch.strided or tensor.is_nested:
        raise WeightsError(f"{name} is no plain tensor")
    if tensor.numel() * tensor.element_size() > file_bytes:
        raise WeightsError(f"{name} is {tuple(tensor.shape)}, which is larger than the file")


def _check_archive(data: bytes) -> None:
    """Raise WeightsError if an archive has packed entries, or says that it holds more than there are bytes."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile:
        raise WeightsError("cut short or damaged; copy or download it again") from None
    with archive:
        entries = archive.infolist()
        names = {entry.filename.rpartition("/")[2] for entry in entries}
        if "data.pkl" not in names:
            raise WeightsError(str(packed(data)))
        if "constants.pkl" in names:
            raise WeightsError(f"a TorchScript program, which is not run; {_OF_SCRIPT}")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise WeightsError("is compressed, which torch.save never does, and is not unpacked")
        sizes = [max(entry.file_size, entry.compress_size) for entry in entries]
        if sum(sizes) > len(data):
            raise WeightsError(f"its parts would have {sum(sizes):,} bytes, the whole file has {len(data):,}")
        for entry in entries:
            if entry.filename.rpartition("/")[2] == "data.pkl":
                _check_pickles(io.BytesIO(archive.read(entry)), 1)


def _check_pickles(stream: io.BytesIO, count: int) -> None:
    """Raise WeightsError if so many pickles name anything but what state dicts are made of, or are too long."""
    tuples = 0
    for op, named in _operations(stream, count):
        tuples += op.name.startswith("TUPLE")
        if stream.tell() > MOST_HEADER_BYTES or tuples > MOST_TUPLES:
            raise WeightsError("lists more than weights do")
        if op.name in ("GLOBAL", "INST", "STACK_GLOBAL") and not _PLAIN.fullmatch(str(named)):
            other = next((what for word, what in _OTHER_KINDS.items() if f"_rebuild_{word}" in str(named)), None)
            raise WeightsError(
                f"holds {other}"
                if other
                else f"holds more than tensors and is not read, as it could run code; {SAVE_ALONE}"
            )


def _operations(stream: io.BytesIO, count: int) -> Iterator[tuple[pickletools.OpcodeInfo, Any]]:
    for _ in range(count):
        try:
            yield from ((op, named) for op, named, _place in pickletools.genops(stream))
        except ValueError:
            raise WeightsError("not a weights file") from None


def _line(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return line.partition(". ")[0][:200]
