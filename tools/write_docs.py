"""Write the tables of docs/ that the code knows: options, a row's columns, a sweep's keys, the methods' settings.

    python -m tools.write_docs

Each table stands between `<!-- written by tools.write_docs: NAME -->` and `<!-- end -->`; the text around it is
written by hand. tests/test_docs.py fails when a table is not what this command would write.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import textwrap
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from unittest import mock

import yaml
from pydantic import BaseModel, ByteSize
from pydantic_core import PydanticUndefined

import stylize.__main__ as one_image
from jobs import benchmark, fid, replay, score, stylize_folder, summarize, train
from stylize import cli, stylizers
from stylize.commands import view
from stylize.images.formats import FORMATS_READ
from stylize.results.schema import COLUMNS
from stylize.tasks.sweep import Method, Sweep

DOCS = Path(__file__).parents[1] / "docs"
TABLE = re.compile(r"(<!-- written by tools\.write_docs: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "stylize_folder": stylize_folder.main,
    "stylize": one_image.main,
    "benchmark": benchmark.main,
    "score": score.main,
    "fid": fid.main,
    "summarize": summarize.main,
    "replay": replay.main,
    "train": train.main,
    "view": view.main,
}


def main(argv: Sequence[str]) -> int:
    """Write every file of docs/ that has tables; returns the exit status."""
    cli.Parser(
        prog="python -m tools.write_docs", description="Write the tables of docs/ that the code knows."
    ).parse_args(argv)
    for path, text in written():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    return cli.EXIT_OK


def written() -> Iterator[tuple[Path, str]]:
    """Yield each file of docs/ that has tables, with the text it should hold."""
    makers = tables()
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if TABLE.search(text):
            yield path, TABLE.sub(lambda place: place[1] + makers[place[2]]() + place[3], text)


def tables() -> dict[str, Callable[[], str]]:
    """Return what makes each table, by the table's name."""
    makers: dict[str, Callable[[], str]] = {
        "columns": _columns,
        "formats": _formats,
        "sweep": lambda: _fields(Sweep),
        "sweep-methods": lambda: _fields(Method),
        "settings": _settings,
    }
    return makers | {f"options-{name}": lambda main=main: _options(main) for name, main in COMMANDS.items()}


def parser_of(command: Callable[[Sequence[str]], int]) -> argparse.ArgumentParser:
    """Return the parser whose text the command's `--help` prints."""
    asked: list[argparse.ArgumentParser] = []
    instead = mock.patch.object(cli.Parser, "print_help", lambda parser, file=None: asked.append(parser))
    with instead, contextlib.suppress(SystemExit):
        command(["--help"])
    return asked[0]


def _options(command: Callable[[Sequence[str]], int]) -> str:
    """Return a command's options as a table, or as one for each group where it has groups of its own."""
    parser = parser_of(command)
    groups: dict[str, list[tuple[str, str]]] = {}
    own = [group for group in parser._action_groups if group.title not in ("positional arguments", "options")]
    for group in parser._action_groups:
        title = ("others" if group.title == "options" else group.title or "") if own else ""
        groups.setdefault(title, []).extend(_shown(group._group_actions))
    text = ""
    for title, rows in groups.items():
        if rows:
            text += f"\n**{title[:1].upper()}{title[1:]}**\n\n" if title else "\n"
            text += _table(("option", "meaning"), rows)
    return f"{text}\n{textwrap.fill(parser.epilog, 120, break_on_hyphens=False)}\n\n" if parser.epilog else f"{text}\n"


def _shown(actions: Iterable[argparse.Action]) -> list[tuple[str, str]]:
    everywhere = ("help", "version")
    shown = [action for action in actions if action.help != argparse.SUPPRESS and action.dest not in everywhere]
    return [(_named(action), " ".join((action.help or "").replace("%%", "%").split())) for action in shown]


def _named(action: argparse.Action) -> str:
    flag = action.option_strings[-1] if action.option_strings else ""
    words = [action.metavar] if isinstance(action.metavar, str) else list(action.metavar or ())
    metavar = " ".join(words * action.nargs if isinstance(action.nargs, int) and len(words) == 1 else words)
    value = "|".join(map(str, action.choices)) if action.choices else metavar
    return f"`{' '.join(word for word in (flag, value) if word)}`"


def _columns() -> str:
    rows = ((f"`{c.name}`", str(c.type), c.unit, c.meaning) for c in COLUMNS)
    return "\n" + _table(("column", "type", "unit", "meaning"), rows) + "\n"


def _formats() -> str:
    rows = (
        (kind, ", ".join(f"`{suffix}`" for suffix in form.suffixes), form.package)
        for kind, form in FORMATS_READ.items()
    )
    return "\n" + _table(("kind", "files", "read by"), rows) + "\n"


def _fields(model: type[BaseModel]) -> str:
    rows = (
        (f"`{name}`", _takes(field.annotation), _default(field), field.description or "")
        for name, field in model.model_fields.items()
    )
    return "\n" + _table(("key", "value", "default", "meaning"), rows) + "\n"


def _settings() -> str:
    """Return the settings of all methods by name; one that several methods have alike stands once."""
    methods: dict[tuple[str, ...], list[str]] = {}
    for name in stylizers.names():
        for setting, field in stylizers.find(name).settings_type.model_fields.items():
            row = (f"`{setting}`", _takes(field.annotation), _default(field), field.description or "")
            methods.setdefault(row, []).append(f"`{name}`")
    rows = ((row[0], ", ".join(names), *row[1:]) for row, names in sorted(methods.items()))
    return "\n" + _table(("setting", "methods", "value", "default", "meaning"), rows) + "\n"


def _default(field: Any) -> str:
    default = field.default_factory() if field.default_factory else field.default
    if default is PydanticUndefined:
        return "required"
    if default is None or default == {}:
        return "none"
    return f"`{yaml.safe_dump(default, default_flow_style=True).splitlines()[0]}`"


def _takes(annotation: Any) -> str:
    """Return in words what a field takes."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(_takes(part) for part in parts if part is not type(None))
    if origin is Annotated:
        return _takes(parts[0])
    if origin in (list, tuple):
        one = _takes(parts[0])
        return f"list of {one if one.startswith('`') else one + 's'}"
    if annotation is Method:
        return "mapping"
    words = {
        ByteSize: "size, such as 2GiB",
        bool: "`true`, `false`",
        int: "whole number",
        float: "number",
        str: "text",
        dict: "mapping",
    }
    return words[origin or annotation]


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    cli.run(main)
