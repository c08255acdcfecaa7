"""A run whose photos misbehave in each way there is: its rows, its JSON lines and its log."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import ray

from jobs.progress.outputs import OUTPUTS
from jobs.progress.stats import Snapshot
from jobs.stylize_folder import main
from tests.support.main_job import by_name, call, events, job_here, plain, rows, stamps
from tests.support.stylizers import EXIT, HANG, MEMORY, NAN, RAISE

Event = dict[str, Any]
BAD = {"hang": HANG, "exit": EXIT, "raise": RAISE, "nan": NAN, "memory": MEMORY}
GOOD, ALL = 8, 14
NUMBERS = {"event", "time", *(field.name for field in fields(Snapshot))}


@dataclass(frozen=True)
class Run:
    """The words of its call, what it printed, and its rows by photo."""

    words: tuple[object, ...]
    out: Path
    done: subprocess.CompletedProcess[str]
    rows: dict[str, dict[str, Any]]

    @property
    def events(self) -> list[Event]:
        return events(self.done.stdout)

    @property
    def progress(self) -> list[Event]:
        return [one for one in self.events if one["event"] == "progress"]


@pytest.fixture(scope="module")
def run(local_ray: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with a slow start, photos of all kinds of failure, and workers that die and hang of them."""
    root = tmp_path_factory.mktemp("faulty")
    for name, colour in BAD.items():
        plain(root / "content" / f"{name}.png", colour)
    (root / "content" / "corrupt.png").write_bytes(b"this is no image")
    for number in range(GOOD):
        plain(root / "content" / f"{chr(97 + number * 3)}-good.png", (number, 90, 90))
    plain(root / "styles" / "s.png", (1, 2, 3))
    out = root / "out"
    words = (root / "content", root / "styles", out, "--stylizer", "tests.support.stylizers:Faulty")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OUTPUTS["json"], "every_s", 0.2)
        done = job_here(local_ray, *words, "--timeout-s", 10, "--progress", "json")
    assert done.returncode == 3, done.stderr
    return Run(words, out, done, by_name(rows(out)))


def test_misbehaving_photos_cost_their_own_rows_only(run: Run) -> None:
    assert len(run.rows) == ALL
    wrong = {name.removesuffix(".png"): row["status"] for name, row in run.rows.items() if row["status"] != "ok"}
    assert wrong == {
        "hang": "timeout", "exit": "crashed", "raise": "failed", "nan": "nan", "memory": "oom", "corrupt": "corrupt",
    }  # fmt: skip
    assert run.rows["raise.png"]["error"] == "RuntimeError: this one is refused"
    for name in wrong:
        assert pd.isna(run.rows[f"{name}.png"]["output_uri"])
    assert len(stamps(run.out)) == GOOD


def test_what_failed_is_told_again_and_may_be_allowed(run: Run) -> None:
    again = call(main, *run.words, "--allow-failed")
    assert again.returncode == 0
    assert again.stdout.splitlines()[-7:] == [
        "8 ok, 6 not ok", "  corrupt: 1", "  crashed: 1", "  failed: 1", "  nan: 1", "  oom: 1", "  timeout: 1",
    ]  # fmt: skip


def test_progress_has_the_same_fields_from_first_to_last(run: Run) -> None:
    assert all(set(one) == NUMBERS for one in run.progress)
    assert run.events[0] == run.progress[0]
    assert run.events[-2] == run.progress[-1]
    assert datetime.fromisoformat(run.progress[0]["time"]).utcoffset() is not None


def test_what_is_not_known_yet_is_null(run: Run) -> None:
    first = run.events[0]
    assert (first["total"], first["done"], first["kept"], first["failed"]) == (ALL, 0, 0, {})
    assert [first[name] for name in ("images_per_s", "left_s", "device_peak_bytes", "queued", "workers")] == [None] * 5
    assert first["stylize_s"] == {"p50": None, "p95": None}


def test_progress_comes_while_an_image_takes_long(run: Run) -> None:
    # One hangs for ten seconds, and there is an event each fifth of one. No quantile is asked for: `exit` may have
    # taken the rows before it with it, so that all that is known by then is a warm-up.
    midway = [one for one in run.progress if 1 < one["done"] < ALL and one["workers"] == 1 and one["queued"]]
    assert midway
    assert midway[-1]["left_s"] > 0
    assert all(one["stylize_s"]["p50"] is None or one["stylize_s"]["p50"] > 0 for one in midway)


def test_the_last_progress_has_all_tasks(run: Run) -> None:
    last = run.progress[-1]
    failed = dict.fromkeys(("failed", "crashed", "nan", "oom", "timeout", "corrupt"), 1)
    assert (last["total"], last["done"], last["failed"]) == (ALL, ALL, failed)
    assert last["images_per_s"] > 0
    assert last["left_s"] == 0
    assert 0 < last["stylize_s"]["p50"] <= last["stylize_s"]["p95"]


def test_workers_that_died_and_hung_are_notes(run: Run) -> None:
    told = " ".join(one["text"] for one in run.events if one["event"] == "note")
    assert "worker-1 died" in told
    assert "hang.png' timed out" in told


def test_the_end_says_how_it_went_and_where_things_are(run: Run) -> None:
    end = run.events[-1]
    assert (end["event"], end["status"], end["counts"]["ok"]) == ("finished", 3, GOOD)
    assert sum(end["counts"].values()) == ALL
    assert Path(end["images"]).is_dir()
    assert Path(end["summary"]).is_file()
    assert len(rows(Path(end["rows"]).parent)) == ALL
    assert end["rows"] == str(run.out / "rows")


def test_a_run_with_nothing_left_to_do_says_what_stays_and_is_finished(run: Run) -> None:
    done = call(main, *run.words, "--progress", "json")
    note, finished = events(done.stdout)
    assert (note["event"], finished["event"]) == ("note", "finished")
    assert "--retry-failed does such again" in note["text"]
    assert (done.stdout + done.stderr).count("--retry-failed does") == 1
    assert "nothing to do" in done.stderr


def folder() -> Path:
    """Ray's logs of this session; of workers long dead, in `old` below it."""
    context = ray.get_runtime_context()
    return Path(context.get_temp_dir()) / context.get_session_name() / "logs"


def lines(pattern: str, task_id: str) -> list[str]:
    """What `grep` finds by a row's first digits of `task_id`."""
    texts = [path.read_text(errors="replace") for path in folder().rglob(pattern)]
    return [line for text in texts for line in text.splitlines() if task_id[:12] in line]


@pytest.mark.parametrize("photo", ["raise.png", "corrupt.png", "memory.png"])
def test_a_row_of_a_worker_is_in_its_log(run: Run, photo: str) -> None:
    row = run.rows[photo]
    # Another worker may have begun with it before it died of a neighbour.
    (line,) = [one for one in lines("worker-*.err", row["task_id"]) if f" {row['worker_id']} " in one]
    when, host, worker, level, rest = line.split(" ", 4)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", when)
    assert (host, worker, level) == (row["node"], row["worker_id"], "WARNING")
    assert rest == f"task {row['task_id']}: stylize.pipeline.failures: {row['status']}: {row['error']}"


def test_a_row_of_the_driver_is_in_its_log(run: Run) -> None:
    row = run.rows["exit.png"]
    (line,) = lines(f"stylize-driver-{row['run_id']}.log", row["task_id"])
    assert " driver WARNING task " in line
    assert line.endswith(f"crashed: {row['error']}")


def test_only_what_nobody_expected_has_a_traceback(run: Run) -> None:
    after: dict[str, str] = {}
    for path in folder().rglob("worker-*.err"):
        # A line of the log, and what follows it before the next one.
        for block in re.split(r"^(?=\d{4}-\d\d-\d\dT)", path.read_text(errors="replace"), flags=re.MULTILINE):
            if told := re.match(r"\S+ \S+ \S+ WARNING task (\w+):", block):
                after[told[1]] = after.get(told[1], "") + block
    assert "Traceback" in after[run.rows["raise.png"]["task_id"]]
    assert all("Traceback" not in after[run.rows[name]["task_id"]] for name in ("corrupt.png", "memory.png"))
