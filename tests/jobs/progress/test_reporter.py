"""What is shown while a job runs."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any, ClassVar, get_args

import pytest

from jobs.progress.outputs import OUTPUTS
from jobs.progress.reporter import Reporter, TrainingReporter, duration
from jobs.progress.stats import RunStats, Snapshot
from stylize.config import JobConfig, Progress
from stylize.results.schema import to_batch
from tests.jobs.progress.test_stats import Clock


def mid_run() -> RunStats:
    """Six of ten tasks kept from an earlier run, two done in two seconds, one of them not ok."""
    clock = Clock()
    stats = RunStats(10, clock)
    stats.keep("ok", 6)
    clock.now += 2
    stats.add(to_batch([{"status": "ok"}, {"status": "oom"}]))
    return stats


def test_the_line_says_what_is_done_failed_and_left() -> None:
    reporter = Reporter(RunStats(10), "off")
    assert reporter.line() == "0 of 10 done, 0 not ok, starting"
    for loaded, told in ((0, "workers are loading"), (1, "first images under way")):
        reporter.watch(SimpleNamespace(workers=loaded, queued=0))
        assert reporter.line() == f"0 of 10 done, 0 not ok, {told}"
    assert Reporter(mid_run(), "off").line() == "8 of 10 done (6 before), 1 not ok, 2 s left, 1.0 images/s"


def test_a_gpu_that_waits_is_told_and_a_cpu_is_not() -> None:
    for device, told in (("cuda:0", True), ("cpu", False)):
        stats = mid_run()
        stats.add(to_batch([{"status": "ok", "device": device, "stylize_s": 0.1, "device_wait_s": 0.3}]))
        assert ("images/s, device idle 75 %" in Reporter(stats, "off").line()) == told


@pytest.mark.parametrize("mode", ["bar", "plain", "json"])
def test_all_ways_to_show_a_run_say_the_same_numbers(mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter(mid_run(), mode) as reporter:
        pass
    told = capsys.readouterr().out.splitlines()[-1]
    if mode == "json":
        event = json.loads(told)
        assert (event["done"], event["total"], event["failed"]) == (8, 10, {"oom": 1})
        assert (event["images_per_s"], event["left_s"]) == (1, 2)
    else:
        parts = reporter.line().split(", ")
        wanted = parts if mode == "plain" else ["8/10", *parts[1:]]
        assert [words for words in wanted if words not in told] == []


def test_what_comes_before_a_run_is_told_to_people_alone(capsys: pytest.CaptureFixture[str]) -> None:
    for mode, told in (("plain", "starting Ray\n"), ("bar", "starting Ray\n"), ("json", ""), ("off", "")):
        Reporter(mid_run(), mode).announce("starting Ray")
        assert capsys.readouterr().out == told


@pytest.mark.parametrize(("columns", "has_bar"), [(30, False), (60, False), (80, True)])
def test_a_narrow_terminal_shows_how_much_is_done(
    columns: int, has_bar: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with Reporter(mid_run(), "bar") as reporter:
        pass
    lines = capsys.readouterr().out.splitlines()
    assert ("8/10" if has_bar else reporter.line()[:12]) in lines[-1]
    assert max(map(len, lines)) <= columns


@pytest.mark.parametrize("columns", range(40, 140, 10))
def test_no_number_of_a_large_run_is_cut_beside_a_bar(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    stats = mid_run()
    stats.total, on_card = 2_000_000, {"device": "cuda:0", "stylize_s": 0.1, "device_wait_s": 0.3}
    stats.keep("oom", 123_456)
    stats.add(to_batch([on_card | {"status": "ok"}]))
    with Reporter(stats, "bar") as reporter:
        line = reporter.line()
    told = capsys.readouterr().out.splitlines()[-1].strip()
    assert len(told) <= columns
    wanted = (" 123465/2000000 ", " 123457 not ok ", "1.5 images/s, device idle 75 %", " 347 h 30 min left")
    if columns >= 110:  # there is room for a bar
        assert [words for words in wanted if words not in told] == []
    else:
        assert line.startswith(told.rstrip("\u2026"))


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for term, mode in (("dumb", "plain"), ("xterm", "bar")):
        monkeypatch.setenv("TERM", term)
        assert type(Reporter(mid_run())._output) is OUTPUTS[mode]


def test_every_way_to_show_a_run_has_its_class() -> None:
    modes = {*get_args(JobConfig.model_fields["progress"].annotation), *get_args(Progress)}
    assert {"auto", *OUTPUTS} == modes, "stylize/config.py names those that are in OUTPUTS of jobs/progress/outputs.py"


def test_training_tells_the_step_that_is_known_and_its_pace_from_a_checkpoint_on() -> None:
    reporter = TrainingReporter(100, "off")
    assert reporter.line() == "100 steps, starting"
    for step in (40, 50, 45):
        reporter.at(step, "8.1 images/s")
    assert reporter.line() == "step 45 of 100, 8.1 images/s"


def test_durations_are_short() -> None:
    assert [duration(s) for s in (5, 600, 12_000)] == ["5 s", "10 min", "3 h 20 min"]


def test_metrics_are_recorded_when_they_are_due_and_at_the_end() -> None:
    class Metrics:
        due = False
        recorded: ClassVar[list[int]] = []
        observe = None

        def record(self, numbers: Snapshot) -> None:
            self.recorded.append(numbers.done)

    metrics: Any = Metrics()
    with Reporter(mid_run(), "off") as reporter:
        reporter.watch(SimpleNamespace(workers=1, queued=0), metrics)
        reporter.tick()
        assert metrics.recorded == []
        metrics.due = True
        reporter.tick()
        reporter.stats.advance()
    assert metrics.recorded == [8, 9]
