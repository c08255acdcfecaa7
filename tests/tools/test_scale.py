"""The scale command's numbers hold together; how large they are is the machine's business."""

from __future__ import annotations

import contextlib
import io
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stylize import cli
from stylize.results.read import read_rows
from stylize.tasks import pairing
from stylize.tasks.task import Pair
from tools.bench import scale, scale_resume
from tools.bench.fake_worker import MakeSimulated, SimulatedWork, null_pairs, null_tasks


def test_a_simulated_worker_takes_its_time_for_every_image_in_turn() -> None:
    work = SimulatedWork(0.01, "w")
    first, second = (list(null_tasks(null_pairs(count))) for count in (3, 2))
    start = time.perf_counter()
    waits = [work.submit(first), work.submit(second)]
    rows = [row for wait in waits for row in wait().to_pylist()]
    assert time.perf_counter() - start >= 0.05
    begins = [row["started_at"] for row in rows]
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(begins)]
    assert gaps == pytest.approx([0.01] * 4, abs=1e-5)
    assert all(row["stylize_s"] >= 0.01 for row in rows)


def test_a_worker_that_takes_no_time_gives_rows_of_its_tasks() -> None:
    tasks = list(null_tasks(null_pairs(1500)))
    rows = MakeSimulated()("w").submit(tasks)().to_pylist()
    assert [row["task_id"] for row in rows] == [task.task_id for task in tasks]
    assert len({(row["content_uri"], row["style_uri"]) for row in rows}) == 1500


@pytest.mark.usefixtures("local_ray")
def test_efficiency_is_a_share_and_counts_every_image() -> None:
    line = scale.efficiency(2, 0.02, 100)
    assert line["images"] == 100
    assert 0 < line["efficiency_whole_run"] <= 1.001
    assert 0 < line["efficiency"] <= 1.001
    assert line["images_per_s"] == pytest.approx(line["efficiency"] * 2 / 0.02)


@pytest.mark.usefixtures("local_ray")
def test_a_driver_that_is_slow_on_purpose_shows_as_lost_efficiency() -> None:
    def slow() -> Iterator[Pair]:
        for pair in null_pairs(60):
            time.sleep(0.02)  # a pair each 20 ms: one of two workers at most has work
            yield pair

    line = scale.efficiency(2, 0.02, 60, slow())
    assert line["images"] == 60
    assert 0 < line["efficiency_whole_run"] < 0.55


@pytest.mark.usefixtures("local_ray")
def test_calls_of_one_task_are_counted_with_the_drivers_time() -> None:
    line = scale.calls(2, 200)
    assert line["calls"] == 200
    assert line["calls_per_s"] > 0
    assert 0 < line["main_thread_s_per_call"] <= line["process_s_per_call"] * 1.1
    assert line["main_thread_s_per_call"] * line["calls_per_s"] <= 1.001


def test_inputs_of_a_resume_are_at_least_as_many_pairs_as_asked(tmp_path: Path) -> None:
    count = scale_resume.make_inputs(tmp_path, 300)
    assert 300 <= count < 330
    assert count == pairing.survey(scale_resume.config(tmp_path)).pairs


def test_a_resume_finds_its_rows_and_nothing_to_do(tmp_path: Path) -> None:
    count = scale_resume.make_inputs(tmp_path, 300)
    scale_resume.write(tmp_path)
    assert len(read_rows(tmp_path / "out", ["task_id"])) == count
    found = scale_resume.resume(tmp_path)
    assert (found["kept"], found["left"]) == (count, 0)
    (tmp_path / "content" / "new.jpg").touch()
    assert scale_resume.resume(tmp_path)["left"] == len(list((tmp_path / "styles").iterdir()))


def test_the_command_prints_tables(
    local_ray: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", local_ray)  # for the process that it starts
    run = scale_resume._run

    def started_less(module: str, *words: str) -> str:
        """Run the tool's own steps in this process: each took two seconds to start. The job is one as always."""
        if module != scale.__name__:
            return run(module, *words)
        with contextlib.redirect_stdout(io.StringIO()) as told:
            assert scale.main(words) == cli.EXIT_OK
        return told.getvalue()

    monkeypatch.setattr(scale_resume, "_run", started_less)
    shown: dict[str, list[scale.Line]] = {}
    show = scale.show
    monkeypatch.setattr(scale, "show", lambda part, lines: show(part, shown.setdefault(part, lines)))
    assert scale.main(["memory", "resume", "--tasks", "12"]) == cli.EXIT_OK
    assert [line["tasks"] for line in shown["memory"]] == [1, 12]  # a hundredth and a tenth are one task each
    assert not any(line["peak_bytes"] < 10_000_000 for line in shown["memory"])  # NaN where the system does not tell
    (resume,) = shown["resume"]
    assert resume["rows"] == 12
    assert resume["open_s"] + resume["finished_s"] + resume["pass_s"] < resume["command_s"]
    assert "peak bytes" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["speed"], ["--tasks", "0"], ["--seconds", "-1"], ["--tasks", "many"]])
def test_a_wrong_call_is_refused_in_a_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        scale.main(words)
    assert ended.value.code == cli.EXIT_USAGE
    assert "Traceback" not in capsys.readouterr().err
