"""Ctrl-C while a command imports its modules."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from stylize import interrupts

ASK = """
import signal, sys
sys.argv, sys.orig_argv = [{word!r}], {words!r}
signal.signal(signal.SIGINT, {before})
import {package}
while_importing = signal.getsignal(signal.SIGINT)
from stylize import cli
def name(handler):
    return getattr(handler, "__name__", getattr(handler, "name", ""))
try:
    cli.run(lambda words: print(name(while_importing), name(signal.getsignal(signal.SIGINT))) or 0)
except SystemExit:
    print(name(signal.getsignal(signal.SIGINT)))
"""


COMMAND = ("python", "-m", "jobs.stylize_folder", "photos")


def handlers(
    word: str, package: str, before: str = "signal.default_int_handler", words: Sequence[str] = COMMAND
) -> list[str]:
    call = ASK.format(word=word, words=list(words), package=package, before=before)
    return subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("package", ["jobs", "stylize"])
@pytest.mark.parametrize("word", ["-m", "/usr/bin/stylize", "/usr/bin/stylize-folder"])
def test_it_ends_a_command_without_a_trace_but_while_the_command_runs(word: str, package: str) -> None:
    assert handlers(word, package) == ["SIG_DFL", "handle", "SIG_DFL"]


@pytest.mark.parametrize("word", ["", "-c", "/home/ann/restyle.py", "/usr/bin/pytest"])
def test_whoever_imports_the_packages_keeps_their_own(word: str) -> None:
    assert handlers(word, "jobs") == ["default_int_handler"] * 3


@pytest.mark.parametrize("words", [["-m", "stylize"], ["-X", "dev", "-um", "jobs.train", "out"], ["-mstylize.cli"]])
def test_however_python_is_told_of_the_module_it_is_a_command(words: list[str]) -> None:
    assert handlers("-m", "stylize", words=["python", *words])[0] == "SIG_DFL"


@pytest.mark.parametrize("module", ["gallery", "gallery.jobs", "jobs_of_mine", "-mgallery"])
def test_a_module_of_somebody_else_that_imports_the_package_keeps_its_own(tmp_path: Path, module: str) -> None:
    for name in ("gallery", "jobs_of_mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("import stylize\n")
        for main in ("__main__", "jobs"):
            (tmp_path / name / f"{main}.py").write_text("import signal\nprint(signal.getsignal(2).__name__)\n")
    words = [module] if module.startswith("-m") else ["-m", module]
    call = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
    )  # fmt: skip
    assert (call.stdout, call.stderr) == ("default_int_handler\n", "")


def test_one_key_press_interrupts_once_and_a_later_one_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    now, handler, raised = [7.0], interrupts._once(), list[int]()
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    with pytest.raises(KeyboardInterrupt):
        handler(signal.SIGINT, None)
    handler(signal.SIGINT, None)
    assert raised == []
    now[0] += 2 * interrupts.SOON_S
    handler(signal.SIGINT, None)
    assert raised == [signal.SIGINT]


def test_who_ignores_it_goes_on_ignoring_it() -> None:
    assert handlers("-m", "jobs", "signal.SIG_IGN") == ["SIG_IGN"] * 3
