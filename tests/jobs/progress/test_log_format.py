"""A failed row's error finds its log line."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import ray

from jobs.progress import log_format
from stylize.pipeline.log_context import at_task
from tests.support.main_job import by_name, job_here, plain, rows
from tests.support.stylizers import EXIT, MEMORY, RAISE

Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def failed(local_ray: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, str]:
    """Rows by photo, and the run's id, of a run whose photos fail in four ways."""
    root = tmp_path_factory.mktemp("logs")
    for name, colour in {"raise": RAISE, "exit": EXIT, "memory": MEMORY, "fine": (9, 9, 9)}.items():
        plain(root / "content" / f"{name}.png", colour)
    (root / "content" / "corrupt.png").write_bytes(b"this is no image")
    plain(root / "styles" / "a.png", (10, 10, 10))
    folders = (root / "content", root / "styles", root / "out")
    done = job_here(local_ray, *folders, "--stylizer", "tests.support.stylizers:Faulty")
    assert done.returncode == 3, done.stderr
    return by_name(rows(root / "out")), json.loads((root / "out" / "run.json").read_text())["run_id"]


def folder() -> Path:
    """Ray's logs of this session; of workers long dead, in `old` below it."""
    context = ray.get_runtime_context()
    return Path(context.get_temp_dir()) / context.get_session_name() / "logs"


def lines(pattern: str, task_id: str) -> list[str]:
    """What `grep` finds by a row's first digits of `task_id`."""
    texts = [path.read_text(errors="replace") for path in folder().rglob(pattern)]
    return [line for text in texts for line in text.splitlines() if task_id[:12] in line]


@pytest.mark.parametrize("photo", ["raise.png", "corrupt.png", "memory.png"])
def test_a_row_of_a_worker_is_in_its_log(failed: tuple[Rows, str], photo: str) -> None:
    row = failed[0][photo]
    # Another worker may have begun with it before it died of a neighbour.
    (line,) = [one for one in lines("worker-*.err", row["task_id"]) if f" {row['worker_id']} " in one]
    when, host, worker, level, rest = line.split(" ", 4)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", when)
    assert (host, worker, level) == (row["node"], row["worker_id"], "WARNING")
    assert rest == f"task {row['task_id']}: stylize.pipeline.failures: {row['status']}: {row['error']}"


def test_a_row_of_the_driver_is_in_its_log(failed: tuple[Rows, str]) -> None:
    row = failed[0]["exit.png"]
    (line,) = lines(f"stylize-driver-{failed[1]}.log", row["task_id"])
    assert " driver WARNING task " in line
    assert line.endswith(f"crashed: {row['error']}")


def test_only_what_nobody_expected_has_a_traceback(failed: tuple[Rows, str]) -> None:
    refused = failed[0]["raise.png"]["task_id"]
    after: dict[str, str] = {}
    for path in folder().rglob("worker-*.err"):
        # A line of the log, and what follows it before the next one.
        for block in re.split(r"^(?=\d{4}-\d\d-\d\dT)", path.read_text(errors="replace"), flags=re.MULTILINE):
            if told := re.match(r"\S+ \S+ \S+ WARNING task (\w+):", block):
                after[told[1]] = after.get(told[1], "") + block
    assert "Traceback" in after[refused]
    assert all("Traceback" not in after[failed[0][name]["task_id"]] for name in ("corrupt.png", "memory.png"))


def test_a_line_between_tasks_names_none(capsys: pytest.CaptureFixture[str]) -> None:
    log_format.configure("worker-7")
    log_format.configure("worker-8")  # again: the name changes, lines do not double
    try:
        logging.getLogger("stylize.x").warning("one")
        with at_task("abc"):
            logging.getLogger("stylize.x").warning("two")
    finally:
        root = logging.getLogger()
        root.handlers = [handler for handler in root.handlers if not isinstance(handler, log_format._Stderr)]
    one, two = capsys.readouterr().err.splitlines()
    assert one.endswith(" worker-8 WARNING stylize.x: one")
    assert two.endswith(" worker-8 WARNING task abc: stylize.x: two")
