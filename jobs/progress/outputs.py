"""The ways in which a run is shown: each value of the option `progress`, but for `auto`, is a class here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from jobs.progress import json_lines
from stylize.terminal import say, say_above

if TYPE_CHECKING:
    from jobs.progress.reporter import Reporter

LEAST_BAR = 8
"""Columns that a bar needs beside the numbers."""


class Output:
    """Shows a run; this one, `off`, shows nothing. Notes may come before it begins. every_s: between two `show`s."""

    every_s = 10.0

    def __init__(self, run: Reporter) -> None:
        self._run = run

    def begin(self) -> None:
        """Show that the run begins."""

    def show(self) -> None:
        """Show where it stands."""

    def note(self, text: str) -> None:
        """Show a line of its own."""

    def announce(self, text: str) -> None:
        """Show a line on what comes before the run."""
        self.note(text)

    def end(self) -> None:
        """End after the last `show`."""


class Lines(Output):
    """Plain lines."""

    def show(self) -> None:
        say(self._run.line())

    def note(self, text: str) -> None:
        say(text)


class JsonLines(Output):
    """Events for scripts."""

    every_s = 5.0

    def begin(self) -> None:
        self.show()

    def show(self) -> None:
        json_lines.progress(self._run.snapshot())

    def note(self, text: str) -> None:
        json_lines.emit("note", text=text)

    def announce(self, text: str) -> None:
        """Show nothing: the first event that scripts read is where the run stands."""


class Bar(Output):
    """A bar on a terminal, with notes above it."""

    every_s = 0.1

    def __init__(self, run: Reporter) -> None:
        super().__init__(run)
        self._bar: Progress | None = None

    def begin(self) -> None:
        console, stats, numbers = Console(), self._run.stats, self._numbers()
        self._bar = Progress(*self._columns(console.width, numbers), console=console)
        self._bar.start()
        self._task = self._bar.add_task("", total=stats.total, completed=stats.done, **numbers)

    def show(self) -> None:
        if self._bar is None:
            return
        stats, numbers = self._run.stats, self._numbers()
        self._bar.columns = self._columns(self._bar.console.width, numbers)
        self._bar.update(self._task, completed=stats.done, total=stats.total, **numbers)

    def note(self, text: str) -> None:
        if self._bar is None:
            say(text)
        else:
            say_above(self._bar.console, text)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _numbers(self) -> dict[str, Any]:
        run = self._run
        not_ok = f"{run.not_ok()} not ok" if run.not_ok() else ""
        return {"not_ok": not_ok, "rate": run.rate(), "left": run.left(), "line": run.line()}

    def _columns(self, width: int, numbers: dict[str, str]) -> tuple[ProgressColumn, ...]:
        """Return what stands beside each other; where that has no room the plain line, which is cut at its end."""
        done = f"{self._run.stats.total}/{self._run.stats.total}"
        beside = [self._run.verb, done, "0:00:00", numbers["not_ok"], numbers["rate"], numbers["left"]]
        if LEAST_BAR + sum(len(text) + 1 for text in beside) > width:
            return (TextColumn("{task.fields[line]}", markup=False),)
        return (
            TextColumn(self._run.verb),
            BarColumn(),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("[red]{task.fields[not_ok]}"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )


OUTPUTS: dict[str, type[Output]] = {"bar": Bar, "plain": Lines, "json": JsonLines, "off": Output}
