"""`python -m stylize list`: the methods and whether their weights are here; `list NAME`: the settings of one."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic_core import PydanticUndefined

from stylize import cli, stylizers
from stylize.errors import StylizeError, UsageError, one_line
from stylize.io.files import local_path
from stylize.terminal import add_row, say, show, table

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from rich.table import Table

    from stylize.stylizers.base import Stylizer

PLAIN_WIDTH = 120


def main(argv: Sequence[str]) -> int:
    """Print one table, or those of one method; returns the exit status."""
    parser = cli.Parser(
        prog="stylize list",
        usage="stylize list [NAME] [options]",
        description="Show the methods, or one method and its settings.",
        epilog="Exit status: 0 done, 2 a wrong call, 1 could not go on.",
    )
    inputs = parser.group("inputs")
    inputs.add_argument("name", nargs="?", metavar="NAME", help="method to show; without it, all")
    inputs.add_argument("--weights", metavar="PATH", help="say which methods can use this weights file or folder")
    given = parser.parse_args(argv)
    weights = None if given.weights is None else local_path(given.weights, "--weights")
    if weights is not None and not weights.exists():
        raise UsageError(f"--weights: no such file or folder: {one_line(weights)}")
    if given.name is None:
        show(_methods(stylizers.names(), weights), PLAIN_WIDTH)
        return cli.EXIT_OK
    method = stylizers.find(given.name)
    show(_methods([given.name], weights), PLAIN_WIDTH)
    if method.settings_type.model_fields:
        show(_settings(method), PLAIN_WIDTH)
    else:
        say("no settings")
    if _backbones(method):
        show(_layers(), PLAIN_WIDTH)
    return cli.EXIT_OK


def _methods(names: list[str], weights: Path | None) -> Table:
    """Return a row per method: what it is, what it runs in, what it needs, and what is here of that."""
    last = "weights here" if weights is None else "can use it"
    title = None if weights is None else f"--weights {one_line(weights)}"
    grid = table("method", "what it is", "precisions", "weights it needs", last, title=title, lines=True)
    # Narrow ones leave room for file names.
    grid.columns[1].max_width, grid.columns[2].max_width = 26, 11
    for name in names:
        method = stylizers.find(name)
        here = _here(name, method) if weights is None else _serves(name, method, weights)
        add_row(grid, name, method.summary, ", ".join(method.precisions), method.needs or "none", here)
    return grid


def _here(name: str, method: type[Stylizer]) -> str:
    """Return what a method has of its weights on this machine."""
    if _backbones(method):
        return "\n".join(f"{backbone}: {_cached(backbone)}" for backbone in _backbones(method))
    if method.styles_are_weights:
        return "give one as ARTWORK"
    if method.needs is not None:
        return "give --weights PATH"
    try:
        return "none needed" if stylizers.load(name).weights_sha256 is None else "ships with it"
    except StylizeError as error:
        return f"no: {error}"


def _serves(name: str, method: type[Stylizer], weights: Path) -> str:
    """Return whether a method, or which of its backbones, loads these weights; the reason if not."""
    known = _backbones(method)
    if known:
        return "\n".join(f"{backbone}: {_tried(name, weights, backbone=backbone)}" for backbone in known)
    return _tried(name, weights)


def _tried(name: str, weights: Path, **settings: Any) -> str:
    try:
        stylizers.load(name, precision="fp32", weights=weights, **settings)
    except StylizeError as error:
        # The path is in the title, and what was expected in the column beside.
        return "no: " + str(error).replace(f"{weights}/", "").removeprefix(f"{weights}: ").partition("; expected")[0]
    return "yes"


def _backbones(method: type[Stylizer]) -> list[str]:
    """Return the networks to choose from, for a method that has the choice."""
    from stylize.backbones import BACKBONES

    return list(BACKBONES) if "backbone" in method.settings_type.model_fields else []


def _cached(backbone: str) -> str:
    from stylize.backbones import cached_file

    return "yes" if cached_file(backbone).exists() else "no"


def _settings(method: type[Stylizer]) -> Table:
    """Return a row per setting: its name for `--set`, its default and other choices, what it means."""
    grid = table("setting", "default", "what it is", title="--set NAME=VALUE")
    for name, field in method.settings_type.model_fields.items():
        add_row(grid, name, _default(field), field.description or "")
    return grid


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        return "none: it must be given"
    if isinstance(default, Enum):
        return f"{default.value} (or {', '.join(str(one.value) for one in type(default) if one is not default)})"
    if isinstance(default, bool):
        return str(default).lower()
    if get_origin(field.annotation) is Literal:
        return f"{default} (or {', '.join(str(one) for one in get_args(field.annotation) if one != default)})"
    return "none" if default is None else str(default)


def _layers() -> Table:
    """Return a row per backbone: the layers it is compared at, and where its weights are looked for."""
    from stylize.backbones import BACKBONES, cache_folder

    grid = table("backbone", "content_layers", "style_layers", "weights", title=f"downloaded to {cache_folder()}")
    for name, kind in BACKBONES.items():
        add_row(grid, name, ", ".join(kind.content), ", ".join(kind.style), f"{kind.file}: {_cached(name)}")
    return grid
