"""Rows of older programs: read as today's, kept by whoever writes to their OUT."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from jobs import stylize_folder
from jobs.run.resolve import resolve
from jobs.stylize_folder import main
from stylize.errors import UsageError
from stylize.report import frame, summary
from stylize.results.older import ADDED
from stylize.results.read import read_rows
from stylize.results.schema import SCHEMA, SCHEMA_VERSION, Row, to_batch
from stylize.results.store import RowStore
from tests.support.made_rows import row, written
from tests.support.main_job import call
from tests.support.numbered_rows import parts
from tests.support.older_rows import make_older

CONFIG = {"content": "/photos", "styles": "/art"}


@pytest.fixture(params=ADDED)
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """OUT of four rows, of the version before these columns came."""
    out = written(tmp_path / "out", map(row, range(4)), run_id="r", config=CONFIG)
    make_older(out, request.param - 1)
    return out


def test_the_columns_by_version_are_those_of_the_schema() -> None:
    assert str(max(ADDED)) == SCHEMA_VERSION
    assert {name for names in ADDED.values() for name in names} <= set(SCHEMA.names)


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


def test_rows_of_a_newer_program_are_read_but_not_written_anew(tmp_path: Path) -> None:
    out = written(tmp_path, [row(0)])
    (part,) = parts(out)
    newer = pq.read_table(part).append_column("mood", [["calm"]])
    pq.write_table(newer.replace_schema_metadata({"schema_version": "9"}), part)
    assert read_rows(out, ["photo", "status"])["status"].to_pylist() == ["ok"]
    with pytest.raises(UsageError, match="schema version 9, newer than this program's"):
        RowStore.open(out)


def older_out(asked: dict[str, Any], version: int, **changes: Any) -> list[Row]:
    """Leave in OUT what an older program made of the call, and return its rows."""
    config, out = resolve(asked, print), Path(asked["out"])
    made = []
    for number, task in enumerate(config.tasks(config.pairs())):
        picture = out / "images" / f"{task.task_id[:16]}.jpg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(b"made long ago")
        uris = {"content_uri": task.pair.content.uri, "style_uri": task.pair.style.uri, "output_uri": str(picture)}
        settings = json.dumps(config.job.result_settings() | changes)
        made.append(row(number, **uris, task_id=task.task_id, settings_json=settings, stylizer="identity"))
    written(out, made, run_id="r", config=config.job.model_dump())
    make_older(out, version)
    return made


@pytest.mark.parametrize("version", [1, 4])
def test_an_older_out_resumes(folders: tuple[Path, Path], tmp_path: Path, version: int) -> None:
    content, styles, out = (str(path) for path in (*folders, tmp_path / "out"))
    asked: dict[str, Any] = {"content": content, "styles": styles, "out": out, "stylizer": "identity"}
    made = older_out(asked, version)
    result = stylize_folder.run(**asked)
    assert result.counts == {"ok": len(made)}
    rows = result.rows().set_index("task_id")
    assert {one["task_id"]: one["output_uri"] for one in made} == rows["output_uri"].to_dict()


def test_older_rows_that_do_not_count_are_told(folders: tuple[Path, Path], tmp_path: Path) -> None:
    words = [*map(str, folders), str(tmp_path / "out")]
    asked = dict(zip(("content", "styles", "out"), words, strict=True)) | {"stylizer": "identity"}
    made = older_out(asked, 1, precision="fp32")
    told = call(main, *words, "--stylizer", "identity").stdout.splitlines()[0]
    assert told.startswith(f"the {len(made)} rows of an older version (schema 1) stay, and their results")
    assert told.endswith(f"new ones come beside them: {len(made)} with precision fp32")
