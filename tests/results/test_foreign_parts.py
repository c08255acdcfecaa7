"""Part files that a run did not write as they are: damaged ones, and those of another schema."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stylize.errors import CannotContinueError
from stylize.results.schema import SCHEMA
from stylize.results.store import RowStore
from tests.support.numbered_rows import parts, rows, seen, task_id


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"PAR1 not really PAR1"])
def test_a_damaged_part_is_named(tmp_path: Path, damage: bytes) -> None:
    with RowStore.open(tmp_path) as store:
        store.add(rows(range(3)))
    (part,) = parts(tmp_path)
    part.write_bytes(damage)
    with pytest.raises(CannotContinueError, match=part.name) as caught:
        RowStore.open(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_rows_of_another_schema_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    table = pa.table({"task_id": [task_id(0)]}).replace_schema_metadata({"schema_version": "0"})
    pq.write_table(table, tmp_path / "rows" / "old.parquet")
    with pytest.raises(CannotContinueError, match=r"old\.parquet holds rows of schema version 0"):
        RowStore.open(tmp_path)


def test_a_reworded_meaning_is_no_other_schema(tmp_path: Path) -> None:
    fields = [field.with_metadata({"unit": "", "meaning": "said otherwise"}) for field in SCHEMA]
    (tmp_path / "rows").mkdir()
    schema = pa.schema(fields, metadata=SCHEMA.metadata)
    pq.write_table(pa.Table.from_batches([rows(range(2))]).cast(schema), tmp_path / "rows" / "a.parquet")
    with RowStore.open(tmp_path) as store:
        store.add(rows(range(2, 4)))
        store.flush()
        store.compact()
    assert len(seen(tmp_path)) == 4
    assert pq.read_schema(parts(tmp_path)[0]).equals(SCHEMA, check_metadata=False)
