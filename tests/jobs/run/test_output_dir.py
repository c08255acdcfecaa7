"""OUT in an object store as jobs hold it: its local copy, and what is said of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jobs.run.output_dir import OutputDir, absolute_uri, check_place, open_output
from jobs.stylize_folder import main
from stylize.errors import CannotContinueError, StylizeError, UsageError
from stylize.io.files import Folder
from stylize.report import frame
from stylize.results.copies import rows_at_hand, run_folders
from stylize.results.remote_parts import Mirror
from stylize.results.store import RowStore
from tests.support.made_rows import row, written
from tests.support.main_job import call, plain, refused
from tests.support.s3 import Bucket, bucket
from tests.support.samples import ROOT

HOLDER = """
import os, signal
from stylize.results.copies import rows_at_hand
with rows_at_hand("s3://pictures/out") as folder:
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    (tmp_path / "copies").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "copies"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with bucket() as made:
        yield made


def silent(text: str) -> None:
    """Nobody reads it."""


@pytest.mark.parametrize("uri", ["s3://b//out/", "S3://b/out"])
def test_out_has_one_form(uri: str) -> None:
    assert absolute_uri(uri) == "s3://b/out"


def test_a_submitted_job_refuses_a_relative_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "session_1" / "runtime_resources" / "working_dir_files" / "_ray_pkg_0"
    for name in ("content", "styles"):
        plain(copy / name / "a.png", (1, 2, 3))
    monkeypatch.chdir(copy)
    told = refused(main, "content", "styles", "out", "--stylizer", "identity")
    assert "OUT 'out' is relative: a submitted job runs in a temporary copy" in told
    assert not Path("out").exists()


def test_errors_name_out_and_not_its_copy(s3: Bucket, tmp_path: Path) -> None:
    s3.put("out/rows/part-1.parquet", b"no Parquet")

    def hold() -> None:
        with open_output("S3://pictures//out", silent) as out:
            RowStore.open(out.folder, mirror=out.mirror)

    def read() -> None:
        with run_folders(["s3://pictures/out/rows"]) as outs:
            frame.load(list(outs))

    def plan() -> None:
        with rows_at_hand("s3://pictures/out/") as folder:
            raise UsageError(f"{folder}/rows/part-1.parquet cannot be read")

    for work in (hold, read, plan):
        with pytest.raises(StylizeError, match=r"^s3://pictures/out/rows/part-1\.parquet cannot be read") as refused:
            work()
        assert str(tmp_path) not in str(refused.value)
    assert list((tmp_path / "copies").iterdir()) == []


def test_full_disk_under_the_copy_is_named_where_it_is(s3: Bucket, tmp_path: Path) -> None:
    def hold() -> None:
        with open_output("s3://pictures/out", silent) as out:
            raise CannotContinueError(f"no space left to write {out.folder}/x") from OSError(28, "No space left")

    with pytest.raises(CannotContinueError, match=f"no space left to write {tmp_path}"):
        hold()


def test_an_out_that_is_called_rows_is_read_as_one(s3: Bucket, tmp_path: Path) -> None:
    out = written(tmp_path / "rows", [row(1), row(2)])
    s3.upload(out, "deep/rows")
    for uri in ("s3://pictures/deep/rows", "s3://pictures//deep/rows/rows/"):
        with run_folders([uri]) as outs:
            assert len(frame.load(list(outs))) == 2


def test_copies_of_a_killed_run_are_removed_at_the_next_start_and_those_in_use_are_not(
    s3: Bucket, tmp_path: Path
) -> None:
    s3.put("out/run.json", b"{}")
    killed = subprocess.run([sys.executable, "-c", HOLDER], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert killed.returncode == -9
    left = Path(killed.stdout.strip())
    assert (left / "run.json").is_file()
    other = tmp_path / "copies" / "stylize-rows-mine"
    other.mkdir()
    with rows_at_hand("s3://pictures/out") as first, rows_at_hand("s3://pictures/out") as second:
        assert not left.exists()
        assert (first / "run.json").is_file()
        assert (second / "run.json").is_file()
    assert list((tmp_path / "copies").iterdir()) == [other]


@pytest.mark.parametrize("word", ["s3://KEY:SECRET@b/out", "https://b/out?X-Amz-Signature=SECRET", "s3://b/a//r", ""])
def test_a_run_that_cannot_be_named_so_is_a_wrong_call(word: str) -> None:
    with pytest.raises(UsageError) as refused, run_folders([word]):
        pass
    assert "SECRET" not in str(refused.value)


def test_a_driver_that_lost_its_out_writes_no_record_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check() -> None:
        """Raise where the lease is lost."""

    guards: list[Any] = []
    monkeypatch.setattr(Folder, "write", lambda folder, name, data, guard=None: guards.append(guard))
    out = OutputDir("s3://pictures/out", tmp_path, "token", cast("Mirror", SimpleNamespace(check=check)))
    (tmp_path / "run.json").write_text("{}")
    out.publish("run.json")
    assert guards == [check]


def test_an_out_that_may_be_read_alone_is_told_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("content", "styles"):
        plain(tmp_path / name / "a.png", (1, 2, 3))
    out = tmp_path / "new" / "out"
    check_place(str(out))
    monkeypatch.setattr(os, "access", lambda path, how: how == os.R_OK)
    done = call(main, tmp_path / "content", tmp_path / "styles", out, "--stylizer", "identity")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    assert "make it writable" in done.stderr
    assert not out.parent.exists()
