"""`python -m stylize PHOTO ARTWORK RESULT` restyles one image; other first words are commands."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from stylize import cli
from stylize.commands import COMMANDS
from stylize.terminal import say


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit status. Raises StylizeError for what `cli.run` says in one line."""
    module = COMMANDS.get(argv[0]) if argv else None
    try:
        command = importlib.import_module(f"stylize.commands.{module or 'restyle'}")
        status: int = command.main(argv[1:] if module else argv)
    except KeyboardInterrupt:
        if module:
            raise
        say("interrupted: nothing was written", file=sys.stderr)
        status = cli.EXIT_INTERRUPTED
    return status


def entry() -> None:
    """Run the command line and exit."""
    cli.run(main)


if __name__ == "__main__":
    entry()
