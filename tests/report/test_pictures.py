"""Pictures of a report that are in an object store."""

from __future__ import annotations

import pytest

from stylize import images
from stylize.report import pictures
from tests.support.made_rows import row, rows
from tests.support.s3 import bucket
from tests.support.samples import picture


def test_picture_that_its_store_does_not_give_is_left_out_and_a_silent_store_is_asked_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with bucket() as s3:
        photo, style, *results = (
            s3.put(f"{name}.jpg", images.encode(picture(seed), "jpg", 90)) for seed, name in enumerate("psabc")
        )
        made = rows(
            row(n, content_uri=photo, style_uri=style, output_uri=uri, precision=precision)
            for n, (uri, precision) in enumerate(zip(results, ("fp32", "bf16", "fp16"), strict=True))
        )
        s3.s3.failing = "b.jpg"
        (sheet,) = pictures.sheets(made, 20)
        assert len(sheet.inputs) == 2
        assert [heading for heading, _ in sheet.lines] == ["compact fp16", "compact fp32"]
        s3.s3.failing, s3.s3.requests = "/", 0
        assert pictures.sheets(made, 20) == []
        assert s3.s3.requests < 12
        assert "no pictures: s3://pictures/p.jpg could not be read" in caplog.text
