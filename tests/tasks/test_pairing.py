"""Folders and manifests to pairs and tasks."""

from __future__ import annotations

import csv
import itertools
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stylize import config as configs
from stylize.config import JobConfig
from stylize.errors import CorruptImageError, UsageError
from stylize.io.files import read_bytes
from stylize.io.location import LocalPath
from stylize.tasks import listing, manifest, pairing
from stylize.tasks.task import Input, Pair
from tests.support.s3 import bucket


def config(folders: tuple[Path, Path], **values: Any) -> JobConfig:
    return configs.build({"content": str(folders[0]), "styles": str(folders[1]), "out": "/out"} | values)


def names(found: list[Pair]) -> list[tuple[str, str]]:
    return [(Path(p.content.uri).name, Path(p.style.uri).name) for p in found]


def test_cross_pairs_every_photo_with_every_artwork_styles_together(folders: tuple[Path, Path]) -> None:
    found = list(pairing.pairs(config(folders)))
    assert len(found) == pairing.count(config(folders)) == 8
    assert [style for style, _ in itertools.groupby(p.style.uri for p in found)] == sorted({p.style.uri for p in found})


def test_types_are_the_first_folder_below_the_root(folders: tuple[Path, Path]) -> None:
    deep = folders[0] / "day" / "inner" / "deep.jpg"
    deep.parent.mkdir()
    deep.write_bytes(b"x")
    (folders[0] / "loose.jpg").write_bytes(b"x")
    types = {Path(i.uri).name: i.type for i in listing.files_in(LocalPath(folders[0]))}
    assert types["deep.jpg"] == "day"
    assert types["c d.jpg"] == "night"
    assert types["loose.jpg"] is None


def test_zip_pairs_in_order_and_wants_equal_counts(folders: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="CONTENT has 4, STYLES has 2"):
        pairing.count(config(folders, pairing="zip"))
    for path in (folders[0] / "night").iterdir():
        path.unlink()
    assert names(list(pairing.pairs(config(folders, pairing="zip")))) == [("a.jpg", "wash.jpg"), ("b.png", "sea.jpg")]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_manifest_gives_its_pairs_with_types_and_paths_from_its_own_folder(
    folders: tuple[Path, Path], tmp_path: Path, suffix: str
) -> None:
    table = pd.DataFrame(
        {
            "content_uri": ["content/day/a.jpg", str(folders[0] / "night" / "c d.jpg")],
            "style_uri": ["styles/ink/wash.jpg"] * 2,
            "content_type": ["sunny", None],
        }
    )
    path = tmp_path / f"list.{suffix}"
    table.to_csv(path, index=False, encoding="utf-8-sig") if suffix == "csv" else table.to_parquet(path)
    given = configs.build({"manifest": str(path), "out": "/out"})
    found = list(pairing.pairs(given))
    assert pairing.count(given) == 2
    assert [p.content.type for p in found] == ["sunny", None]
    assert all(Path(p.content.uri).is_file() and p.content.identity != "missing" for p in found)


def test_manifest_keeps_a_missing_file_as_a_pair(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("content_uri,style_uri\ngone.jpg,gone.png\n")
    (pair,) = pairing.pairs(configs.build({"manifest": str(path), "out": "/out"}))
    assert pair.content.identity == "missing"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("content_uri,other\na,b\n", "no column style_uri"),
        ("content_uri,style_uri\na,\n", "row 1 has no style_uri"),
        ("", "no column"),
        ("content_uri,style_uri\n", "no rows"),
        ("content_uri,style_uri\na\n", "row 1 has no style_uri"),
        ("content_uri,style_uri\nhttp://b/a.jpg,b\n", "http:// is not supported"),
        ("content_uri,style_uri\n\udcff,b\n", "not a UTF-8 CSV"),
    ],
)
def test_bad_manifest_says_what_is_missing(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UsageError, match=message) as raised:
        list(pairing.pairs(configs.build({"manifest": str(path), "out": "/out"})))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "uri", ["s3://KEY:SECRET@b/x.jpg", "s3://b?SECRET/x.jpg", "https://b/x?X-Amz-Signature=SECRET"]
)
@pytest.mark.parametrize("column", [0, 1])
def test_manifest_s_row_that_may_hold_a_password_is_named_by_its_number(tmp_path: Path, uri: str, column: int) -> None:
    path = tmp_path / "list.csv"
    row = ["a.jpg", "b.jpg"]
    row[column] = uri
    path.write_text(f"content_uri,style_uri\na.jpg,b.jpg\n{','.join(row)}\n")
    with pytest.raises(UsageError, match=rf"manifest {path}: row 2: (s3|https)://") as refused:
        list(pairing.pairs(configs.build({"manifest": str(path), "out": "/out"})))
    assert "SECRET" not in str(refused.value)


def test_manifest_in_a_bucket_has_keys_from_its_own_folder_and_bad_ones_cost_their_rows() -> None:
    with bucket() as s3:
        s3.put("photos/a.jpg", b"x")
        listed = (
            "../photos/a.jpg",
            "S3://pictures//photos/a.jpg",
            "./../photos//a.jpg",
            "s3://pictures/a//b.jpg",
            "../../a",
        )
        s3.put(
            "lists/my list.csv",
            b"content_uri,style_uri\n" + "".join(f"{one},s.jpg\n" for one in listed).encode(),
        )
        found = list(pairing.pairs(configs.build({"manifest": "s3://pictures//lists/my list.csv", "out": "/out"})))
        contents = {pair.content.uri: pair.content.identity for pair in found}
        assert list(contents) == ["s3://pictures/photos/a.jpg", "s3://pictures/a//b.jpg", "s3://pictures/../a"]
        assert {pair.style.uri for pair in found} == {"s3://pictures/lists/s.jpg"}
        assert list(contents.values())[1:] == ["unknown"] * 2
        for uri in list(contents)[1:]:
            with pytest.raises(CorruptImageError, match="no key that can be used"):
                read_bytes(uri)


@pytest.mark.parametrize("content", ["s3://pictures//photos", "S3://pictures/photos/", "s3://pictures"])
@pytest.mark.parametrize("out", ["s3://pictures/photos/out", "s3://pictures//photos//", "S3://pictures/photos/out"])
def test_an_out_inside_an_input_s_prefix_is_a_wrong_call_however_it_is_spelt(content: str, out: str) -> None:
    given = configs.build({"content": content, "styles": "s3://pictures/styles", "out": out})
    with pytest.raises(UsageError, match="OUT lies in CONTENT"):
        pairing.pairs(given)


def test_a_manifest_keeps_odd_names_and_file_uris(tmp_path: Path) -> None:
    here = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    here.mkdir()
    odd = ["a b.jpg", "quote'\".jpg", "new\nline.jpg", "富士, two.jpg"]
    for name in odd:
        (here / name).write_bytes(name.encode())
    with (here / "list.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([("content_uri", "style_uri"), *((name, (here / name).as_uri()) for name in odd)])
    found = list(manifest.read(str(here / "list.csv")))
    for pair, name in zip(found, odd, strict=True):
        assert read_bytes(pair.content.uri) == read_bytes(pair.style.uri) == name.encode()
        assert pair.content.uri.encode()
        assert pair.style.uri == (here / name).as_uri()


@pytest.mark.parametrize("name", ["gone.csv", "list.txt", "folder.csv"])
def test_a_manifest_that_is_no_such_file_is_a_wrong_call(tmp_path: Path, name: str) -> None:
    (tmp_path / "list.txt").touch()
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError, match="manifest"):
        pairing.count(configs.build({"manifest": str(tmp_path / name), "out": "/out"}))


def test_a_parquet_manifest_that_is_none_is_a_wrong_call(tmp_path: Path) -> None:
    (tmp_path / "list.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(UsageError, match="not a Parquet file"):
        list(pairing.pairs(configs.build({"manifest": str(tmp_path / "list.parquet"), "out": "/out"})))


def test_empty_and_missing_folders_are_wrong_calls(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no images"):
        pairing.count(config((tmp_path / "empty", folders[1])))
    with pytest.raises(UsageError, match="STYLES: no such folder"):
        pairing.count(config((folders[0], tmp_path / "gone")))


def test_pairs_of_an_empty_folder_are_a_wrong_call_without_a_count_before(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for how in ("cross", "zip"):
        with pytest.raises(UsageError, match="no images"):
            pairing.pairs(config((folders[0], tmp_path / "empty"), pairing=how))


@pytest.mark.parametrize("inside", ["content", "content/out", "styles/a/b"])
def test_an_out_inside_an_input_folder_is_a_wrong_call(folders: tuple[Path, Path], tmp_path: Path, inside: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    for out in (tmp_path / inside, tmp_path / "link" / inside):
        for call in (pairing.count, pairing.pairs):
            with pytest.raises(UsageError, match="OUT lies in"):
                call(config(folders, out=str(out)))
    assert pairing.count(config(folders, out=str(tmp_path / "content-out"))) == 8


def test_uneven_folders_under_zip_are_a_wrong_call_while_reading_too(folders: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="fewer artworks"):
        list(pairing.pairs(config(folders, pairing="zip")))


def test_a_type_of_a_name_that_is_no_utf8_can_stand_in_a_row(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"x")
    (one,) = listing.files_in(LocalPath(tmp_path))
    assert one.type == "caf\ufffd"
    assert read_bytes(one.uri) == b"x"
    assert (one.uri + one.type).encode()


def test_a_folder_that_cannot_be_listed_is_skipped_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    for _ in range(2):
        assert [Path(i.uri).name for i in listing.files_in(LocalPath(tmp_path))] == ["a.jpg"]
        assert list(listing.files_in(LocalPath(tmp_path / "gone"))) == []
    assert len(caplog.records) == 1
    assert "skipped" in caplog.text


def test_odd_names_are_listed(tmp_path: Path) -> None:
    odd = ["a b.jpg", "quote'\".JPG", "new\nline.png", "富士.webp", ".hidden.jpg", "text.txt"]
    for name in odd:
        (tmp_path / name).write_bytes(b"x")
    with open(os.path.join(os.fsencode(tmp_path), b"\xff\xfe.jpg"), "wb") as file:  # noqa: PTH118, PTH123 - bytes path
        file.write(b"x")
    found = [i.uri for i in listing.files_in(LocalPath(tmp_path))]
    assert {Path(uri).name for uri in found if not uri.startswith("file:")} == set(odd[:4])
    assert [uri for uri in found if uri.startswith("file:")] == [found_one for found_one in found if "%FF" in found_one]
    assert len(found) == 5


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.jpg").write_bytes(b"x")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert [Path(i.uri).name for i in listing.files_in(LocalPath(tmp_path))] == ["x.jpg"]


def test_links_to_themselves_and_to_nothing_do_not_stop_the_listing(tmp_path: Path) -> None:
    (tmp_path / "me").symlink_to("me")
    (tmp_path / "nothing.jpg").symlink_to("gone.jpg")
    (tmp_path / "x.jpg").write_bytes(b"x")
    found = [(Path(i.uri).name, i.identity == "missing") for i in listing.files_in(LocalPath(tmp_path))]
    assert found == [("nothing.jpg", True), ("x.jpg", False)]


def test_ten_pairs_of_a_huge_cross_list_only_what_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("content", "styles"):
        for number in range(60):
            path = tmp_path / name / f"{number:02}" / "a.jpg"
            path.parent.mkdir(parents=True)
            path.touch()
    listed: list[object] = []
    scandir = os.scandir

    def noted(path: Any) -> Any:
        listed.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noted)
    assert len(list(itertools.islice(pairing.pairs(config((tmp_path / "content", tmp_path / "styles"))), 10))) == 10
    assert len(listed) < 20


def test_listing_is_lazy(folders: tuple[Path, Path]) -> None:
    stream = pairing.pairs(config(folders))
    first = next(stream)
    (folders[0] / "night" / "z.jpg").write_bytes(b"new")
    assert Path(first.content.uri).name == "a.jpg"
    assert any(p.content.uri.endswith("z.jpg") for p in stream)


def test_grouping_by_style_loses_and_doubles_nothing() -> None:
    stream = [Pair(Input(str(n), "1", None), Input(str(n % 7), "1", None)) for n in range(5000)]
    grouped = list(pairing.grouped_by_style(iter(stream)))
    assert Counter(grouped) == Counter(stream)
    changes = sum(a.style != b.style for a, b in itertools.pairwise(grouped))
    assert changes < 50


def key(folders: tuple[Path, Path], weights: str | None = "w", **values: Any) -> str:
    made = config(folders, **values)
    return next(pairing.tasks(pairing.pairs(made), made.result_settings(), weights, made.format)).task_id


def test_a_task_is_the_same_for_the_same_inputs_settings_and_weights(folders: tuple[Path, Path]) -> None:
    first = key(folders)
    assert len(first) == 64
    assert key(folders) == key(folders, actors=7, timeout_s=9, progress="off") == first


@pytest.mark.parametrize("change", [{"seed": 1}, {"precision": "bf16"}, {"settings": {"alpha": 0.5}}, {"quality": 80}])
def test_a_setting_that_decides_the_result_makes_another_task(
    folders: tuple[Path, Path], change: dict[str, Any]
) -> None:
    assert key(folders, **change) != key(folders)


def test_changed_file_or_weights_make_another_task(folders: tuple[Path, Path]) -> None:
    first = key(folders)
    assert key(folders, weights="v") != first
    (folders[0] / "day" / "a.jpg").write_bytes(b"another photo")
    assert key(folders) != first
