"""Which tasks a run that goes on still has to do."""

from __future__ import annotations

import json
from pathlib import Path

from jobs.progress.stats import RunStats
from jobs.run.resume import Resume
from stylize.config import JobConfig
from stylize.results.schema import to_batch
from stylize.results.store import Failed
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
    failed = [Failed(key(1), "oom", "1:ok", "style", None, None)]
    assert list(Resume({key(1), key(2)}, failed, stats, config).pending([task(1), task(2)])) == []
    assert stats.counts == {"ok": 1, "oom": 1}


def test_a_failed_row_is_superseded_by_one_of_the_same_pair_and_settings_alone(tmp_path: Path) -> None:
    config = JobConfig(content="c", styles="s", out=str(tmp_path))
    same, other = (json.dumps(config.result_settings() | more) for more in ({}, {"seed": 7}))
    failed = [
        Failed(b"old", "corrupt", "1:ok", "style", None, same),
        Failed(b"else", "corrupt", "2:ok", "style", None, other),
    ]
    resume = Resume(set(), failed, RunStats(3), config)
    batch = to_batch([row(task(n), "ok") | {"style_uri": "style", "settings_json": same} for n in (1, 2, 3)])
    assert list(resume.superseded(batch)) == [b"old"]
    assert list(resume.superseded(batch)) == []


def test_without_a_jobs_settings_no_other_tasks_row_is_superseded() -> None:
    failed = [Failed(b"old", "corrupt", "1:ok", "style", None, None)]
    batch = to_batch([row(task(1), "ok") | {"style_uri": "style"}])
    assert list(Resume(set(), failed, RunStats(1)).superseded(batch)) == []


def test_a_row_of_a_manifest_that_cannot_be_used_is_no_older_row_of_its_pair(tmp_path: Path) -> None:
    config = JobConfig(manifest="list.csv", out=str(tmp_path))
    settings = json.dumps(config.result_settings())
    failed = [
        Failed(key(n), "corrupt", "1:ok", "style", None, settings, told)
        for n, told in ((1, "list.csv: row 3: no"), (2, "lost"))
    ]
    resume = Resume({key(1), key(2)}, failed, RunStats(2), config)
    assert list(resume.pending([task(2)])) == []
    assert resume.mended == {key(1)}
    made = row(task(4), "ok") | {"content_uri": "1:ok", "style_uri": "style", "settings_json": settings}
    assert list(resume.superseded(to_batch([made | {"status": "corrupt", "error": "list.csv: row 9: no"}]))) == []
    assert list(resume.superseded(to_batch([made]))) == [key(2)]
