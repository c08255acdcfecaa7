"""Ctrl-C while a command imports its modules."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from stylize import interrupts
from tests.support.samples import ROOT

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


def test_every_console_script_of_the_package_is_known() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert set(scripts) == set(interrupts._SCRIPTS), "name it in _SCRIPTS of stylize/interrupts.py"


def handlers(word: str, package: str, before: str = "signal.default_int_handler") -> list[str]:
    """The handlers while `python -m jobs.stylize_folder`, called as `word`, imports, runs and ends."""
    words = ["python", "-m", "jobs.stylize_folder", "photos"]
    call = ASK.format(word=word, words=words, package=package, before=before)
    return subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("package", ["jobs", "stylize"])
def test_it_ends_a_command_without_a_trace_but_while_the_command_runs(package: str) -> None:
    assert handlers("-m", package) == ["SIG_DFL", "handle", "SIG_DFL"]


def test_whoever_imports_the_packages_keeps_their_own() -> None:
    assert handlers("/home/ann/restyle.py", "jobs") == ["default_int_handler"] * 3


@pytest.mark.parametrize(
    ("called", "words", "is_command"),
    [
        ("/usr/bin/stylize", ["/usr/bin/stylize"], True),
        ("/usr/bin/stylize-folder", ["/usr/bin/stylize-folder"], True),
        ("-m", ["-m", "stylize"], True),
        ("-m", ["-X", "dev", "-um", "jobs.train", "out"], True),
        ("-m", ["-mstylize.cli"], True),
        ("-m", ["-m", "gallery.jobs"], False),
        ("-m", ["-m", "jobs_of_mine"], False),
        ("-m", ["-mgallery"], False),
        ("", [], False),
        ("-c", ["-c", "import stylize"], False),
        ("/usr/bin/pytest", ["-m", "pytest", "jobs"], False),
    ],
)
def test_a_command_is_told_by_how_python_was_called(
    called: str, words: list[str], is_command: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    monkeypatch.setattr(sys, "orig_argv", ["python", *words])
    assert interrupts.is_command() is is_command


def test_a_module_of_somebody_else_that_imports_the_package_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "__init__.py").write_text("import stylize\n")
    (tmp_path / "gallery" / "jobs.py").write_text("import signal\nprint(signal.getsignal(2).__name__)\n")
    call = subprocess.run(
        [sys.executable, "-m", "gallery.jobs"], cwd=tmp_path, capture_output=True, text=True, check=False,
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
