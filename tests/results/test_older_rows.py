"""Rows of older programs: read as today's, kept by whoever writes to their OUT."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from stylize.errors import UsageError
from stylize.report import frame, summary
from stylize.results.older import FIRST
from stylize.results.read import read_rows
from stylize.results.schema import ADDED, SCHEMA, SCHEMA_VERSION, to_batch
from stylize.results.store import RowStore
from tests.support.made_rows import row, written
from tests.support.numbered_rows import parts
from tests.support.older_rows import make_older

CONFIG = {"content": "/photos", "styles": "/art"}


@pytest.fixture(params=ADDED)
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """OUT of four rows, of the version before these columns came."""
    made = (row(number, photo=f"day/{number}", style="ink/wash") for number in range(4))
    out = written(tmp_path / "out", made, run_id="r", config=CONFIG)
    make_older(out, request.param - 1)
    return out


def test_the_columns_by_version_are_those_of_the_schema() -> None:
    assert {name for names in ADDED.values() for name in names} <= set(SCHEMA.names)
    # A new column that ADDED does not name would be missed in every older OUT, which would be refused.
    assert len(FIRST) == 49, "name a new column in ADDED of stylize/results/schema.py, under one version more"


def test_older_rows_are_read_with_todays_columns(older: Path) -> None:
    table = read_rows(older)
    assert table.schema.equals(SCHEMA)
    assert table["photo"].to_pylist() == [f"day/{number}" for number in range(4)]
    assert set(table["style"].to_pylist()) == {"ink/wash"}
    assert read_rows(older, ["photo"]).column_names == ["photo"]
    assert len(frame.load([older])) == len(summary.load(older)) == 4


def test_a_driver_brings_older_parts_up_to_date_and_adds_to_them(older: Path) -> None:
    with RowStore.open(older) as store:
        assert sum(store.older_rows.values()) == 4
        store.add(to_batch([row(4, photo="day/4")]))
    assert sorted(pd.read_parquet(older / "rows")["photo"]) == [f"day/{number}" for number in range(5)]
    with RowStore.open(older) as store:
        assert not store.older_rows


def test_names_without_a_record_are_the_files(tmp_path: Path) -> None:
    out = written(tmp_path, [row(0)])
    make_older(out, 5)
    assert read_rows(out, ["photo", "style"]).to_pylist() == [{"photo": "0", "style": "wash"}]


@pytest.mark.parametrize("given", ["photos/day", "./photos/day/", "../photos/day", "/home/photos/day"])
def test_names_are_below_folders_that_were_recorded_as_they_were_given(tmp_path: Path, given: str) -> None:
    uris = [f"/home/photos/day/{kind}/a.jpg" for kind in ("cats", "dogs")] + ["/elsewhere/b.jpg"]
    made = [row(n, content_uri=uri) for n, uri in enumerate(uris)]
    out = written(tmp_path, made, run_id="r", config={"content": given, "styles": "."})
    make_older(out, 1)
    assert read_rows(out, ["photo"])["photo"].to_pylist() == ["cats/a", "dogs/a", "b"]
    assert set(read_rows(out, ["style"])["style"].to_pylist()) == {"wash"}


def test_rows_of_a_newer_program_are_read_but_not_written_anew(tmp_path: Path) -> None:
    out = written(tmp_path, [row(0)])
    (part,) = parts(out)
    newer = pq.read_table(part).append_column("mood", [["calm"]])
    pq.write_table(newer.replace_schema_metadata({"schema_version": str(int(SCHEMA_VERSION) + 1)}), part)
    assert read_rows(out, ["photo", "status"])["status"].to_pylist() == ["ok"]
    with pytest.raises(UsageError, match=r"schema version \d+, newer than this program's"):
        RowStore.open(out)
