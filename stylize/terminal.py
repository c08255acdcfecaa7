"""What reaches a terminal or a log: all of it is printed here, and nothing in it is obeyed.

A name or a message may come from a file, a record or a store that nobody vouches for. In it an escape sequence would
move the cursor or retitle the window, a newline would forge a line, a bidirectional override would turn words around.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from stylize.errors import CannotContinueError, harmless

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MAX_CHARS = 10_000
"""Of a line: nobody reads more, and a terminal would scroll for minutes."""
_READABLE = 10
"""Characters of a cell of a table: split into fewer, its words are not read."""


def open_closed_streams() -> None:
    """Open on the null device what was closed before this process began, as by `2>&-`.

    Python has None for it, and the next file to be opened would have its number, at which others print.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for as long as the process lives


def silence(stream: TextIO) -> None:
    """Let what a stream still holds, and all that follows, go nowhere: Python writes it once more as it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(*lines: object, file: TextIO | None = None) -> None:
    """Print texts, each on a line of its own, to standard output or to `file`.

    Raises CannotContinueError where standard output cannot be written; a full standard error is silenced.
    """
    _print("\n".join(map(_line, lines)), file)


def say_json(facts: dict[str, Any], file: TextIO | None = None) -> None:
    """Print facts as JSON on one line, for programs. Raises ValueError for a number that JSON has not."""
    _print(json.dumps(facts, allow_nan=False), file)


def say_above(bar: Console, text: object) -> None:
    """Print a line above what a console shows at its end."""
    bar.print(_line(text), markup=False, highlight=False)


def table(*head: str, title: str | None = None, lines: bool = False) -> Table:
    """Return an empty table for `add_row` and `show`. lines: with one between its rows."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=None if title is None else Text(_line(title)), title_justify="left", show_lines=lines)
    for name in head:
        grid.add_column(_line(name), overflow="fold")
    return grid


def add_row(grid: Table, *cells: str) -> None:
    """Add a row of texts, which may have several lines."""
    from rich.text import Text

    # Text: brackets in a path or a reason are no markup.
    grid.add_row(*(Text("\n".join(map(_line, cell.split("\n")))) for cell in cells))


def show(grid: Table, plain_width: int = 140) -> None:
    """Print a table, so wide where standard output is no terminal; lines of text where a terminal is too narrow."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else plain_width)
    columns = [(str(one.header), list(map(str, one.cells))) for one in grid.columns]
    needed = sum(3 + min(_READABLE, max(map(len, [*head.split(), *cells]))) for head, cells in columns)
    with _printing(sys.stdout):
        if needed < console.width:
            console.print(grid, crop=False)
            return
        lines = [str(grid.title)] if grid.title else []
        for first, *rest in zip(*(cells for _, cells in columns), strict=True):
            told = (f"{head}: {cell}" for (head, _), cell in zip(columns[1:], rest, strict=True) if cell)
            lines.append(": ".join(filter(None, (first, "; ".join(told)))))
        console.print("\n".join(lines), markup=False, highlight=False)


class LogFormatter(logging.Formatter):
    """A record's message on one line, and below it the traceback if there is one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Return the line."""
        return _line(super().formatMessage(record))

    def formatException(  # noqa: N802 - logging's own name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """Return the traceback's lines."""
        return "\n".join(map(_line, super().formatException(ei).split("\n")))


def _line(text: object) -> str:
    plain = str(text)
    if len(plain) > MAX_CHARS:
        return f"{harmless(plain[:MAX_CHARS])}... ({len(plain)} characters)"
    return harmless(plain)


def _print(text: str, file: TextIO | None) -> None:
    stream = sys.stdout if file is None else file
    encoding = getattr(stream, "encoding", None) or "utf-8"
    with _printing(stream):
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


@contextlib.contextmanager
def _printing(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        silence(stream)
        if stream is not sys.stderr:
            reason = error.strerror or str(error)
            raise CannotContinueError(f"standard output cannot be written ({reason}): put that right") from None
