"""`--progress json`, as a script reads it."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.progress import reporter
from jobs.stylize_folder import main
from tests.support.main_job import call, job_here, plain, rows, start
from tests.support.stylizers import EXIT, RAISE

Event = dict[str, Any]
NUMBERS = {
    "event", "time", "total", "done", "kept", "failed", "images_per_s", "left_s", "stylize_s", "device_peak_bytes",
    "device_idle", "queued", "workers",
}  # fmt: skip


def events(done: subprocess.CompletedProcess[str]) -> list[Event]:
    """Every line of standard output."""
    return [json.loads(line, parse_constant=_refuse) for line in done.stdout.splitlines()]


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


@pytest.fixture(scope="module")
def run(local_ray: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Event]]:
    """OUT and the events of a run with a slow start, a failure and a worker that dies."""
    root = tmp_path_factory.mktemp("json")
    for number in range(4):
        plain(root / "content" / f"{number}.png", (number * 40, 100, 30))
    plain(root / "content" / "y.png", RAISE)
    plain(root / "content" / "z.png", EXIT)
    plain(root / "styles" / "a.png", (10, 10, 10))
    return root, events(job_here(local_ray, *_words(root, "tests.support.stylizers:Faulty")))


def _words(root: Path, stylizer: str) -> tuple[object, ...]:
    return root / "content", root / "styles", root / "out", "--stylizer", stylizer, "--progress", "json"


def of(kind: str, found: list[Event]) -> list[Event]:
    """Events of one kind."""
    return [one for one in found if one["event"] == kind]


def test_progress_has_the_same_fields_from_first_to_last(run: tuple[Path, list[Event]]) -> None:
    progress = of("progress", run[1])
    assert all(set(one) == NUMBERS for one in progress)
    assert run[1][0] == progress[0]
    assert run[1][-2] == progress[-1]
    assert datetime.fromisoformat(progress[0]["time"]).utcoffset() is not None


def test_what_is_not_known_yet_is_null(run: tuple[Path, list[Event]]) -> None:
    first = run[1][0]
    assert (first["total"], first["done"], first["kept"], first["failed"]) == (6, 0, 0, {})
    assert [first[name] for name in ("images_per_s", "left_s", "device_peak_bytes", "queued", "workers")] == [None] * 5
    assert first["stylize_s"] == {"p50": None, "p95": None}


def test_the_last_progress_has_all_tasks(run: tuple[Path, list[Event]]) -> None:
    last = of("progress", run[1])[-1]
    assert (last["total"], last["done"], last["failed"]) == (6, 6, {"failed": 1, "crashed": 1})
    assert last["images_per_s"] > 0
    assert last["left_s"] == 0
    assert 0 < last["stylize_s"]["p50"] <= last["stylize_s"]["p95"]


def test_a_worker_that_died_is_a_note(run: tuple[Path, list[Event]]) -> None:
    assert any("worker-1 died" in one["text"] for one in of("note", run[1]))


def test_the_end_says_how_it_went_and_where_things_are(run: tuple[Path, list[Event]]) -> None:
    root, found = run
    end = found[-1]
    assert (end["event"], end["status"], end["counts"]) == ("finished", 3, {"ok": 4, "failed": 1, "crashed": 1})
    assert Path(end["images"]).is_dir()
    assert Path(end["summary"]).is_file()
    assert len(rows(Path(end["rows"]).parent)) == 6
    assert end["rows"] == str(root / "out" / "rows")


def test_a_run_with_nothing_left_to_do_is_finished_in_one_line(run: tuple[Path, list[Event]]) -> None:
    done = call(main, *_words(run[0], "tests.support.stylizers:Faulty"))
    assert [one["event"] for one in events(done)] == ["finished"]
    assert "nothing to do" in done.stderr


def test_a_wrong_call_is_one_line_of_json_too(tmp_path: Path) -> None:
    done = call(main, *_words(tmp_path, "no-such-method"))
    (only,) = events(done)
    assert (only["event"], only["status"]) == ("stopped", done.returncode)
    assert only["error"] in done.stderr
    assert "known" in only["error"] or "registered" in only["error"]


def test_an_interrupted_run_ends_with_a_line_that_says_so(own_ray: None, tmp_path: Path) -> None:
    for number in range(30):
        plain(tmp_path / "content" / f"{number}.png", (number * 8, 100, 30))
    plain(tmp_path / "styles" / "a.png", (10, 10, 10))
    process = start(*_words(tmp_path, "tests.support.stylizers:Slow"), "--set", "seconds=2", "--actors", 1)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "progress"
    process.send_signal(signal.SIGINT)
    left, _ = process.communicate(timeout=240)
    last = json.loads(left.splitlines()[-1])
    assert (last["event"], last["status"], last["error"]) == ("stopped", process.returncode, "interrupted")


def test_progress_comes_while_work_is_slow(local_ray: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reporter.EVERY_S, "json", 0.2)
    for number in range(20):
        plain(tmp_path / "content" / f"{number}.png", (number * 12, 100, 30))
    plain(tmp_path / "styles" / "a.png", (10, 10, 10))
    words = _words(tmp_path, "tests.support.stylizers:Slow")
    found = events(job_here(local_ray, *words, "--set", "seconds=0.2"))
    # The first of them past the warm-up: a late one may fall between the last return and its being counted.
    midway = next(one for one in of("progress", found) if 1 < one["done"] < 20)
    assert midway["workers"] == 1
    assert midway["queued"] >= 1
    assert midway["left_s"] > 0
    assert midway["stylize_s"]["p50"] >= 0.2
