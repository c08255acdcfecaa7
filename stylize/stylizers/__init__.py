"""The methods, one file each: a file `NAME.py` here that defines `STYLIZER` is the method `NAME`."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from pydantic import Field, TypeAdapter, ValidationError

from stylize.errors import StylizeError, UsageError, named_message, of_a_signal, unknown
from stylize.images import STYLE_RESOLUTION_PX
from stylize.machine.openmp import load_torch
from stylize.shares import EXPECTED_SIZE, MaxMemory
from stylize.validation import Checked, validated

if TYPE_CHECKING:
    from stylize.stylizers.base import Stylizer

DEFAULT = "compact"
_NUMBERS = {"alpha": float, "content_weight": float, "style_weight": float, "iterations": int, "seed": int}
"""Settings with a column of their own, and what that holds."""
_ATTRIBUTES: tuple[tuple[str, Any, str], ...] = (
    ("precisions", (tuple, list), 'a tuple, such as ("fp32",)'),
    ("per_image", (tuple, list), 'a tuple, such as ("strength",)'),
    ("least_px", int, "a whole number"),
)
"""Of a class of somebody's own: what it is easily given otherwise, and where that would be a puzzle."""
_WHERE = "start in the module's folder or have that on PYTHONPATH"
"""Where a worker looks for a module, too; it does not have what a notebook added to its own `sys.path`."""
RANDOM = "random"
"""In place of a path: untrained weights, to time a network whose weights are not at hand."""


class _How(Checked):
    """How a method is loaded, as far as values are of a kind; the method says which it has."""

    device: str
    precision: str
    runtime: str
    style_resolution_px: int | None = Field(ge=1, le=32768)


def names() -> list[str]:
    """Return the registered methods, sorted."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in modules if name != "base" and not name.startswith("_"))


def find(name: str) -> type[Stylizer]:
    """Return the class of a registered method, or of `package.module:Class` for one of your own.

    Raises UsageError naming the known ones.
    """
    if not isinstance(name, str):
        raise UsageError(f"stylizer {name!r}: expected a text: a method's name, or package.module:Class")
    load_torch()
    if name in names():
        module = importlib.import_module(f"{__name__}.{name}")
        method: type[Stylizer] = module.STYLIZER
        return method
    if ":" in name or "/" in name or name.endswith(".py"):
        return _own(name)
    raise UsageError(f"{unknown('stylizer', name, names())} (package.module:Class names one of your own)")


def load(
    name: str | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "auto",
    weights: str | Path | None = None,
    style_resolution_px: int | None = STYLE_RESOLUTION_PX,
    max_memory: int | str = "auto",
    **settings: Any,
) -> Stylizer:
    """Return a loaded stylizer; with no name the bundled model.

    Call it on two PIL images, (H, W, 3 or 4) uint8 arrays or (3, H, W) float tensors in [0, 1]; you get the kind of the
    first. device: auto (an accelerator where torch sees one), cpu, cuda, mps or xpu, or one with its number: cuda:1.
    runtime: what runs the network on a CPU: torch, onnxruntime, openvino, or auto, which goes by the processor.
    style_resolution_px: the long side at which an artwork is looked at; None: its own. max_memory: what an image may
    take, its result included, such as "2GiB" or a number of bytes; larger ones are restyled in strips by torch, in fp32
    with the same result (arrays and PIL images; tensors are taken at once). auto: most of what is free.
    Raises UsageError for an unknown name, setting, device or precision, WeightsError for bad weights.
    """
    method = find(DEFAULT if name is None else name)
    given = {"device": device, "precision": precision, "runtime": runtime, "style_resolution_px": style_resolution_px}
    how = validated(_How, given).model_dump()
    stylizer = method(check_settings(method, settings), weights=weights, **how)
    stylizer.max_memory = _size(max_memory)
    return stylizer


def _size(text: int | str) -> int | str:
    try:
        size = TypeAdapter[int | str](MaxMemory).validate_python(None if isinstance(text, bool) else text)
    except ValidationError:
        raise UsageError(f"max_memory={text!r}: {EXPECTED_SIZE}, or auto") from None
    return size if isinstance(size, str) else int(size)


def check_settings(method: type[Stylizer], settings: dict[str, Any]) -> Any:
    """Return the method's validated settings. Raises UsageError naming the wrong one and the known ones."""
    return validated(method.settings_type, settings, method.name)


def changed_settings(stylizer: Stylizer, changes: dict[str, Any]) -> Any:
    """Return a loaded stylizer's settings with others that are `per_image`. Raises UsageError, as `check_settings`."""
    changed = check_settings(type(stylizer), {**dict(stylizer.settings), **changes})
    if of_all := sorted(changes.keys() - set(stylizer.per_image)):
        own = f"of one image are: {', '.join(stylizer.per_image) or 'none'}"
        raise UsageError(f"{stylizer.name}: {', '.join(of_all)} must be given when it is loaded; {own}")
    return changed


def numbers_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what columns of their own hold of settings: a method of somebody's own may have others of that name."""
    return {name: settings[name] for name, kind in _NUMBERS.items() if isinstance(settings.get(name), int | kind)}


def own_code(names: Iterable[str]) -> dict[str, str]:
    """Return a hash of the files that define each method of somebody's own and the classes that it comes from."""
    return {name: _hash_of_files(find(name)) for name in sorted(set(names)) if ":" in name}


def _hash_of_files(method: type[Stylizer]) -> str:
    digest = hashlib.sha256()
    for one in method.__mro__:
        with contextlib.suppress(TypeError, OSError):  # there is no file, as of what is built in
            if one.__module__.partition(".")[0] not in {__name__.partition(".")[0], *sys.stdlib_module_names}:
                digest.update(hashlib.sha256(Path(inspect.getfile(one)).read_bytes()).digest())
    return digest.hexdigest()


def _own(name: str) -> type[Stylizer]:
    module_name, _, class_name = name.rpartition(":")
    is_module = all(part.isidentifier() for part in module_name.split(".")) and not module_name.endswith(".py")
    if not (class_name and is_module):
        raise UsageError(_how_to_name(name))
    _look_here_last()
    with own_errors(name):
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if not f"{module_name}.".startswith(f"{error.name}."):
                raise  # of what it imports itself
            raise UsageError(f"stylizer {name!r}: no module named {error.name!r} here; {_WHERE}") from None
    own = getattr(module, class_name, None)
    from stylize.stylizers.base import Settings, Stylizer

    if own is None:
        known = [one for one, what in vars(module).items() if isinstance(what, type) and issubclass(what, Stylizer)]
        raise UsageError(f"stylizer {name!r}: {unknown('class', class_name, known)}")
    if not (isinstance(own, type) and issubclass(own, Stylizer)):
        raise UsageError(f"stylizer {name!r} is not a subclass of stylize.stylizers.base.Stylizer")
    if not isinstance(getattr(own, "name", None), str):
        raise UsageError(f"stylizer {name!r}: give the class a `name`, a text: rows and reports call it so")
    if not (isinstance(own.settings_type, type) and issubclass(own.settings_type, Settings)):
        raise UsageError(f"stylizer {name!r}: its `settings_type` is not a subclass of stylize.stylizers.base.Settings")
    for attribute, kinds, expected in _ATTRIBUTES:
        if not isinstance(value := getattr(own, attribute), kinds):
            raise UsageError(f"stylizer {name!r}: its `{attribute}` is {value!r:.80}; expected {expected}")
    return own


def _look_here_last() -> None:
    """Find modules in the current folder, too, where `stylize` itself does not look: last, so that they shadow none."""
    with contextlib.suppress(OSError):
        if not {"", here := str(Path.cwd())} & set(sys.path):
            sys.path.append(here)


@contextlib.contextmanager
def own_errors(name: str) -> Iterator[None]:
    """Turn whatever a method of somebody's own raises, or ends the process with, into a UsageError that says where."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, StylizeError) or ":" not in name or of_a_signal(error):
            raise
        package = name.partition(":")[0].partition(".")[0]
        frames = [
            (frame.f_globals.get("__name__", ""), frame.f_code.co_filename, line)
            for frame, line in traceback.walk_tb(error.__traceback__)
        ]
        places = [f" at {file}:{line}" for module, file, line in frames if module.partition(".")[0] == package]
        raise UsageError(f"stylizer {name!r}: {named_message(error)}{''.join(places[-1:])}") from error


def _how_to_name(name: str) -> str:
    path, _, class_name = name.rpartition(":") if ":" in name else (name, "", "")
    module = PurePath(path.removesuffix(".py")).name if "/" in path or path.endswith(".py") else path
    module = module if all(part.isidentifier() for part in module.split(".")) else "MODULE"
    return f"stylizer {name!r}: write {module}:{class_name if class_name.isidentifier() else 'CLASS'}, and {_WHERE}"
