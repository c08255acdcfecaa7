"""Weights from files of unknown origin: safetensors, or state dicts read with `weights_only=True`; never code."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from stylize import tensor_files
from stylize.errors import WeightsError
from stylize.machine.one_thread import on_this_thread_alone

GRAPH_SUFFIX = ".onnx"
SUFFIXES = (".safetensors", ".pth", ".pt", ".model", ".tar", ".ckpt", GRAPH_SUFFIX)
"""What weights files are called; `.model` and `.pth.tar` are what the published ones use."""

_WRAPPERS = (
    "state_dict", "model_state_dict", "params_ema", "params", "model_state", "model", "network", "net", "weights",
)  # fmt: skip
"""Under which names training programs keep a network's tensors, the likeliest first."""
MOST_WRAPPERS = 4
"""How deep they put them; a file could hold itself."""
_WRAPPED = re.compile(r"(^|\.)(?:module|_orig_mod)\.")
"""What running on several devices or compiling puts into the names of tensors."""

COUNTER = "num_batches_tracked"
"""What torch calls the batches that a norm's training has counted."""

Rename = Callable[[str], str | None]
"""A tensor's name in a file to its name in a network; None leaves it out."""


@dataclass(frozen=True)
class State:
    """One file's tensors by name, its SHA-256 and where it came from."""

    path: Path
    tensors: Mapping[str, Tensor]
    sha256: str

    def fitted(self, wanted: Collection[str], rename: Rename = str) -> State:
        """Return the state renamed, without as much of what programs put before names as makes all `wanted` appear.

        Where nothing does, it is renamed as it stands. Batches that a training counted may be missing.
        """
        needed = {name for name in wanted if not name.endswith(COUNTER)}
        state = self
        while True:
            renamed = state.renamed(rename)
            if renamed.tensors.keys() >= needed:
                return renamed
            shorter = state._shortened()
            if shorter is None:
                return self.renamed(rename)
            state = shorter

    def _shortened(self) -> State | None:
        """Return the state with one thing less before all names, None where nothing is left to take away."""
        names = list(self.tensors)
        plain = [_WRAPPED.sub(r"\1", name) for name in names]
        if plain == names:
            # What a program's own class calls the network stands before all names.
            if len({name.partition(".")[:2] for name in names}) != 1 or "." not in names[0]:
                return None
            plain = [name.partition(".")[2] for name in names]
        return State(self.path, dict(zip(plain, self.tensors.values(), strict=True)), self.sha256)

    def renamed(self, rename: Rename) -> State:
        """Return the same with other names; a name that becomes None is left out."""
        named = ((rename(name), value) for name, value in self.tensors.items())
        return State(self.path, {name: value for name, value in named if name is not None}, self.sha256)


def read(path: Path, expected: str) -> State:
    """Return the state dict in a file, on the CPU. `expected` says in a few words what should be in it.

    Raises WeightsError naming the file and what was expected.
    """
    return parse(file_bytes(path, expected), path, expected)


def parse(data: bytes, path: Path, expected: str) -> State:
    """Do as `read`, of bytes that came from `path`."""
    try:
        plain = tensor_files.is_safetensors(data, path.suffix.lower() == ".safetensors")
        tensors = tensor_files.safetensors(data) if plain else _state_dict(tensor_files.pickled(data))
        for name, tensor in tensors.items():
            tensor_files.check_plain(tensor, name, len(data))
    except WeightsError as error:
        raise WeightsError(f"{path}: {tensor_files.no_tensors(data) or error}; expected {expected}") from None
    return State(path, tensors, hashlib.sha256(data).hexdigest())


def read_checkpoint(path: Path, expected: str) -> Any:
    """Return all that torch.save put into a file, such as a training's state. Raises WeightsError as `read` does."""
    data = file_bytes(path, expected)
    try:
        return tensor_files.pickled(data)
    except WeightsError as error:
        raise WeightsError(f"{path}: {tensor_files.no_tensors(data) or error}; expected {expected}") from None


def file_bytes(path: Path, expected: str) -> bytes:
    """Return a weights file's bytes. Raises WeightsError as `read` does."""
    try:
        facts = path.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise WeightsError(f"{path}: is a folder; expected a file with {expected}")
        if not stat.S_ISREG(facts.st_mode):  # a pipe or a device is not opened: it could block, or never end
            raise WeightsError(f"{path}: not a file; expected {expected}")
        if facts.st_size > tensor_files.MOST_BYTES:
            raise WeightsError(f"{path}: {facts.st_size:,} bytes, more than weights have; expected {expected}")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise WeightsError(f"{path}: {why}; expected {expected}") from None


_RANDOM = (Tensor.uniform_, Tensor.normal_, nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_)


class _Unfilled(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        # Torch's own initialisations give the tensor by its name, and what they call would not come here again.
        return (args or (given.get("tensor"),))[0] if func in _RANDOM else func(*args, **given)


@contextlib.contextmanager
def unfilled(skips: bool = True) -> Iterator[None]:
    """Build networks that `fill` fills without the random numbers that layers begin with: they take most of the time.

    skips: False draws them all the same.
    """
    with _Unfilled() if skips else contextlib.nullcontext():
        yield


@on_this_thread_alone()
def fill(net: nn.Module, state: State, expected: str, rename: Rename = str) -> None:
    """Copy a state's tensors into a network of exactly these names and shapes, once renamed as it is `fitted`.

    Batches that a training counted may be missing: nothing but training reads them.
    Raises WeightsError naming the file, the first tensor that does not fit, and what was expected.
    """
    wanted = net.state_dict()
    given, state = state, state.fitted(wanted.keys(), rename)
    for name, target in wanted.items():
        if name not in state.tensors:
            if name.endswith(COUNTER):
                continue
            raise WeightsError(f"{state.path}: holds no {name}{_instead(given, wanted, rename)}; expected {expected}")
        got = state.tensors[name]
        if got.shape != target.shape:
            shapes = f"{name} is {tuple(got.shape)}, not {tuple(target.shape)}"
            raise WeightsError(f"{state.path}: {shapes}; expected {expected}")
        if target.is_floating_point() and not got.is_floating_point():
            kind = str(got.dtype).removeprefix("torch.")
            raise WeightsError(f"{state.path}: {name} is {kind}, not floating point; expected {expected}")
        if not torch.isfinite(got.float()).all():
            raise WeightsError(f"{state.path}: {name} holds NaN or infinity; expected {expected}")
    extra = next((name for name in state.tensors if name not in wanted), None)
    if extra is not None:
        raise WeightsError(f"{state.path}: holds {extra}, which is not part of it; expected {expected}")
    net.load_state_dict(wanted | dict(state.tensors))


def _instead(state: State, wanted: Collection[str], rename: Rename) -> str:
    """Return the first names of a state that are not wanted: they tell whose it is."""
    # In order, as safetensors have theirs in another one each time they are read.
    others = sorted(name for name in state.tensors if rename(name) not in wanted)
    first = ", ".join(f"{name:.60}" for name in others[:2])
    return first and f", but {first}"


def file_like(folder: Path, name: str) -> Path:
    """Return the file of a folder that is called `name`, or else as training programs call theirs.

    `decoder.pth` is also `decoder_iter_160000.pth.tar`, or the other way round: the same words in front, another suffix
    of weights, the highest number. Raises WeightsError where several fit without one.
    """
    if (folder / name).exists():
        return folder / name
    words = re.sub(r"_iter_\d+$", "", name.partition(".")[0].lower()).split("_")
    called = re.compile(rf"{'[-_ ]?'.join(map(re.escape, words))}(?![a-z])", re.IGNORECASE)
    alike = [path for path in folder.iterdir() if called.match(path.name)]
    alike = sorted(path for path in alike if path.name.lower().endswith(SUFFIXES))
    numbers = {path: [int(digits) for digits in re.findall(r"\d+", path.name)] for path in alike}
    best = max(alike, key=lambda path: numbers[path], default=folder / name)
    if sum(numbers[path] == numbers[best] for path in alike) > 1:
        listed = ", ".join(path.name for path in alike)
        raise WeightsError(f"{folder}: {listed} could each be {name}; leave one of them there")
    return best


def together(states: list[State]) -> str:
    """Return one SHA-256 for several files: of the lines that `sha256sum` prints for their names in sorted order."""
    if len(states) == 1:
        return states[0].sha256
    lines = (f"{state.sha256}  {state.path.name}\n" for state in sorted(states, key=lambda state: state.path.name))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _state_dict(loaded: Any) -> dict[str, Tensor]:
    """Return the tensors by name out of what programs keep them in. Raises WeightsError without the file's name."""
    for _ in range(MOST_WRAPPERS):
        inner = isinstance(loaded, dict) and next(
            (loaded[name] for name in _WRAPPERS if isinstance(loaded.get(name), dict)), None
        )
        if not inner:
            break
        loaded = inner
    if isinstance(loaded, dict) and not _is_plain(loaded):
        # Under a name of the program's own.
        plain = {name: one for name, one in loaded.items() if isinstance(one, dict) and one and _is_plain(one)}
        if len(plain) > 1:
            names = ", ".join(f"{name!s:.60}" for name in itertools.islice(plain, 4))
            raise WeightsError(f"holds several state dicts ({names}); write the one that is wanted into its own file")
        loaded = next(iter(plain.values()), None)
    if not _is_plain(loaded):
        raise WeightsError(f"holds no plain state dict; {tensor_files.SAVE_ALONE}")
    return dict(loaded)


def _is_plain(loaded: Any) -> bool:
    return isinstance(loaded, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in loaded.items()
    )
