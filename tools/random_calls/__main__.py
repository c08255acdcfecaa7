"""Call every entry point with random inputs, each kind in a process of its own, so that a crash is seen:

    python -m tools.random_calls [--calls 10000] [--seed 0] [KIND ...]

Prints the smallest input of each fault that was found. Exit status: 0 none, 3 some.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from stylize import cli
from tools.arguments import positive_int
from tools.random_calls.calling import LIMIT_S, MOST_BYTES, watched
from tools.random_calls.inputs import Place, place
from tools.random_calls.kinds import Kind, kinds


def run(kind: Kind, where: Place, calls: int, seeded: int) -> None:
    """Call one kind so many times. Raises what a call ends with that it must not, for the smallest input."""

    @seed(seeded)
    @settings(
        max_examples=calls, database=None, deadline=None, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink), print_blob=False,
    )  # fmt: skip
    @given(kind.inputs)
    def each(value: object) -> None:
        with watched():
            kind.call(where, value)

    each()


def main(argv: Sequence[str]) -> int:
    """Run all kinds, or those that are named; returns the exit status."""
    parser = cli.Parser(
        prog="python -m tools.random_calls",
        description="Call every entry point with random inputs, and print the smallest input of each fault.",
        epilog="Exit status: 0 none, 3 some.",
    )
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="which kinds of input; none means all")
    parser.add_argument("--calls", type=positive_int, default=10_000, help="in all (default 10000)")
    parser.add_argument("--seed", type=int, default=0, help="another one draws other inputs (default 0)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        where = place(Path(folder))
        known = kinds(where)
        if given.here:
            run(known[given.kinds[0]], where, given.calls, given.seed)
            return cli.EXIT_OK
        if unknown := [name for name in given.kinds if name not in known]:
            parser.error(f"unknown kind {unknown[0]!r}; known: {', '.join(known)}")
        names = given.kinds or list(known)
        shares = {name: known[name].share for name in names}
    print(f"limits per call: {LIMIT_S} s, {MOST_BYTES:,} bytes")
    failed = False
    for name in names:
        calls = max(1, round(given.calls * shares[name]))
        words = [name, "--here", "--calls", str(calls), "--seed", str(given.seed)]
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-m", "tools.random_calls", *words], capture_output=True, text=True
        )
        print(
            f"{name}: {calls} calls, {time.perf_counter() - begun:.0f} s, {'ok' if done.returncode == 0 else 'FAULT'}",
            flush=True,
        )
        if done.returncode:
            failed = True
            print(done.stderr[-4000:], flush=True)
    return cli.EXIT_NOT_ALL_OK if failed else cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main)
