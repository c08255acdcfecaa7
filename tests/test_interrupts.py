"""Ctrl-C while a command imports its modules."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASK = """
import signal, sys
sys.argv = [{word!r}]
signal.signal(signal.SIGINT, {before})
import {package}
while_importing = signal.getsignal(signal.SIGINT)
from stylize import cli
try:
    cli.run(lambda words: 0)
except SystemExit:
    print(int(while_importing) if isinstance(while_importing, int) else while_importing.__name__)
    print(getattr(signal.getsignal(signal.SIGINT), "__name__", "ignored"))
"""


def handlers(word: str, package: str, before: str = "signal.default_int_handler") -> list[str]:
    call = ASK.format(word=word, package=package, before=before)
    return subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("package", ["jobs", "stylize"])
@pytest.mark.parametrize("word", ["-m", "/usr/bin/stylize", "/usr/bin/stylize-folder"])
def test_it_ends_a_command_without_a_trace_until_the_command_runs(word: str, package: str) -> None:
    assert handlers(word, package) == ["0", "default_int_handler"]


@pytest.mark.parametrize("word", ["", "-c", "/home/ann/restyle.py", "/usr/bin/pytest"])
def test_whoever_imports_the_packages_keeps_their_own(word: str) -> None:
    assert handlers(word, "jobs") == ["default_int_handler"] * 2


def test_who_ignores_it_goes_on_ignoring_it() -> None:
    assert handlers("-m", "jobs", "signal.SIG_IGN") == ["1", "ignored"]
