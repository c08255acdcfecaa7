"""Several jobs, each with a share of the pairs and an OUT of its own, and their rows as one dataset."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow.dataset as ds
import pytest

from jobs import stylize_folder, summarize
from stylize.errors import UsageError, counted
from stylize.results.schema import SCHEMA
from tests.support.main_job import call, plain
from tests.support.worker_here import working_here

WORDS = ("--stylizer", "identity", "--format", "png")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Six photos, two artworks."""
    root = tmp_path_factory.mktemp("in")
    for number in range(6):
        plain(root / "content" / f"{number}.png", (number * 40, 100, 30))
    plain(root / "styles" / "a.png", (10, 10, 10))
    plain(root / "styles" / "b.png", (200, 10, 10))
    return root / "content", root / "styles"


@pytest.fixture(scope="module")
def outs(inputs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The OUTs of two jobs that share the pairs."""
    root = tmp_path_factory.mktemp("out")
    found = []
    for number in (1, 2):
        out = root / f"out-{number}"
        with working_here():
            done = call(stylize_folder.main, *inputs, out, *WORDS, "--shard", f"{number}/2")
        assert done.returncode == 0, done.stderr
        rows = len(pd.read_parquet(out / "rows"))
        assert f"{rows} of {rows} done, 0 not ok" in done.stdout
        found.append(out)
    return found


def test_two_shards_rows_are_one_dataset_with_every_pair_once(outs: list[Path]) -> None:
    dataset = ds.dataset([ds.dataset(out / "rows") for out in outs])
    table = dataset.to_table()
    assert table.schema.names == SCHEMA.names
    assert len(table) == 12
    assert len(set(table["task_id"].to_pylist())) == 12
    uris = zip(table["content_uri"].to_pylist(), table["style_uri"].to_pylist(), strict=True)
    made = Counter((Path(content).name, Path(style).name) for content, style in uris)
    assert made == Counter((f"{n}.png", f"{s}.png") for n in range(6) for s in "ab")
    assert dataset.count_rows(filter=ds.field("status") == "ok") == 12


def test_pandas_reads_two_shards_rows_as_one_frame(outs: list[Path]) -> None:
    files = sorted(outs[0].parent.glob("out-*/rows/*.parquet"))
    for frame in (pd.concat(pd.read_parquet(out / "rows") for out in outs), pd.read_parquet(files)):
        assert len(frame) == frame["task_id"].nunique() == frame["output_uri"].nunique() == 12


def test_a_report_over_two_shards_counts_every_pair(outs: list[Path], tmp_path: Path) -> None:
    assert summarize.main([*map(str, outs), "--out", str(tmp_path / "report")]) == 0
    assert "- 12 rows, 12 ok" in (tmp_path / "report" / "summary.md").read_text()
    assert pd.read_parquet(tmp_path / "report" / "tables.parquet").size


def test_dry_run_counts_the_pairs_and_photos_of_its_shard(
    inputs: tuple[Path, Path], outs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*map(str, inputs), str(outs[0]), *map(str, WORDS), "--shard", "1/2", "--redo", "--dry-run"]
    rows = pd.read_parquet(outs[0] / "rows")
    assert stylize_folder.main(words) == 0
    told = capsys.readouterr().out
    # The folder's name decides which pairs the shard has: it may be one.
    assert f"would restyle {len(rows)} of {counted(len(rows), 'pair')} of shard 1/2 with identity" in told
    assert f"{counted(rows['content_uri'].nunique(), 'photo')}, " in told
    images = counted(len(rows), "image")
    assert f"for {images}, loading not counted, at the pace of OUT's last run ({images} in " in told


def test_another_share_of_the_same_pairs_needs_another_out(inputs: tuple[Path, Path], outs: list[Path]) -> None:
    words = [*map(str, inputs), str(outs[0]), *map(str, WORDS)]
    with pytest.raises(UsageError, match="OUT holds shard 1/2 of these pairs: go on with that, or give another OUT"):
        stylize_folder.main([*words, "--shard", "1/3"])
    assert stylize_folder.main([*words, "--shard", "1/2"]) == 0


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_another_share_needs_another_out_also_after_a_kill(
    dry: tuple[str, ...], inputs: tuple[Path, Path], outs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(outs[0], out)
    record = json.loads((out / "run.json").read_text())
    killed = {name: value for name, value in record.items() if name not in ("counts", "last_row_at", "finished_at")}
    (out / "run.json").write_text(json.dumps(killed))
    with pytest.raises(UsageError, match="OUT holds shard 1/2 of these pairs"):
        stylize_folder.main([*map(str, inputs), str(out), *WORDS, "--shard", "2/2", *dry])


def test_a_shard_without_a_pair_ends_well(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = call(stylize_folder.main, *inputs, out, *WORDS, "--shard", "1/1000000")
    assert done.returncode == 0, done.stderr
    assert "0 ok, 0 not ok" in done.stdout
    assert "--retry-failed" not in done.stdout
    assert len(pd.read_parquet(out / "rows")) == 0
