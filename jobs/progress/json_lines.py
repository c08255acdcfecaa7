"""`--progress json`: one JSON object per line on standard output, and nothing else there.

docs/monitoring.md lists the events with their fields: `progress` has those of Snapshot, and `dry_run` those of Outlook.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TextIO

from stylize import cli
from stylize.errors import CannotContinueError, StylizeError, named_message
from stylize.terminal import say_json

if TYPE_CHECKING:
    from jobs.progress.stats import Snapshot

_stream: ContextVar[TextIO | None] = ContextVar("stream", default=None)


@contextlib.contextmanager
def apart(mode: str | None) -> Iterator[None]:
    """Keep standard output for the events alone in mode `json`; what else is printed goes to standard error.

    Contexts may be nested.
    """
    if mode != "json" or _stream.get() is not None:
        yield
        return
    token = _stream.set(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except BrokenPipeError:
        raise
    except BaseException as error:
        if not isinstance(error, SystemExit) or error.code:
            emit("stopped", status=_status(error), error=_text(error))
        raise
    finally:
        _stream.reset(token)


def asked_in(argv: Sequence[str], flag: str = "--progress") -> str | None:
    """Return the mode that a command line asks for, or what it gives another flag, right or wrong.

    None where it asks for help.
    """
    words = [word for one in argv for word in (one.split("=", 1) if one.startswith(f"{flag}=") else [one])]
    values = [value for word, value in pairwise(words) if word == flag]
    return values[-1] if values and not {"-h", "--help", "--version"} & set(argv) else None


def emit(event: str, **fields: Any) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    say_json({"event": event, "time": now, **fields}, file=_stream.get() or sys.stdout)


def progress(numbers: Snapshot) -> None:
    emit("progress", **asdict(numbers))


def finished(mode: str, out: str, counts: dict[str, int], status: int, images: bool = True) -> int:
    """Print the last line, if the mode is `json`; returns the exit status. images: whether the run made any."""
    if mode == "json":
        out = out.rstrip("/")
        emit(
            "finished",
            status=status,
            counts=counts,
            images=f"{out}/images" if images else None,
            rows=f"{out}/rows",
            summary=f"{out}/summary.md",
        )
    return status


def _status(error: BaseException) -> int:
    """Return what `cli.run` exits with."""
    if isinstance(error, KeyboardInterrupt):
        return cli.EXIT_INTERRUPTED
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return error.code
    known = isinstance(error, StylizeError) and not isinstance(error, CannotContinueError)
    return cli.EXIT_USAGE if known else cli.EXIT_CANNOT_CONTINUE


def _text(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, SystemExit) and (told := getattr(error, "__notes__", None)):
        return str(told[0]).removeprefix("error: ")
    return str(error) if isinstance(error, StylizeError) else named_message(error)
