"""`--progress json` of runs that do not begin or are ended; that of a whole run is in test_faulty_run.py."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs import score, stylize_folder
from jobs.progress import json_lines
from jobs.progress.stats import Snapshot
from jobs.run.dry_run import Outlook
from jobs.stylize_folder import main
from stylize.errors import CannotContinueError, UsageError
from tests.support.main_job import call, events, plain, rows
from tests.support.samples import ROOT


@pytest.mark.parametrize(("event", "shape"), [("progress", Snapshot), ("dry_run", Outlook)])
def test_the_guide_names_every_field_of_an_event(event: str, shape: type[Any]) -> None:
    guide = (ROOT / "docs" / "monitoring.md").read_text().splitlines()
    (told,) = (line for line in guide if line.startswith(f"| `{event}` |"))
    names = [field.name for field in dataclasses.fields(shape)]
    assert [name for name in names if f"`{name}`" not in told] == [], "explain it in docs/monitoring.md"


def words_of(root: Path, stylizer: str) -> tuple[object, ...]:
    return root / "content", root / "styles", root / "out", "--stylizer", stylizer, "--progress", "json"


def test_a_wrong_call_is_one_line_of_json_too(tmp_path: Path) -> None:
    done = call(main, *words_of(tmp_path, "no-such-method"))
    (only,) = events(done.stdout)
    assert (only["event"], only["status"]) == ("stopped", done.returncode)
    assert only["error"] in done.stderr
    assert "known" in only["error"] or "registered" in only["error"]


@pytest.mark.usefixtures("worker_here")
def test_an_interrupted_run_ends_with_a_line_that_says_so(tmp_path: Path) -> None:
    for number in range(5):
        plain(tmp_path / "content" / f"{number}.png", (number * 8, 100, 30))
    plain(tmp_path / "styles" / "a.png", (10, 10, 10))
    done = call(main, *words_of(tmp_path, "tests.support.stylizers:Signals"))
    found = events(done.stdout)
    assert found[0]["event"] == "progress"
    last = found[-1]
    assert (last["event"], last["status"], last["error"]) == ("stopped", 130, "interrupted")
    assert done.returncode == 130
    assert 0 < len(rows(tmp_path / "out")) < 5


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (UsageError("no such thing"), 2, "no such thing"),
        (CannotContinueError("a full disk"), 1, "a full disk"),
        (KeyError("x"), 1, "KeyError: 'x'"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_the_last_line_has_the_exit_status_and_standard_output_has_nothing_else(
    error: BaseException, status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        print("what a library says")
        json_lines.emit("note", text="ours")
        raise error

    with contextlib.suppress(type(error)), json_lines.apart("json"):
        work()
    said = capsys.readouterr()
    note, last = events(said.out)
    assert note["text"] == "ours"
    assert (last["event"], last["status"], last["error"]) == ("stopped", status, text)
    assert said.err == "what a library says\n"


@pytest.mark.parametrize("command", [stylize_folder.main, score.main])
@pytest.mark.parametrize("asked", [["--progress", "json"], ["--progress=json"]])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--colour", "9"], "unknown option --colour; --help lists the options"),
        (["--address"], "argument --address: expected one argument (--help lists the options)"),
        (["--manifest", "a.csv", "a", "b", "c", "d", "e"], "got 5 paths"),
    ],
)
def test_a_wrong_call_is_the_last_line(
    command: Callable[[Sequence[str]], int],
    asked: list[str],
    words: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises((SystemExit, UsageError)):
        command(["--method", "m", *asked, *words] if command is score.main else [*asked, *words])
    (last,) = events(capsys.readouterr().out)
    assert (last["event"], last["status"]) == ("stopped", 2)
    assert told in last["error"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--colour", "9"], "unknown option --colour"),
        (["--progress"], "argument --progress: expected one argument"),
        (["a", "b", "c", "d"], "got 4 paths"),
        (["--quality", "0"], "--quality: expected 1 or more"),
    ],
)
@pytest.mark.parametrize("name", ["job.yaml", "run.json"])
def test_a_file_of_settings_asks_for_json_as_the_option_does(
    tmp_path: Path, name: str, more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {"content": "a", "styles": "b", "out": str(tmp_path / "out"), "progress": "json"}
    (tmp_path / name).write_text(json.dumps(config if name == "job.yaml" else {"run_id": "r", "config": config}))
    with pytest.raises((SystemExit, UsageError)):
        main([f"--config={tmp_path / name}", "--trust-paths", *more])
    (last,) = events(capsys.readouterr().out)
    assert (last["event"], last["status"]) == ("stopped", 2)
    assert told in last["error"]
    with pytest.raises((SystemExit, UsageError)):
        main(["--config", str(tmp_path / name), "--trust-paths", "--progress", "off", *more])
    assert capsys.readouterr().out == ""


def test_help_is_no_end_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--progress", "json", "--help"])
    assert capsys.readouterr().out.startswith("usage: ")
