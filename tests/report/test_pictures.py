"""Pictures of a report that are in an object store."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
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
            s3.put(f"images/{name}.jpg", images.encode(picture(seed), "jpg", 90)) for seed, name in enumerate("psabc")
        )
        made = rows(
            row(n, content_uri=photo, style_uri=style, output_uri=uri, precision=precision)
            for n, (uri, precision) in enumerate(zip(results, ("fp32", "bf16", "fp16"), strict=True))
        )
        made = made.assign(home="s3://pictures")
        s3.s3.failing = "b.jpg"
        (sheet,) = pictures.sheets(made, 20)
        assert len(sheet.inputs) == 2
        assert [heading for heading, _ in sheet.lines] == ["compact fp16", "compact fp32"]
        s3.s3.failing, s3.s3.requests = "/", 0
        assert pictures.sheets(made, 20) == []
        assert s3.s3.requests < 12
        assert "no pictures: s3://pictures/images/p.jpg could not be read" in caplog.text


def local_out(tmp_path: Path, **uris: str) -> pd.DataFrame:
    """A row whose photo is outside of OUT and its result in it, unless `uris` say otherwise."""
    for number, name in enumerate(("out/images/x.jpg", "photo.jpg", "art.jpg", "secret.jpg", "out/inputs/p.jpg")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(images.encode(picture(number), "jpg", 90))
    told = {"content_uri": f"{tmp_path}/photo.jpg", "style_uri": f"{tmp_path}/art.jpg"}
    told |= {"output_uri": f"{tmp_path}/out/images/x.jpg"} | {k: v.format(tmp_path) for k, v in uris.items()}
    return rows([row(1, **told)]).assign(home=str(tmp_path / "out"))


def test_photos_and_artworks_outside_of_out_are_shown_where_they_are_trusted(tmp_path: Path) -> None:
    (sheet,) = pictures.sheets(local_out(tmp_path), 9)
    assert (len(sheet.inputs), len(sheet.lines)) == (0, 1)
    (sheet,) = pictures.sheets(local_out(tmp_path), 9, trusted=True)
    assert len(sheet.inputs) == 2
    (sheet,) = pictures.sheets(local_out(tmp_path, content_uri="{}/out/inputs/p.jpg"), 9)
    assert len(sheet.inputs) == 1
    (sheet,) = pictures.sheets(local_out(tmp_path, content_uri="s3://elsewhere/p.jpg"), 9, trusted=True)
    assert len(sheet.inputs) == 1


def test_a_result_is_found_where_out_is_now(tmp_path: Path) -> None:
    (sheet,) = pictures.sheets(local_out(tmp_path, output_uri="/then/images/images/out/images/x.jpg"), 9)
    assert sheet.lines


@pytest.mark.parametrize(
    "uri",
    [
        "{}/secret.jpg", "{}/out/images/../../secret.jpg", "/images/{}/secret.jpg", "/images//{}/secret.jpg",
        "{}/out/images/link.jpg", "{}/out/images/folder/secret.jpg", "{}/out/images/loop", "s3://evil/images/y.jpg",
        "{}/out/images", "{}/out/images/\0", "{}/out/images/pipe", "file://{}/out/images/%2e%2e/%2e%2e/secret.jpg",
    ],
)  # fmt: skip
def test_a_picture_that_is_not_below_images_is_not_shown(tmp_path: Path, uri: str) -> None:
    made = local_out(tmp_path, output_uri=uri)
    here = tmp_path / "out" / "images"
    (here / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (here / "folder").symlink_to(tmp_path)
    (here / "loop").symlink_to(here / "loop")
    os.mkfifo(here / "pipe")
    assert pictures.sheets(made, 9) == []
    assert pictures.sheets(made, 9, trusted=True) == []


def test_images_that_lead_out_of_out_are_not_shown(tmp_path: Path) -> None:
    made = local_out(tmp_path)
    (tmp_path / "out" / "images").rename(tmp_path / "elsewhere")
    (tmp_path / "out" / "images").symlink_to(tmp_path / "elsewhere")
    assert pictures.sheets(made, 9) == []


def test_a_result_in_a_store_is_read_from_out_alone() -> None:
    with bucket() as s3:
        for name in ("out/images/x.jpg", "secret/images/x.jpg", "secret/y.jpg"):
            s3.put(name, images.encode(picture(1), "jpg", 90))
        for uri, shown in (
            ("s3://pictures/out/images/x.jpg", True),
            ("/then/out/images/x.jpg", True),
            ("s3://pictures/secret/y.jpg", False),
            ("s3://other/images/y.jpg", False),
            ("s3://pictures/out/images/../../secret/y.jpg", False),
        ):
            made = rows([row(1, output_uri=uri)]).assign(home="s3://pictures/out")
            assert bool(pictures.sheets(made, 9)) == shown, uri
