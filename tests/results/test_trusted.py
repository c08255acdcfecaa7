"""Buckets that the command line names, for those who read an OUT whose photos lie elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from jobs import fid, replay, summarize
from jobs.run.closing import print_result
from jobs.run.result import RunResult
from jobs.run.trust import refuse_elsewhere
from stylize import images
from stylize.commands import view
from stylize.errors import UsageError
from stylize.report.page.places import Places
from stylize.viewer.media import Media
from stylize.viewer.table import Table
from tests.support.made_rows import row, written
from tests.support.s3 import bucket
from tests.support.samples import picture

PHOTO = "s3://pictures/in/a.jpg"


def test_a_photo_in_another_bucket_is_shown_where_the_call_names_it(tmp_path: Path) -> None:
    with bucket() as s3:
        s3.put("in/a.jpg", images.encode(picture(1), "jpg", 90))
        out = written(tmp_path / "out", [row(1, content_uri=PHOTO)])
        table = Table({out: str(out)})
        asked = [
            Media(table, tmp_path / "cache", trusted=True, stores=stores).picture("photo", 0)
            for stores in ((), ("s3://other",), ("s3://pictures/whatever",))
        ]
        places = Places([str(out)], True, ["s3://pictures"])
        assert places.input(str(out), PHOTO) is not None
        assert places.input(str(out), "s3://other/a.jpg") is None
    assert asked[:2] == [None, None]
    assert asked[2] is not None
    assert Image.open(io.BytesIO(asked[2].data)).size == (64, 48)


def test_a_record_of_another_bucket_says_which_option_names_it() -> None:
    named = {"photo": PHOTO}
    with pytest.raises(UsageError, match=r"photo s3://pictures/in/a\.jpg; name them with --trust-store"):
        refuse_elsewhere(named, "s3://results/out", True, anew=False)
    refuse_elsewhere(named, "s3://results/out", True, ["s3://pictures"], anew=False)
    with pytest.raises(UsageError, match="--trust-paths takes it"):
        refuse_elsewhere(named, "s3://results/out", False, ["s3://pictures"], anew=False)


def test_the_option_takes_buckets_alone() -> None:
    assert view.parser().parse_args(["OUT", "--trust-store", "s3://a/b", "--trust-store", "gs://c"]).trust_store == [
        "s3://a/b", "gs://c",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="--trust-store photos: expected a bucket, such as s3://photos"):
        view.parser().parse_args(["OUT", "--trust-store", "photos"])


@pytest.mark.parametrize(
    ("main", "words"),
    [(view.main, []), (fid.main, []), (replay.main, ["12ab"]), (summarize.main, ["--out", "REPORT"])],
)
def test_a_bucket_without_the_option_that_it_adds_to_is_a_wrong_call(
    main: Callable[[Sequence[str]], int], words: list[str]
) -> None:
    with pytest.raises(UsageError, match=r"^--trust-store goes with --trust-paths: give both$"):
        main(["OUT", *words, "--trust-store", "s3://pictures"])


def test_a_run_prints_calls_that_name_the_buckets_of_its_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(RunResult("r", "s3://results/out", {"ok": 1}), inputs=["s3://pictures/in", "s3://results/styles"])
    told = capsys.readouterr().out
    assert told.count("--trust-paths --trust-store s3://pictures   ") == 2
    assert "--trust-store s3://results" not in told
