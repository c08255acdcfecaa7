"""A run into an OUT that an older program has written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jobs import stylize_folder
from jobs.run.resolve import resolve
from jobs.stylize_folder import main
from stylize.results.parts import part_paths
from stylize.results.schema import Row
from tests.support.made_rows import row, written
from tests.support.main_job import call, refused
from tests.support.older_rows import make_older


def older_out(asked: dict[str, Any], version: int, **changes: Any) -> list[Row]:
    """Leave in OUT what an older program made of the call, and return its rows."""
    config, out = resolve(asked), Path(asked["out"])
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


def test_older_rows_that_do_not_count_are_told(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*map(str, folders), str(tmp_path / "out")]
    asked = dict(zip(("content", "styles", "out"), words, strict=True)) | {"stylizer": "identity"}
    made = older_out(asked, 1, precision="fp32")
    assert main([*words, "--stylizer", "identity", "--dry-run"]) == 0
    foretold = capsys.readouterr().out.splitlines()
    told = call(main, *words, "--stylizer", "identity").stdout.splitlines()[0]
    assert told.startswith(f"{len(made)} rows of an older version (schema 1) stay, with the results")
    assert told.endswith(f"new ones come beside them: {len(made)} with precision fp32")
    assert told in foretold


def test_a_dry_run_refuses_a_newer_out_as_the_run_does(folders: tuple[Path, Path], tmp_path: Path) -> None:
    words = [*map(str, folders), str(tmp_path / "out")]
    asked = dict(zip(("content", "styles", "out"), words, strict=True)) | {"stylizer": "identity"}
    older_out(asked, 14)
    for part in part_paths(tmp_path / "out" / "rows"):
        newer = pq.read_table(part)
        pq.write_table(newer.append_column("mood", [["calm"] * len(newer)]), part)
    for more in ((), ("--dry-run",)):
        assert "newer than this program's" in refused(main, *words, "--stylizer", "identity", *more)
