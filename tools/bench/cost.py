"""What an image costs beside the network: `python -m tools.bench.cost [--old CHECKOUT]`, Linux only.

A whole job of `identity` on two workers of one CPU each, of photos of 768x512 and of 12 MP scaled to 768 px: images/s,
processor time of driver and workers for an image, and that over what its image takes alone, one after the other in one
process. With `--old`, another checkout takes turns with this one. Other work on the machine slows images/s; the
processor time it changes little.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from stylize import cli
from stylize.errors import CannotContinueError, UsageError
from tools.arguments import one_of, positive_int
from tools.bench.inputs import write_inputs

HERE = Path(__file__).resolve().parents[2]
WORKERS = 2
INPUTS = {"small": (256, 768, 512, None), "large": (48, 4000, 3000, 768)}
"""Number of photos, width, height, and the long side of the results."""


class Side:
    """One checkout's process for one kind of inputs; `turn` does all of them once."""

    def __init__(self, checkout: Path, root: Path, out: str, side: int | None, alone: bool) -> None:
        self.checkout = checkout
        words = [sys.executable, str(HERE / "tools" / "bench" / "identity_job.py"), str(root), out]
        words += ["--workers", str(WORKERS), *(["--side", str(side)] if side else []), *(["--alone"] if alone else [])]
        environment = os.environ | {"PYTHONPATH": str(checkout)}
        self.process = subprocess.Popen(
            words, cwd=checkout, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.answers: list[dict[str, float]] = []

    def turn(self) -> dict[str, float]:
        """Return seconds for an image."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                answer: dict[str, float] = json.loads(line)
                return answer
        raise CannotContinueError(
            f"the job of {self.checkout} ended before its turn did: is it too old to be measured so?"
        )

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


def main(argv: Sequence[str]) -> int:
    """Print a table; returns 0."""
    parser = cli.Parser(prog="python -m tools.bench.cost", description="What an image costs beside the network.")
    parser.add_argument("parts", nargs="*", type=one_of("part", INPUTS), help=f"of {', '.join(INPUTS)}; none: all")
    parser.add_argument("--old", type=Path, metavar="CHECKOUT", help="another checkout, to take turns with this one")
    parser.add_argument("--turns", type=positive_int, default=3, help="of each (default 3)")
    given = parser.parse_args(argv)
    if given.old is not None and not (given.old / "jobs").is_dir():
        raise UsageError(f"--old {given.old}: no checkout of this project")
    checkouts = {"new": HERE} if given.old is None else {"old": given.old.resolve(), "new": HERE}
    with tempfile.TemporaryDirectory() as folder:
        for part in given.parts or list(INPUTS):
            count, width, height, side = INPUTS[part]
            root = Path(folder, part)
            write_inputs(root, count, width, height)
            measured = measure(checkouts, root, side, given.turns)
            show(f"{width}x{height}" + (f" to {side} px" if side else ""), measured)
    return cli.EXIT_OK


def measure(checkouts: dict[str, Path], root: Path, side: int | None, turns: int) -> dict[str, dict[str, float]]:
    """Return medians over turns, by checkout: seconds for an image of the job, and of processor time alone."""
    with ExitStack() as stack:
        sides = {
            (name, alone): stack.enter_context(Side(path, root, f"out-{name}-{alone}", side, alone))
            for name, path in checkouts.items()
            for alone in (False, True)
        }
        for one in sides.values():
            one.turn()  # loads the workers
        for _ in range(turns):
            for one in sides.values():
                one.answers.append(one.turn())

    def median(name: str, alone: bool, column: str) -> float:
        return statistics.median(answer[column] for answer in sides[name, alone].answers)

    return {
        name: {
            "wall_s": median(name, False, "wall_s"),
            "cpu_s": median(name, False, "cpu_s"),
            "alone_s": median(name, True, "cpu_s"),
        }
        for name in checkouts
    }


def show(title: str, measured: dict[str, dict[str, float]]) -> None:
    """Print the table of one kind of inputs."""
    from rich.console import Console
    from rich.table import Table

    lines: dict[str, Any] = {
        "images/s": lambda of: 1 / of["wall_s"],
        f"images/s that {WORKERS} cores' processor time allows": lambda of: WORKERS / of["cpu_s"],
        "processor time per image, driver and workers, ms": lambda of: of["cpu_s"] * 1e3,
        "the same of an image alone, ms": lambda of: of["alone_s"] * 1e3,
        "the first over the second": lambda of: of["cpu_s"] / of["alone_s"],
    }
    grid = Table(title=f"identity, {title}", title_justify="left")
    for name in ("", *measured):
        grid.add_column(name, justify="right" if name else "left")
    for name, value in lines.items():
        grid.add_row(name, *(f"{value(of):.3g}" for of in measured.values()))
    Console(width=120).print(grid)


if __name__ == "__main__":
    cli.run(main)
