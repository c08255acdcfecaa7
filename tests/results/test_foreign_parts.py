"""Part files that a run did not write as they are: damaged ones, and those of another schema."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stylize.errors import UsageError
from stylize.results import compaction
from stylize.results.read import read_rows
from stylize.results.schema import SCHEMA
from stylize.results.store import RowStore
from tests.support.numbered_rows import parts, rows, seen, task_id


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"PAR1 not really PAR1"])
def test_a_damaged_part_is_named(tmp_path: Path, damage: bytes) -> None:
    with RowStore.open(tmp_path) as store:
        store.add(rows(range(3)))
    (part,) = parts(tmp_path)
    part.write_bytes(damage)
    with pytest.raises(UsageError, match=part.name) as caught:
        RowStore.open(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_rows_of_another_schema_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    table = pa.table({"task_id": [task_id(0)]}).replace_schema_metadata({"schema_version": "0"})
    pq.write_table(table, tmp_path / "rows" / "old.parquet")
    with pytest.raises(UsageError, match=r"old\.parquet holds rows of schema version 0"):
        RowStore.open(tmp_path)


def _table(**changes: pa.Array | None) -> pa.Table:
    table = pa.Table.from_batches([rows(range(1))])
    for name, column in changes.items():
        place = table.column_names.index(name)
        table = table.remove_column(place) if column is None else table.set_column(place, name, column)
    return table


def _text(data: bytes) -> pa.Array:
    return pa.array([data], pa.binary()).view(pa.string())


def _settings(text: str) -> pa.Table:
    return _table(settings_json=pa.array([text]))


SHAPES: dict[str, tuple[pa.Table | bytes, str]] = {
    "an empty file": (b"", "0 bytes"),
    "not Parquet": (b"run_id,task_id\n1,2\n" * 9, "magic bytes"),
    "no task_id": (_table(task_id=None), "(no column task_id"),
    "no status": (_table(status=None), "(no column status"),
    "a null status": (_table(status=pa.array([None], pa.string())), "a row has no status"),
    "a number for a task_id": (_table(task_id=pa.array([7])), "task_id as int64, not string"),
    "a short task_id": (_table(task_id=pa.array(["ab"])), "64 hexadecimal digits"),
    "a column that came later, of another type": (_table(photo=pa.array([7])), "photo as int64, not string"),
    "two of one column": (_table().append_column("ssim", _table()["ssim"]), "(column ssim twice"),
    "nested lists": (_table(content_uri=pa.array([[["x"]]])), "content_uri as list"),
    "a text for a time": (_table(stylize_s=pa.array(["soon"])), "stylize_s as string, not double"),
    "no UTF-8": (_table(content_uri=_text(b"\xff\xfe")), "Invalid UTF8"),
    "a time without a date": (_table(started_at=pa.array([2**62], pa.timestamp("us", "UTC"))), "no time"),
    "settings that are no JSON": (_settings("{alpha"), "settings_json: Expecting"),
    "settings that are a list": (_settings("[1, 2]"), "settings_json: expected names with values"),
    "settings of the wrong type": (_settings('{"settings": 7}'), "settings_json: settings: expected names with values"),
    "a method that is a number": (_settings('{"stylizer": 7}'), "settings_json: stylizer: expected a text"),
    "settings nested deep": (_settings("[" * 50_000), "settings_json: nested more than 20 deep"),
    "huge settings": (_settings('"' + "x" * 200_000 + '"'), "settings_json: over 100000 characters"),
    "artworks that are one text": (_table(style_uris=pa.array(['"a.jpg"'])), "style_uris: no list"),
    "weights that are texts": (_table(style_weights=pa.array(['["1"]'])), "style_weights: no list"),
    "a number of 9,999 digits": (_settings('{"seed": ' + "9" * 9_999 + "}"), "settings_json: Exceeds the limit"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_rows_of_any_shape_are_one_line(tmp_path: Path, name: str) -> None:
    made, said = SHAPES[name]
    part = tmp_path / "rows" / "part.parquet"
    part.parent.mkdir()
    if isinstance(made, bytes):
        part.write_bytes(made)
    else:
        pq.write_table(made, part, compression="zstd")
    with pytest.raises(UsageError, match=r"part\.parquet (cannot be read|holds rows of)") as caught:
        read_rows(tmp_path)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600


def test_more_rows_than_bytes_are_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    pq.write_table(_table().take(pa.array([0] * 100_000)), tmp_path / "rows" / "part.parquet", compression="zstd")
    with pytest.raises(UsageError, match="too small a file for so many rows"):
        read_rows(tmp_path)


def test_a_version_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    table = _table(status=None).replace_schema_metadata({"schema_version": b"\xff\x1b[31m" * 99})
    pq.write_table(table, tmp_path / "rows" / "a.parquet")
    with pytest.raises(UsageError, match="schema version") as caught:
        RowStore.open(tmp_path)
    assert str(caught.value).isprintable()


def test_a_reworded_meaning_is_no_other_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MANY_PARTS", 2)
    fields = [field.with_metadata({"unit": "", "meaning": "said otherwise"}) for field in SCHEMA]
    (tmp_path / "rows").mkdir()
    schema = pa.schema(fields, metadata=SCHEMA.metadata)
    pq.write_table(pa.Table.from_batches([rows(range(2))]).cast(schema), tmp_path / "rows" / "a.parquet")
    with RowStore.open(tmp_path) as store:
        store.add(rows(range(2, 4)))
    assert len(seen(tmp_path)) == 4
    assert pq.read_schema(parts(tmp_path)[0]).equals(SCHEMA, check_metadata=False)
