"""The main job on a manifest whose rows have settings of their own: what it says, records and does again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs import stylize_folder
from stylize.results.read import read_rows

HEADER = "content_uri,style_uri,style_uris,alpha,notes\n"
MIX = "content/day/a.jpg,,styles/ink/wash.jpg|styles/oil/sea.jpg,,\n"


@pytest.fixture
def call(folders: tuple[Path, Path], tmp_path: Path) -> dict[str, Any]:
    """Settings of a job with a list beside the folders."""
    named = {"manifest": tmp_path / "list.csv", "out": tmp_path / "out"}
    return named | {"precision": "fp32", "actors": 1, "resolution_px": 32}


def write(call: dict[str, Any], *alphas: str) -> None:
    rows = [f"content/day/b.png,styles/ink/wash.jpg,,{alpha},\n" for alpha in alphas]
    call["manifest"].write_text(HEADER + MIX + "".join(rows))


@pytest.mark.usefixtures("worker_here")
def test_a_changed_row_is_done_alone_and_a_mended_ones_old_row_goes(call: dict[str, Any]) -> None:
    write(call, "0.5", "lots")
    first = stylize_folder.run(**call)
    assert first.counts == {"ok": 2, "corrupt": 1}
    record = json.loads((call["out"] / "run.json").read_text())
    assert record["notes"][:3] == [
        "manifest: column not used: notes",
        "manifest: rows have their own style_uris, alpha",
        "manifest: 1 row cannot be used (row 1 is below the header): row 3: alpha: expected a number, got 'lots'",
    ]
    write(call, "0.25", "0.75")
    second = stylize_folder.run(**call)
    assert second.counts == {"ok": 3}
    rows = second.rows()
    made = rows[rows["run_id"] == second.run_id]
    assert sorted(made["alpha"]) == [0.25, 0.75]
    # That of 0.5 stays, as do results of a run's other settings; the bad row is gone.
    assert sorted(rows["alpha"]) == [0.25, 0.5, 0.75, 1.0]
    assert set(rows["status"]) == {"ok"}
    assert rows["output_uri"].is_unique
    again = stylize_folder.run(**call)
    assert set(again.rows()["run_id"]) == {first.run_id, second.run_id}


def test_a_dry_run_says_what_a_list_has_that_is_not_used_and_how_a_mix_is_made(
    call: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    write(call, "lots", "0.5")
    words = ["--manifest", str(call["manifest"]), str(call["out"]), "--dry-run"]
    assert stylize_folder.main(words) == 0
    told = capsys.readouterr().out
    assert "manifest: column not used: notes" in told
    assert "manifest: rows have their own style_uris, alpha" in told
    assert "manifest: 1 row cannot be used (row 1 is below the header): row 2: alpha" in told
    assert told.startswith("would restyle 2 of 3 pairs with")
    assert "1 pair cannot be used, and would have rows that say why" in told
    assert "2 photos," in told
    folder = call["manifest"].parent
    assert f"a.jpg  x  {folder}/styles/ink/wash.jpg + {folder}/styles/oil/sea.jpg" in told
    assert stylize_folder.main([*words, "--progress", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"][0] == "manifest: column not used: notes"


@pytest.mark.usefixtures("worker_here")
def test_settings_and_a_touched_file_of_a_rows_own_pair_agree(call: dict[str, Any], folders: tuple[Path, Path]) -> None:
    write(call, "0.5", "1")
    first = stylize_folder.run(**call)
    for path in (folders[0] / "day" / "b.png", folders[1] / "oil" / "sea.jpg"):
        path.touch()
    again = stylize_folder.run(**call)
    assert again.counts == {"ok": 3}
    assert {row["run_id"] for row in read_rows(call["out"]).to_pylist()} == {first.run_id}


@pytest.mark.usefixtures("worker_here")
def test_a_bad_row_beside_a_good_one_of_its_pair_is_a_row_of_its_own(call: dict[str, Any]) -> None:
    write(call, "lots", "")
    first = stylize_folder.run(**call)
    assert first.counts == {"ok": 2, "corrupt": 1}
    write(call, "lots", "", "many")
    second = stylize_folder.run(**call, retry_failed=True)
    assert second.counts == {"ok": 2, "corrupt": 2}
    rows = second.rows()
    assert [Path(uri).name for uri in rows["content_uri"]].count("b.png") == 3
    said = "alpha: expected a number, got"
    assert sorted(rows["error"].dropna()) == [
        f"{call['manifest']}: row 2: {said} 'lots'",
        f"{call['manifest']}: row 4: {said} 'many'",
    ]
    write(call, "0.5", "")
    assert stylize_folder.run(**call).counts == {"ok": 3}
