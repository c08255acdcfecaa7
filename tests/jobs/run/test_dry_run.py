"""What `--dry-run` says of pairs in an object store."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.stylize_folder import main
from stylize.images import encode
from tests.support.s3 import bucket
from tests.support.samples import picture


def test_rows_of_a_list_that_cannot_be_used_are_counted_and_the_first_is_named(
    worker_here: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.run.dry_run.joins_cluster", lambda address: False)  # whatever other tests have started
    with bucket() as s3:
        s3.put("a.png", encode(picture(1), "png", 90))
        photos = ("a.png", "none.png", "gone.png", "s3://pictures/x//y.png")
        rows = "".join(f"{photo},a.png\n" for photo in photos)
        listed = s3.put("list.csv", f"content_uri,style_uri\n{rows}".encode())
        words = ["--manifest", listed, str(tmp_path / "out"), "--stylizer", "identity", "--dry-run"]
        assert main(words) == 0
    told = capsys.readouterr().out
    assert "would restyle 1 of 4 pairs" in told
    assert "\n1 photo, 0.00" in told  # of a MB, not none at all
    assert "3 pairs cannot be used, and would have rows that say why" in told
    assert "manifest: objects that are not there, such as s3://pictures/none.png, s3://pictures/gone.png\n" in told
    assert "manifest: 1 row cannot be used (row 1 is below the header): row 4: s3://pictures/x//y.png: no key" in told
