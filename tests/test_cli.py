"""Command lines: help in groups that stands alone, and wrong calls that are told what was probably meant."""

from __future__ import annotations

import importlib
import io
import itertools
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import pytest
from pydantic import BaseModel

import stylize
from stylize import cli, commands, config
from stylize.commands import call
from stylize.config import JobConfig
from stylize.errors import CannotContinueError
from stylize.training import config as training
from tests.support.samples import ROOT

MODELS = [
    (JobConfig, config.GROUPS, ("content", "styles", "out", "progress")),
    (call.Options, call.GROUPS, ()),
    (training.TrainConfig, training.GROUPS, ("photos", "styles", "out", "progress")),
]
COMMANDS = [f"jobs.{path.stem}" for path in sorted((ROOT / "jobs").glob("*.py")) if path.stem != "__init__"]
COMMANDS += ["stylize.__main__", *(f"stylize.commands.{module}" for module in commands.COMMANDS.values())]


def parser() -> cli.Parser:
    made = cli.Parser(prog="made")
    cli.add_model(made, JobConfig, config.GROUPS, skip=("out",))
    return made


@pytest.mark.parametrize(("model", "groups", "elsewhere"), MODELS)
def test_every_setting_is_in_one_group_of_the_help(
    model: type[BaseModel], groups: cli.Groups, elsewhere: tuple[str, ...]
) -> None:
    shown = Counter([*(name for names in groups.values() for name in names), *elsewhere])
    told = f"name each setting once in the GROUPS beside {model.__name__}"
    times = {name: shown[name] for name in {*shown, *model.model_fields}}
    assert {name: n for name, n in times.items() if n != (name in model.model_fields)} == {}, told


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_tells_the_version(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(name).main(["--version"])
    assert (stopped.value.code or 0, capsys.readouterr().out) == (0, f"stylize {stylize.__version__}\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_paths_numbers_and_names_and_fits_a_terminal(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        importlib.import_module(name).main(["--help"])
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert "positional arguments" not in shown
    assert "Exit status: 0 " in " ".join(shown.split())
    assert shown.index("--help") > max(shown.find(f"\n{title}:") for title in ("inputs", "method", "workers"))


def test_number_path_choice_and_setting_have_their_metavars() -> None:
    words = parser().format_help().split()
    pairs = set(itertools.pairwise(words))
    assert {("--cpus-per-actor", "N|auto"), ("--io-threads", "N|auto"), ("--max-memory", "SIZE")} <= pairs
    assert {("--quality", "N"), ("--actors", "N|auto"), ("--weights", "PATH"), ("--stylizer", "NAME")} <= pairs
    assert {("--shard", "K/N"), ("--set", "NAME=VALUE"), ("--device", "{auto,cpu,cuda,mps,xpu}")} <= pairs


def test_none_takes_a_value_away_and_words_of_set_are_read_as_yaml() -> None:
    given = parser().parse_args(["--resolution-px", "none", "--set", "alpha=0.6", "--set", "name=a: ["])
    assert given.resolution_px is None
    assert cli.pairs_to_dict(given.settings) == {"alpha": 0.6, "name": "a: ["}


@pytest.mark.parametrize("number", cli.NO_PATH)
def test_a_path_that_the_system_refuses_is_one_line(
    number: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def main(argv: Sequence[str]) -> int:
        raise OSError(number, os.strerror(number), "/the/path")

    monkeypatch.setattr(sys, "argv", ["made"])
    with pytest.raises(SystemExit) as stopped:
        cli.run(main)
    assert stopped.value.code == cli.EXIT_USAGE
    assert capsys.readouterr().err == f"error: /the/path: {os.strerror(number).lower()}\n"


@pytest.mark.parametrize(
    ("number", "names", "said"),
    [
        *((number, names, said) for number in cli.EXHAUSTED for names, said in ((("/path",), "/path: "), ((), ""))),
        *((number, ("/path",), "/path: ") for number in cli.GONE),
    ],
)
def test_what_the_system_cannot_give_is_one_line(
    number: int, names: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: Sequence[str]) -> int:
        raise OSError(number, os.strerror(number), *names)

    with pytest.raises(SystemExit) as stopped:
        cli.run(main)
    assert stopped.value.code == cli.EXIT_CANNOT_CONTINUE
    reason = os.strerror(number).lower()
    line = f"cannot go on: {said}{reason}: put that right, then run the same command again\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "No module named 'torch': pip install"),
        (
            ModuleNotFoundError("No module named 'jinja2'", name="jinja2"),
            "No module named 'jinja2': pip install 'stylize[jobs]'",
        ),
        (ImportError("libtorch_cpu.so: failed to map segment"), "libtorch_cpu.so: failed to map segment: a package"),
    ],
)
def test_a_package_that_cannot_be_loaded_is_one_line(
    error: ImportError, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = ["torch>=2.11", "Jinja2>=3.1; extra == 'jobs'"]
    monkeypatch.setattr(metadata, "requires", lambda _: listed)

    def main(argv: Sequence[str]) -> int:
        raise error

    with pytest.raises(SystemExit) as end:
        cli.run(main)
    told = capsys.readouterr().err
    assert end.value.code == cli.EXIT_CANNOT_CONTINUE
    assert told.startswith(f"cannot go on: {said}")
    assert told.count("\n") == 1


def test_a_fault_in_what_this_project_imports_of_itself_is_traced() -> None:
    def main(argv: Sequence[str]) -> int:
        raise ImportError("cannot import name", name="stylize.none")

    with pytest.raises(ImportError):
        cli.run(main)


def test_a_current_folder_that_was_removed_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SystemExit) as end:
        cli.run(lambda argv: 0)
    said = "cannot go on: the current folder is not there any more: change to another one (cd)\n"
    assert (end.value.code, capsys.readouterr().err) == (cli.EXIT_CANNOT_CONTINUE, said)


@pytest.mark.parametrize(("more", "said"), [((), "interrupted"), (("interrupted: go on",), "interrupted: go on")])
def test_ctrl_c_promises_no_more_than_the_command_keeps(
    more: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: Sequence[str]) -> int:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        cli.run(main, *more)
    assert (end.value.code, capsys.readouterr().err) == (130, f"{said}\n")


def test_another_ctrl_c_while_the_first_is_told_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*words: object, **more: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "say", interrupted)
    with pytest.raises(SystemExit) as end:
        cli.run(interrupted)
    assert end.value.code == 130


@pytest.mark.parametrize(
    ("redirected", "status", "said"),
    [
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
        (
            ">/dev/full",
            1,
            "cannot go on: standard output cannot be written (No space left on device): put that right\n",
        ),
    ],
)
def test_a_closed_or_full_stream_is_no_traceback(redirected: str, status: int, said: str) -> None:
    call = ["env", "-u", "PYTHONUNBUFFERED", "bash", "-c", f'"$0" -m stylize doctor --help {redirected}']
    call.append(sys.executable)
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, said)


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_what_is_asked_for_and_cannot_be_written_is_an_error_without_a_buffer_too(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(full, write_through=True))  # as by PYTHONUNBUFFERED
        with pytest.raises(CannotContinueError, match="standard output cannot be written"):
            cli.Parser("command").parse_args([word])


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "2>&-"])
def test_what_is_opened_where_a_stream_was_closed_gets_no_messages(closed: str, tmp_path: Path) -> None:
    script = """
import sys
from stylize import cli
from stylize.terminal import say

def main(argv):
    with open(argv[0], "w"):
        say("out")
        say("err", file=sys.stderr)
        print("low", file=sys.__stderr__ or sys.stderr)
    return 0

cli.run(main)
"""
    words = ["bash", "-c", f'"$0" -c "$1" "$2" {closed}', sys.executable, script, str(tmp_path / "mine")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, (tmp_path / "mine").read_text()) == (0, "")
