"""Pictures of a report that are in an object store."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pandas as pd
import pytest

from jobs.summarize import main
from stylize import images
from stylize.report.page import pictures
from stylize.results.schema import Row
from tests.support.made_rows import row, rows, written
from tests.support.s3 import bucket
from tests.support.samples import picture


def test_picture_that_its_store_does_not_give_is_left_out_and_a_silent_store_is_asked_once(
    logged: list[str],
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
        found = pictures.grid(made, 20)
        assert found.heads == ["photo", "artwork", "compact fp16", "compact fp32"]
        assert "1 file is not there, or cannot be read (1 of compact bf16 at 512 px)" in found.left_out
        s3.s3.failing, s3.s3.requests = "/", 0
        assert pictures.grid(made, 20) == pictures.NOTHING
        assert s3.s3.requests < 12
        assert any("no pictures: s3://pictures/images/p.jpg could not be read" in line for line in logged)


def local_out(tmp_path: Path, **uris: str) -> pd.DataFrame:
    """A row whose photo is outside of OUT and its result in it, unless `uris` say otherwise."""
    for number, name in enumerate(("out/images/x.jpg", "photo.jpg", "art.jpg", "secret.jpg", "out/inputs/p.jpg")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(images.encode(picture(number), "jpg", 90))
    told = {"content_uri": f"{tmp_path}/photo.jpg", "style_uri": f"{tmp_path}/art.jpg"}
    told |= {"output_uri": f"{tmp_path}/out/images/x.jpg"} | {k: v.format(tmp_path) for k, v in uris.items()}
    return rows([row(1, **told)]).assign(home=str(tmp_path / "out"))


def test_photos_and_artworks_outside_of_out_are_shown_where_they_are_trusted(tmp_path: Path) -> None:
    def heads(trusted: bool = False, **uris: str) -> list[str]:
        return pictures.grid(local_out(tmp_path, **uris), 9, trusted).heads

    assert heads() == ["compact fp32"]
    assert heads(trusted=True) == ["photo", "artwork", "compact fp32"]
    assert heads(content_uri="{}/out/inputs/p.jpg") == ["photo", "compact fp32"]
    assert heads(trusted=True, content_uri="s3://elsewhere/p.jpg") == ["artwork", "compact fp32"]


def test_a_result_is_found_where_out_is_now(tmp_path: Path) -> None:
    assert pictures.grid(local_out(tmp_path, output_uri="/then/images/images/out/images/x.jpg"), 9).lines


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
    assert pictures.grid(made, 9).lines == []
    assert pictures.grid(made, 9, trusted=True).lines == []


def test_images_that_lead_out_of_out_are_not_shown(tmp_path: Path) -> None:
    made = local_out(tmp_path)
    (tmp_path / "out" / "images").rename(tmp_path / "elsewhere")
    (tmp_path / "out" / "images").symlink_to(tmp_path / "elsewhere")
    assert pictures.grid(made, 9).lines == []


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
            assert bool(pictures.grid(made, 9).lines) == shown, uri


def test_a_picture_at_full_size_is_as_large_as_it_was_made_and_says_nothing_of_where(tmp_path: Path) -> None:
    made = local_out(tmp_path, output_uri="{}/out/images/large.jpg")
    carried = images.Carried(exif=_gps())
    data = images.encode(picture(7, 900, 600), "jpg", 90, carried=carried)
    (tmp_path / "out" / "images" / "large.jpg").write_bytes(data)
    assert b"Exif" in data
    (shown,) = pictures.grid(made, 9).pictures
    assert (max(shown.width_px, shown.height_px), shown.full_px) == (pictures.LONG_SIDE_PX, (900, 600))
    assert shown.full is not None
    full = shown.full()
    assert images.decode(full).pixels.shape == (600, 900, 3)
    assert b"Exif" not in full


def _gps() -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[0x010E] = "at home"
    return exif.tobytes()


def test_methods_are_beside_each_other_and_sizes_in_one_cell(tmp_path: Path) -> None:
    results = tmp_path / "out" / "images"
    results.mkdir(parents=True)
    made = []
    for number, (method, px) in enumerate((method, px) for method in ("adain", "compact") for px in (32, 64)):
        (results / f"{number}.jpg").write_bytes(images.encode(picture(number), "jpg", 90))
        uris = {"content_uri": "/p/a.jpg", "output_uri": f"{results}/{number}.jpg"}
        made.append(row(number, stylizer=method, resolution_px=px, **uris))
    found = pictures.grid(rows(made).assign(home=str(tmp_path / "out")), 20)
    assert found.heads == ["adain fp32", "compact fp32"]
    (line,) = found.lines
    assert [[one.side for one in cell] for cell in line.cells] == [["32 px", "64 px"]] * 2


def test_what_is_not_shown_is_said(tmp_path: Path) -> None:
    results = tmp_path / "out" / "images"
    results.mkdir(parents=True)
    for n in range(8):
        (results / f"{n}.jpg").write_bytes(images.encode(picture(n), "jpg", 90))
    made = [row(n, content_uri=f"/p/{n}/IMG_0001.jpg", output_uri=f"{results}/{n}.jpg") for n in range(8)]
    made += [row(9, stylizer="adain", weights_sha256="random", output_uri=f"{results}/1.jpg")]
    found = pictures.grid(rows(made).assign(home=str(tmp_path / "out")), 5)
    assert found.left_out == "3 of 8 pairs of photo and artwork are shown; untrained, so nothing to look at: adain"
    assert len({line.title for line in found.lines}) == 3


def test_files_that_are_gone_or_changed_are_counted_and_not_shown(tmp_path: Path) -> None:
    results = tmp_path / "out" / "images"
    results.mkdir(parents=True)
    data = images.encode(picture(1), "jpg", 90)
    made = []
    for number, (name, px, photo) in enumerate((m, px, k) for m in "abc" for px in (32, 64) for k in range(2)):
        uris = {"content_uri": f"/p/{photo}.jpg", "output_uri": f"{results}/{number}.jpg"}
        made.append(
            row(number, stylizer=name, resolution_px=px, output_sha256=hashlib.sha256(data).hexdigest(), **uris)
        )
        if (name, px) == ("b", 64):
            (results / f"{number}.jpg").write_bytes(images.encode(picture(2), "jpg", 90))
        elif (name, px) != ("a", 32):
            (results / f"{number}.jpg").write_bytes(data)
    found = pictures.grid(rows(made).assign(home=str(tmp_path / "out")), 50)
    assert found.left_out == (
        "2 files are not there, or cannot be read (2 of a fp32 at 32 px); "
        "2 files are no longer the rows', and not shown (2 of b fp32 at 64 px)"
    )
    assert [[one.side for one in cell] for cell in found.lines[0].cells] == [["64 px"], ["32 px"], ["32 px", "64 px"]]
    (results / "0.jpg").parent.rename(tmp_path / "elsewhere")
    alone = pictures.grid(rows(made[:1]).assign(home=str(tmp_path / "out")), 50)
    assert (alone.lines, alone.left_out) == (
        [],
        "0 of 1 pairs of photo and artwork are shown; 1 file is not there, or cannot be read (1 of a fp32 at 32 px)",
    )


def test_a_page_without_any_picture_says_that_they_were_changed(tmp_path: Path) -> None:
    result = tmp_path / "out" / "images" / "x.jpg"
    result.parent.mkdir(parents=True)
    result.write_bytes(images.encode(picture(1), "jpg", 90))
    written(tmp_path / "out", [row(1, output_uri=str(result), output_sha256="0" * 64)])
    assert main([str(tmp_path / "out"), "--out", str(tmp_path / "report")]) == 0
    text = (tmp_path / "report" / "index.html").read_text()
    assert "1 file is no longer the row&#39;s, and not shown (1 of compact fp32 at 512 px)" in text


def test_a_photo_that_was_changed_is_not_shown_as_the_rows(tmp_path: Path) -> None:
    made = local_out(tmp_path).assign(content_sha256="0" * 64, style_sha256="1" * 64)
    made = pd.concat([made, made.assign(style_uri=str(tmp_path / "secret.jpg"))])  # its photo is one file all the same
    found = pictures.grid(made, 9, trusted=True)
    assert found.heads == ["compact fp32"]
    assert found.left_out.endswith(
        "3 files are no longer the rows', and not shown (2 of the artworks, 1 of the photos)"
    )


def test_a_photo_that_was_restyled_as_far_as_it_goes_is_shown_so(tmp_path: Path) -> None:
    made, photo = local_out(tmp_path), tmp_path / "photo.jpg"
    photo.write_bytes((data := photo.read_bytes())[: len(data) // 2])
    assert pictures.grid(made, 9, trusted=True).heads == ["photo", "artwork", "compact fp32"]


def several(folder: Path) -> pd.DataFrame:
    """Rows of runs that share no photo: 9 photos by two methods at 600 px, 9 by another there, 2 by three at 300 px."""
    made: list[Row] = []
    for run, methods, px, photos in (("a", "xy", 600, 9), ("b", "z", 600, 9), ("c", "xyw", 300, 2)):
        for n, method in ((n, method) for n in range(photos) for method in methods):
            result = folder / "out" / "images" / f"{run}{n}{method}.jpg"
            result.parent.mkdir(parents=True, exist_ok=True)
            result.write_bytes(images.encode(picture(n), "jpg", 90))
            uris = {"content_uri": f"/{run}/{n}.jpg", "output_uri": str(result)}
            made.append(row(len(made), stylizer=method, resolution_px=px, **uris))
    return rows(made).assign(home=str(folder / "out"))


def test_runs_of_other_photos_are_shown_and_counted(tmp_path: Path) -> None:
    found = pictures.grid(several(tmp_path), 10)
    assert found.left_out == "4 of 20 pairs of photo and artwork are shown"
    methods = [[head for head, cell in zip(found.heads, line.cells, strict=True) if cell] for line in found.lines]
    assert methods == [["x fp32", "y fp32"], ["z fp32"], ["w fp32", "x fp32", "y fp32"], ["x fp32", "y fp32"]]
    assert [line.cells[0] == [] for line in found.lines] == [True, True, False, True]
