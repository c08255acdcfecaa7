"""Which tasks a run that goes on still has to do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.progress.stats import RunStats
from jobs.run.earlier_rows import made_otherwise
from jobs.run.resume import Resume, other_names, refuse_other_shard, runs_with_rows
from jobs.run.stored_rows import StoredRows
from stylize.config import JobConfig
from stylize.errors import UsageError
from stylize.results.run_record import RunRecord
from stylize.results.schema import SCORED, to_batch
from stylize.results.store import Replaceable, RowStore
from stylize.tasks.task import Input, Pair, Task
from tests.support.made_rows import GivenRows
from tests.support.scripted_workers import row, task


def key(number: int) -> bytes:
    return bytes.fromhex(task(number).task_id)[:16]


def test_a_pair_listed_twice_is_one_task_and_no_earlier_runs(tmp_path: Path) -> None:
    stats = RunStats(5)
    resume = Resume({key(3)}, [], stats, JobConfig(manifest="list.csv", out=str(tmp_path)))
    listed = [task(1), task(2), task(1), task(3), task(3)]
    assert list(resume.pending(listed)) == [task(1), task(2)]
    assert (stats.kept, stats.total, stats.counts) == (1, 3, {"ok": 1})


def test_a_failed_row_that_is_kept_counts_as_what_it_is(tmp_path: Path) -> None:
    stats = RunStats(2)
    config = JobConfig(content="c", styles="s", out=str(tmp_path))
    failed = [Replaceable(key(1), "oom", "1:ok", "style", None, None)]
    resume = Resume({key(1), key(2)}, failed, stats, config)
    assert list(resume.pending([task(1), task(2)])) == []
    assert stats.counts == {"ok": 1, "oom": 1}
    assert resume.notes() == ["1 row that is not ok stays: --retry-failed does such again"]


def test_a_failed_row_is_superseded_by_one_of_the_same_pair_and_settings_alone(tmp_path: Path) -> None:
    config = JobConfig(content="c", styles="s", out=str(tmp_path))
    same, other = (json.dumps(config.result_settings() | more) for more in ({}, {"seed": 7}))
    failed = [
        Replaceable(b"old", "corrupt", "1:ok", "style", None, same),
        Replaceable(b"else", "corrupt", "2:ok", "style", None, other),
    ]
    resume = Resume(set(), failed, RunStats(3), config)
    batch = to_batch([row(task(n), "ok") | {"style_uri": "style", "settings_json": same} for n in (1, 2, 3)])
    assert list(resume.superseded(batch)) == [b"old"]
    assert list(resume.superseded(batch)) == []


def test_without_a_jobs_settings_no_other_tasks_row_is_superseded() -> None:
    failed = [Replaceable(b"old", "corrupt", "1:ok", "style", None, None)]
    batch = to_batch([row(task(1), "ok") | {"style_uri": "style"}])
    assert list(Resume(set(), failed, RunStats(1)).superseded(batch)) == []


def test_a_row_of_a_manifest_that_cannot_be_used_is_no_older_row_of_its_pair(tmp_path: Path) -> None:
    config = JobConfig(manifest="list.csv", out=str(tmp_path))
    settings = json.dumps(config.result_settings())
    failed = [
        Replaceable(key(n), "corrupt", "1:ok", "style", None, settings, told)
        for n, told in ((1, "list.csv: row 3: no"), (2, "lost"))
    ]
    resume = Resume({key(1), key(2)}, failed, RunStats(2), config)
    assert list(resume.pending([task(2)])) == []
    assert resume.mended == {key(1)}
    made = row(task(4), "ok") | {"content_uri": "1:ok", "style_uri": "style", "settings_json": settings}
    assert list(resume.superseded(to_batch([made | {"status": "corrupt", "error": "list.csv: row 9: no"}]))) == []
    assert list(resume.superseded(to_batch([made]))) == [key(2)]


def test_a_bad_line_keeps_its_rows_of_other_settings_and_of_other_shards(tmp_path: Path) -> None:
    config = JobConfig(manifest="list.csv", out=str(tmp_path))
    same, other = (json.dumps(config.result_settings() | more) for more in ({}, {"stylizer": "adain"}))
    told = "list.csv: row 3: no such column"
    failed = [Replaceable(key(n), "corrupt", "1:ok", "style", None, text, told) for n, text in ((1, same), (2, other))]
    now = Input("2:ok", told, None, problem=told)
    listed = replace(task(3), pair=Pair(now, Input("style", told, None, problem=told)))

    def mended(tasks: list[Task], **more: str) -> set[bytes]:
        resume = Resume(set(), failed, RunStats(2), config.model_copy(update=more))
        assert list(resume.pending(tasks)) == tasks
        return resume.mended

    assert mended([listed]) == {key(1)}
    assert mended([]) == {key(1), key(2)}
    assert sorted(len(mended([], shard=f"{number}/2")) for number in (1, 2)) == [0, 2]


def test_a_row_of_a_picture_made_elsewhere_is_finished_wherever_the_picture_is(tmp_path: Path) -> None:
    with RowStore.open(tmp_path) as store:
        modes = ((1, SCORED), (2, "throughput"))
        made = [row(task(n), "ok") | {"output_uri": "/gone.jpg", "measure_mode": mode} for n, mode in modes]
        store.add(to_batch(made))
    assert StoredRows(tmp_path).finished(retry_failed=False, is_there=lambda uri: False) == {key(1)}


def run_of(counts: dict[str, int], run_id: str = "", **changes: Any) -> RunRecord:
    """The record of a run of CONTENT c and STYLES s."""
    config = JobConfig.build({"content": "c", "styles": "s", "out": "o"} | changes)
    return RunRecord(run_id=run_id, config=config.model_dump(), counts=counts)


def test_a_killed_run_left_rows_although_it_counted_none(tmp_path: Path) -> None:
    runs = [run_of({}, run_id="idle"), run_of({}, run_id="killed"), run_of({"ok": 1}, run_id="finished")]
    for run in reversed(runs):
        run.write(tmp_path)
    assert [run.run_id for run in runs_with_rows(tmp_path)] == ["finished"]
    with RowStore.open(tmp_path) as store:
        store.add(to_batch([row(task(1), "ok") | {"run_id": "killed"}]))
    assert [run.run_id for run in runs_with_rows(tmp_path)] == ["killed", "finished"]


def test_another_run_of_the_same_pairs_decides_which_shard_out_holds() -> None:
    now = JobConfig.build({"content": "c", "styles": "s", "out": "o", "shard": "2/2"})
    refuse_other_shard(now, [run_of({"ok": 1}, shard="2/2"), run_of({"ok": 1}, styles="t", shard="1/2")])
    with pytest.raises(UsageError, match="OUT holds shard 1/2"):
        refuse_other_shard(now, [run_of({"ok": 1}, shard="1/2")])


def test_the_last_run_that_left_rows_named_results() -> None:
    now = JobConfig.build({"content": "c", "styles": "s", "out": "o"})
    assert other_names(now, [run_of({"ok": 1}), run_of({"ok": 1}, layout="flat")]) == []
    assert other_names(now, [run_of({"ok": 1}, layout="flat"), run_of({"ok": 1})]) != []


def test_older_rows_that_name_no_weights_are_not_told_of_as_of_other_ones(tmp_path: Path) -> None:
    config = JobConfig(content="c", styles="s", out=str(tmp_path))
    settings = json.dumps(config.result_settings())
    for weights, told in ((None, False), ("a" * 64, False), ("b" * 64, True)):
        rows = [row(task(1), "ok") | {"settings_json": settings, "weights_sha256": weights}]
        assert ("other weights" in made_otherwise(GivenRows(rows, {"1": 1}), config, "a" * 64)[0]) == told


OTHER = "of OUT had other weights than compact has now"


def test_rows_that_were_made_with_other_weights_of_the_method_are_told(tmp_path: Path) -> None:
    config = JobConfig(content="c", styles="s", out=str(tmp_path))
    now, other = (json.dumps(config.result_settings() | more) for more in ({}, {"settings": {"alpha": 0.5}}))
    made = [(now, "a" * 64), (now, None), (other, "c" * 64), (now, "b" * 64), (None, "b" * 64), (now, "c" * 64)]
    rows = [row(task(number), "ok") | {"settings_json": settings, "weights_sha256": weights}
            for number, (settings, weights) in enumerate(made)]  # fmt: skip
    one, two = "it stays, and a new one comes beside it", "they stay, and new ones come beside them"
    for count, told in ((3, []), (4, [f"1 row {OTHER}: {one}"]), (6, [f"2 rows {OTHER}: {two}"])):
        assert made_otherwise(GivenRows(rows[:count]), config, "a" * 64) == told
        assert made_otherwise(GivenRows(rows[:count]), config, None) == []


def test_rows_whose_quality_is_of_another_picture_are_told(tmp_path: Path) -> None:
    config = JobConfig(content="c", styles="s", out=str(tmp_path))
    versions = {"9": 5, "13": 2, "unknown": 1}, {"8": 2, "9": 5, "1": 1}
    none, (line,) = (made_otherwise(GivenRows([], older), config, "a" * 64)[1:] for older in versions)
    assert none == []
    assert line.startswith("quality columns of 3 rows of an older version are of the pixels before encoding")
