"""What a finished run says of its failures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from jobs.run.closing import print_result
from jobs.run.output_dir import OutputDir
from jobs.run.result import Failure, RunResult, summarized
from stylize import terminal
from stylize.images.damage import ENDS
from stylize.report.summary import Table
from stylize.results.schema import key_of, to_batch
from stylize.results.store import RowStore
from tests.support.s3 import bucket
from tests.support.scripted_workers import row, task


def write_rows(out: Path, run_id: str, numbers: range) -> None:
    """Rows of a run: number 0 is ok, the others are corrupt."""
    with RowStore.open(out, run_id=run_id) as store:
        made = [row(task(n), *(("corrupt", f"cut short: {n}") if n else ("ok", None))) for n in numbers]
        store.add(to_batch([one | {"run_id": run_id, "style_uri": "art.png"} for one in made]))


def ended(out: Path, counts: dict[str, int], kept_failed: set[bytes] | None = None) -> RunResult:
    return summarized(OutputDir(str(out), out, ""), "now", counts, kept_failed or set())


def test_the_first_ten_failures_are_named_and_where_the_others_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path, "now", range(13))
    result = ended(tmp_path, {"ok": 1, "corrupt": 12})
    assert [one.error for one in result.failures] == [f"cut short: {n}" for n in range(1, 11)]
    print_result(result)
    told = capsys.readouterr().out.splitlines()
    assert "corrupt: 1:ok  x  art.png: cut short: 1" in told
    assert sum(line.startswith("corrupt: ") for line in told) == 10
    rest = next(line for line in told if line.startswith("... and 2 more"))
    assert f"pandas.read_parquet('{tmp_path}/rows').query(\"status != 'ok'\")" in rest
    assert any(line.startswith(f"look:    python -m stylize view {tmp_path} ") for line in told)
    assert any(line.startswith(f"report:  python -m jobs.summarize {tmp_path} ") for line in told)


def test_a_file_that_fails_in_many_pairs_is_named_once_and_hides_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [("a.jpg", "style: empty"), *[(f"{n}.jpg", "style: empty") for n in range(11)], ("b.jpg", f"cut: {ENDS}")]
    with RowStore.open(tmp_path, run_id="now") as store:
        made = [row(task(n), "corrupt", error) | {"content_uri": photo} for n, (photo, error) in enumerate(pairs)]
        store.add(to_batch([one | {"run_id": "now", "style_uri": "art.png"} for one in made]))
    print_result(ended(tmp_path, {"corrupt": 13}))
    told = capsys.readouterr().out
    assert f"\ncorrupt: art.png: style: empty (12 pairs)\ncorrupt: b.jpg  x  art.png: cut: {ENDS}\n" in told


def test_a_line_names_the_file_that_failed_once_also_of_artworks_that_are_mixed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mix = {"style_uri": "s/one.png", "style_uris": '["s/one.png", "s/two.png"]'}
    made = [
        row(task(0), "corrupt", "style 2 of 2: no such file: s/two.png") | mix,
        *(row(task(n), "corrupt", "style 1 of 2: cut") | mix for n in (1, 2)),
        row(task(3), "corrupt", "no such file: a.jpg") | mix | {"content_uri": "a.jpg"},
    ]
    with RowStore.open(tmp_path, run_id="now") as store:
        store.add(to_batch([one | {"run_id": "now"} for one in made]))
    print_result(ended(tmp_path, {"corrupt": 4}))
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("corrupt: ")]
    assert told == [
        "corrupt: 0:ok  x  s/two.png: style 2 of 2: no such file",
        "corrupt: s/one.png: style 1 of 2: cut (2 pairs)",
        "corrupt: a.jpg  x  s/one.png: no such file",
    ]


@pytest.mark.parametrize(
    ("error", "taken", "advised"),
    [
        (f"cut: {ENDS}", False, True),
        (f"cut: {ENDS}", True, False),
        (f"style 2 of 2: cut: {ENDS}", False, False),
        (f"result b.png: cut: {ENDS}", False, False),
        ("an empty file", False, False),
    ],
)
def test_taking_cut_photos_is_advised_where_it_helps(
    error: str, taken: bool, advised: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = Failure("corrupt", error, "a.jpg", "art.png", "a.jpg")
    print_result(RunResult("now", "out", {"corrupt": 1}, failures=(failed,)), takes_cut=taken)
    assert ("--truncated accept --retry-failed" in capsys.readouterr().out) == advised


def test_failures_of_other_tasks_in_the_same_folder_are_not_named(tmp_path: Path) -> None:
    write_rows(tmp_path, "before", range(1, 4))
    write_rows(tmp_path, "now", range(4, 6))
    result = ended(tmp_path, {"corrupt": 3}, {key_of(task(2).task_id)})
    assert [one.error for one in result.failures] == ["cut short: 2", "cut short: 4", "cut short: 5"]


def test_rows_of_other_calls_that_the_tables_count_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path, "before", range(1, 4))
    write_rows(tmp_path, "now", range(4, 6))
    print_result(ended(tmp_path, {"corrupt": 2}))
    assert "0 ok, 2 not ok, of this call; the tables count 3 other rows of OUT, too" in capsys.readouterr().out


def test_numbers_are_whole_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    head = ("style", "ok", "stylize p50", "SSIM mean")
    made = Table("By style", head, [("starry_night", "12345", "1234 ms", "0.576")])
    grids: list[Any] = []
    monkeypatch.setattr(terminal, "show", grids.append)
    print_result(RunResult("now", "/out", {"ok": 1}, (made,)))
    with (narrow := Console(width=20, file=io.StringIO())).capture() as told:
        narrow.print(grids[0], crop=False)
    assert all(cell in told.get() for cell in made.rows[0][1:])


def test_a_run_without_failures_names_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path, "now", range(1))
    result = ended(tmp_path, {"ok": 1})
    assert result.failures == ()
    print_result(result)
    assert capsys.readouterr().out.splitlines()[-1] == "1 ok, 0 not ok"


@pytest.mark.parametrize(
    ("counts", "status"), [({}, 0), ({"ok": 2}, 0), ({"ok": 2, "corrupt": 1}, 3), ({"timeout": 1}, 3)]
)
def test_one_row_that_is_not_ok_is_exit_status_3(counts: dict[str, int], status: int) -> None:
    assert RunResult("now", "/out", counts).exit_status == status


def test_commands_that_are_told_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    inputs = ["s3://one/photos", "gs://two/artworks", "/here"]
    print_result(RunResult("now", "s3://one/my out", {"ok": 1}), inputs=inputs)
    look, report = (line for line in capsys.readouterr().out.splitlines() if line.startswith(("look:", "report:")))
    trust = "--trust-paths --trust-store gs://two"
    assert f"python -m stylize view 's3://one/my out' {trust}   every" in look
    assert f"python -m jobs.summarize 's3://one/my out' --out REPORT {trust}   makes" in report


def test_buckets_that_a_list_names_stand_in_those_commands_and_others_rows_do_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run_id, number, bucket_name in (("before", 1, "strange"), ("now", 2, "listed")):
        uris = {"content_uri": f"s3://{bucket_name}/a b.jpg", "style_uri": "/here/s.jpg", "run_id": run_id}
        with RowStore.open(tmp_path, run_id=run_id) as store:
            store.add(to_batch([row(task(number), "ok", None) | uris]))
    assert ended(tmp_path, {"ok": 1}).stores == ()
    result = summarized(OutputDir(str(tmp_path), tmp_path, ""), "now", {"ok": 1}, listed=True)
    assert result.stores == ("s3://listed",)
    print_result(result, inputs=["gs://lists/l.csv", None])
    told = capsys.readouterr().out
    assert told.count(" --trust-paths --trust-store gs://lists --trust-store s3://listed   ") == 2


def test_rows_in_a_bucket_are_read_as_the_run_says_whatever_out_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    name, data = 'a b#1%20é?x="it\'s"&y+z', io.BytesIO()
    pd.DataFrame({"status": ["ok"]}).to_parquet(data)
    with bucket() as s3:
        s3.put(f"{name}/rows/part-1.parquet", data.getvalue())
        print_result(RunResult("now", f"s3://pictures/{name}", {"ok": 1}))
        line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("rows: "))
        place, call = line.removeprefix("rows:    ").split("   pandas.read_parquet(")
        assert place == f"s3://pictures/{name}/rows"
        assert list(pd.read_parquet(call.rstrip(")").strip("'"))["status"]) == ["ok"]
