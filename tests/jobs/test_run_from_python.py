"""`stylize_folder.run`, as a notebook or another scheduler calls it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jobs import stylize_folder
from jobs.run.result import RunResult
from stylize.errors import UsageError
from stylize.results.run_record import read_runs
from tests.support.samples import ROOT


@pytest.mark.usefixtures("worker_here")
def test_the_result_has_counts_places_and_rows_and_the_same_call_resumes(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    call: dict[str, Any] = {"content": folders[0], "styles": folders[1], "out": tmp_path / "out", "actors": 1}
    result = stylize_folder.run(**call, stylizer="identity")
    assert (result.counts, result.exit_status) == ({"ok": 8}, 0)
    assert Path(result.images_uri).is_dir()
    assert Path(result.summary_uri).read_text().startswith("# Summary of out")
    assert len(pd.read_parquet(result.rows_uri)) == 8
    rows = result.rows()
    assert set(rows["status"]) == {"ok"}
    assert all(Path(uri).is_file() for uri in rows["output_uri"])

    again = stylize_folder.run(**call, stylizer="identity", retry_failed=0, redo="no")  # type: ignore[arg-type]
    assert again.counts == {"ok": 8}
    assert again.run_id != result.run_id
    assert again.rows().equals(rows)
    assert [run.run_id for run in read_runs(tmp_path / "out")] == [again.run_id, result.run_id]
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("worker_here")
def test_a_thread_may_call_it_and_failures_are_rows(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (folders[0] / "day" / "a.jpg").write_bytes(b"broken")
    results: list[RunResult] = []

    def call() -> None:
        results.append(stylize_folder.run(*folders, tmp_path / "out", stylizer="identity", actors=1))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    (result,) = results
    assert (result.counts, result.exit_status) == ({"ok": 6, "corrupt": 2}, 3)
    assert result.rows()["error"].notna().sum() == 2


ALONE = """
import sys, threading
import ray
from jobs import stylize_folder

def call():
    result = stylize_folder.run(*sys.argv[1:], stylizer="identity", actors=1)
    print(result.counts, ray.is_initialized())

thread = threading.Thread(target=call)
thread.start()
thread.join()
"""


@pytest.mark.usefixtures("own_ray")
def test_without_ray_a_thread_starts_one_of_its_own_and_ends_it(folders: tuple[Path, Path], tmp_path: Path) -> None:
    command = [sys.executable, "-c", ALONE, *map(str, folders), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert (done.stdout, done.stderr) == ("{'ok': 8} False\n", "")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"styliser": "identity"}, "unknown setting 'styliser'"),
        ({"alpha": 0.5}, "unknown setting 'alpha'; known: .*; a setting of the method is given in `settings`"),
        ({"content": "nowhere"}, "content: no such folder"),
        ({"out": None}, "out: "),
        ({"styles": None}, "give content, styles and out, or manifest and out"),
        ({"stylizer": "nope"}, "unknown stylizer 'nope'"),
        ({"settings": {"x": 1}, "stylizer": "identity"}, "identity: setting 'x'|unknown setting 'x'"),
        ({"progress": "loud"}, "progress: "),
        ({"redo": "never"}, "redo: expected true or false .got 'never'."),
        ({"retry_failed": None}, "retry_failed: expected true or false"),
    ],
)
def test_a_wrong_call_is_an_error_before_anything_is_made(
    settings: dict[str, Any], said: str, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    call: dict[str, Any] = {"content": folders[0], "styles": folders[1], "out": tmp_path / "out"} | settings
    with pytest.raises(UsageError, match=said):
        stylize_folder.run(**call)
    assert not (tmp_path / "out").exists()


def test_a_wrong_call_is_an_event_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError):
        stylize_folder.run(redo="never", progress="json")  # type: ignore[arg-type]
    assert json.loads(capsys.readouterr().out)["event"] == "stopped"


@pytest.mark.usefixtures("worker_here")
def test_progress_is_shown_when_it_is_asked_for(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call: dict[str, Any] = {"content": folders[0], "styles": folders[1], "out": tmp_path / "out", "actors": 1}
    result = stylize_folder.run(**call, stylizer="identity", progress="json")
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (events[0]["event"], events[0]["done"]) == ("progress", 0)
    assert (events[-1]["event"], events[-1]["counts"], events[-1]["rows"]) == ("finished", {"ok": 8}, result.rows_uri)
    stylize_folder.run(**call, stylizer="identity", progress="plain")
    assert capsys.readouterr().out == "nothing to do: all 8 tasks have their rows already\n"
    assert [run.rows for run in read_runs(tmp_path / "out")] == [0, 8]
