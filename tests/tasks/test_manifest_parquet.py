"""A list in Parquet is read as a CSV of the same values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stylize.errors import UsageError
from stylize.tasks import manifest, pairing
from stylize.tasks.task import Pair


def pairs(folder: Path, **columns: Any) -> list[Pair]:
    pq.write_table(pa.table({"content_uri": ["a.jpg"], "style_uri": ["s.jpg"]} | columns), folder / "list.parquet")
    return list(manifest.read(str(folder / "list.parquet")))


@pytest.mark.parametrize("given", [[b"a.jpg"], [" a.jpg "], pa.array(["a.jpg"]).dictionary_encode()])
def test_names_are_texts_without_spaces_around_them(tmp_path: Path, given: Any) -> None:
    (tmp_path / "a.jpg").touch()
    (pair,) = pairs(tmp_path, content_uri=given)
    assert (pair.content.uri, pair.problem) == (str(tmp_path / "a.jpg"), None)


@pytest.mark.parametrize(
    ("given", "type_"), [(0, "0"), (2, "2"), (False, "False"), (float("nan"), None), (None, None), ("", None)]
)
def test_zero_is_a_type_and_nan_is_none(tmp_path: Path, given: Any, type_: str | None) -> None:
    (pair,) = pairs(tmp_path, content_type=[given])
    assert pair.content.type == type_


def test_a_name_that_is_nan_is_missing(tmp_path: Path) -> None:
    (pair,) = pairs(tmp_path, content_uri=[float("nan")])
    assert "has no content_uri" in str(pair.problem)


@pytest.mark.parametrize("given", [[["a.jpg"]], [{"path": "a.jpg", "bytes": b"x"}]])
def test_a_column_of_lists_or_records_is_a_wrong_call(tmp_path: Path, given: Any) -> None:
    with pytest.raises(UsageError, match=r"its column content_uri is of type .*; give it as text"):
        pairs(tmp_path, content_uri=given)


def test_a_folder_in_place_of_a_photo_is_known_before_a_run(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    (pair,) = pairs(tmp_path)
    assert str(pair.problem).endswith(f"list.parquet: row 1: a folder, not a file: {tmp_path}/a.jpg")
    (pair,) = pairs(tmp_path, content_uri=["/dev/null"])
    assert str(pair.problem).endswith("row 1: a device or pipe, not a file: /dev/null")


@pytest.mark.parametrize("listed", [["s.jpg", "t.jpg"], [b"s.jpg", b" t.jpg"]])
def test_artworks_and_shares_may_be_lists(tmp_path: Path, listed: list[Any]) -> None:
    (pair,) = pairs(tmp_path, style_uri=["s.jpg"], style_uris=[listed], style_weights=[[1.0, 3.0]])
    assert ([Path(one.uri).name for one in pair.styles], pair.shares) == (["s.jpg", "t.jpg"], (1.0, 3.0))


def test_a_share_that_is_nan_is_told_as_it_stands(tmp_path: Path) -> None:
    (pair,) = pairs(tmp_path, style_uris=[["s.jpg", "t.jpg"]], style_weights=[[1.0, float("nan")]])
    assert str(pair.problem).endswith("row 1: style_weights: expected a number, got 'nan'")


@pytest.mark.parametrize("column", ["content_uri", "style_uri"])
def test_a_key_that_is_no_utf_8_costs_its_row(tmp_path: Path, column: str) -> None:
    (pair,) = pairs(tmp_path, **{column: [b"s3://b/\xff.jpg"]})
    assert str(pair.problem).endswith(r"row 1: 's3://b/\udcff.jpg': no key: not UTF-8")
    (task,) = pairing.tasks(pairing.in_shard(iter([pair]), "1/1"), {"settings": {}}, None, "jpg")
    assert all(one.uri.encode() for one in task.pair.inputs)


def test_a_type_that_is_no_utf_8_is_written_with_escapes(tmp_path: Path) -> None:
    (pair,) = pairs(tmp_path, content_type=[b"caf\xe9"])
    assert (pair.content.type, pair.problem) == (r"caf\udce9", None)
