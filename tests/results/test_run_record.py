"""run.json: one reader and one writer, for runs and sweeps of today and of older programs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from stylize import safe_json
from stylize.errors import UsageError
from stylize.results import run_record
from stylize.results.copies import run_folders
from stylize.results.run_record import RunRecord, read_runs
from tests.support.s3 import bucket
from tests.support.samples import ROOT


def record(run_id: str, **fields: object) -> RunRecord:
    return RunRecord.begin(run_id, "python -m jobs.stylize_folder 'a b' s o", **fields)


def test_a_record_says_what_began_where_and_by_which_code() -> None:
    begun = record("r", retry_failed=False, config={"seed": 3})
    assert begun.command == "python -m jobs.stylize_folder 'a b' s o"
    assert begun.started_at is not None
    assert begun.environment["python"]
    assert begun.code_sha256
    assert begun.finished_at is None


def test_what_is_written_is_read_back_with_earlier_runs_newest_first(tmp_path: Path) -> None:
    for run_id in ("first", "second", "third"):
        one = record(run_id, config={"seed": 3})
        one.write(tmp_path)
        one.counts = {"ok": 2}
        one.write(tmp_path)
    runs = read_runs(tmp_path)
    assert [run.run_id for run in runs] == ["third", "second", "first"]
    assert [run.counts for run in runs] == [{"ok": 2}] * 3
    assert runs[0].settings_of("no variant") == {"seed": 3}


def test_runs_without_rows_leave_nothing_but_the_last_of_them(tmp_path: Path) -> None:
    for run_id, rows in (("first", 2), ("idle", 0), ("killed", None), ("idle too", 0), ("now", 0)):
        record(run_id, rows=rows).write(tmp_path)
    assert [run.run_id for run in read_runs(tmp_path)] == ["now", "killed", "first"]


def test_a_full_file_keeps_the_first_and_the_latest_runs_and_counts_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(json.dumps({"run_id": "0", "rows": 1}, indent=2))
    monkeypatch.setattr(run_record, "EARLIER_BYTES", 3 * size)
    for number in range(7):
        for rows in (None, 1):
            RunRecord(run_id=str(number), rows=rows).write(tmp_path)
    newest, *earlier = read_runs(tmp_path)
    assert [run.run_id for run in (newest, *earlier)] == ["6", "5", "4", "0"]
    assert [run.runs_left_out for run in (newest, *earlier)] == [3, 0, 0, 0]


def test_the_file_holds_what_was_said_and_no_more(tmp_path: Path) -> None:
    RunRecord(run_id="r", config={"shard": None}).write(tmp_path)
    assert json.loads((tmp_path / "run.json").read_text()) == {
        "run_id": "r", "config": {"shard": None}, "earlier_runs": [],
    }  # fmt: skip


def test_what_a_newer_program_said_of_an_earlier_run_stays(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"run_id": "new", "cost": {"usd": 1}, "earlier_runs": [{"run_id": "old"}]}')
    RunRecord(run_id="mine").write(tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["earlier_runs"] == [
        {"run_id": "old"}, {"run_id": "new", "cost": {"usd": 1}},
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["claims", "scalability"])
def test_a_record_of_an_older_program_is_read(name: str) -> None:
    (run, *_) = read_runs(ROOT / "reports" / name / "run")
    assert run.title
    assert run.environment["versions"]["torch"]
    variant = next(iter(run.variants))
    assert run.settings_of(variant)["stylizer"]


def test_no_file_is_no_runs(tmp_path: Path) -> None:
    assert read_runs(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ('{"run_id": "r', "Unterminated string"),
        ("[1]", "expected names with values"),
        ("null", "expected names with values"),
        ('{"run_id": 3}', "run_id: "),
        ('{"counts": {"ok": "many"}}', "counts.ok: "),
        ('{"earlier_runs": ["x"]}', "earlier_runs.0: "),
        ('{"earlier_runs": 7}', "earlier_runs: "),
        ('{"config": {"shard": [1]}}', "config: shard: "),
        ('{"variants": {"v": {"weights": 7}}}', "variants.v: weights: "),
        ('{"environment": {"gpus": 5}}', "environment: gpus: "),
        ('{"environment": {"versions": []}}', "environment: versions: "),
        ('{"run_id": NaN}', "run_id: "),
        ('{"counts": {"ok": NaN}}', "counts.ok: "),
        ('{"counts": {"ok": ' + "9" * 5000 + "}}", "integer string"),
        ("[" * 100_000, "nested more than 20 deep"),
        ('{"a": ' * 30 + "1" + "}" * 30, "nested more than 20 deep"),
        ('{"config": "\udcff"}', "decode"),
    ],
)
def test_a_damaged_file_is_one_line_that_says_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "run.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    for act in (lambda: read_runs(tmp_path), lambda: RunRecord(run_id="r").write(tmp_path)):
        with pytest.raises(
            UsageError, match=r"run\.json is not the record of a run \(.*\): mend it, or move"
        ) as raised:
            act()
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)
    assert (tmp_path / "run.json").read_text(encoding="utf-8", errors="surrogateescape") == text


def test_what_is_no_file_or_too_much_of_one_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(UsageError, match="not a file"):
        read_runs(tmp_path)
    (tmp_path / "run.json").unlink()
    (tmp_path / "run.json").symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="not a file"):
        read_runs(tmp_path)
    (tmp_path / "run.json").unlink()
    monkeypatch.setattr(safe_json, "MAX_BYTES", 10)
    (tmp_path / "run.json").write_text('{"run_id": "r"}')
    with pytest.raises(UsageError, match="over 10 bytes"):
        read_runs(tmp_path)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "run.json").mkdir()
    with pytest.raises(UsageError, match="Is a directory"):
        read_runs(tmp_path)


def test_a_record_in_a_store_is_not_copied_where_it_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_json, "MAX_BYTES", 1000)
    with bucket() as s3:
        s3.put("out/run.json", b" " * 1001)
        s3.put("out/rows/part-1.parquet", b"x")
        with (
            pytest.raises(UsageError, match=r"^s3://pictures/out/run\.json: 1,001 bytes, where 1,000 are the most$"),
            run_folders(["s3://pictures/out"]),
        ):
            pass
