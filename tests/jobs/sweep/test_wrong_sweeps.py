"""Sweeps that would pass over what was asked for are wrong calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.benchmark import main
from stylize.errors import UsageError


def test_another_runs_rows_are_for_a_dry_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--from goes with --dry-run"):
        main(["quick", str(tmp_path / "out"), "--from", str(tmp_path)])
    with pytest.raises(UsageError, match="nowhere holds no rows folder: give the OUT of a run"):
        main(["quick", str(tmp_path / "out"), "--dry-run", "--from", str(tmp_path / "nowhere")])
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_a_variant_would_pass_over_is_named_with_it(tmp_path: Path) -> None:
    (tmp_path / "layout.yaml").write_text(
        "title: t\nmethods: [{name: compact, settings: {channels_last: false}}]\nprecisions: [fp32, int8]\n"
    )
    with pytest.raises(UsageError, match=r"^compact \(channels_last=False\) int8 .*: channels_last=false is for torch"):
        main([str(tmp_path / "layout.yaml"), str(tmp_path / "out"), "--dry-run"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_workers_that_find_no_room_are_told_as_such_before_out_is_made(tmp_path: Path, dry: list[str]) -> None:
    (tmp_path / "many.yaml").write_text(
        "title: t\nmethods: [{name: identity}]\nmode: throughput\nworkers: [1, 9000]\ncpus_per_actor: 2\n"
    )
    told = "has 18000 CPU and 0 GPU for 9000 workers .*; lower workers or cpus_per_actor or gpus_per_actor"
    with pytest.raises(UsageError, match=told):
        main([str(tmp_path / "many.yaml"), str(tmp_path / "out"), *dry])
    assert not (tmp_path / "out").exists()


def test_an_out_below_a_file_is_a_wrong_call(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match=r"^OUT: .*notes\.txt is a file; give a folder$"):
        main(["quick", str(tmp_path / "notes.txt" / "out"), "--dry-run"])


@pytest.mark.parametrize("name", ["content", "styles", "perceptual"])
@pytest.mark.parametrize("by_option", [True, False])
def test_an_empty_path_is_no_path(tmp_path: Path, name: str, by_option: bool) -> None:
    key = "" if by_option else f"{name}: ''\n"
    (tmp_path / "s.yaml").write_text(f"title: t\nmethods: [{{name: identity}}]\n{key}")
    options = [f"--{name}", ""] if by_option else []
    with pytest.raises(UsageError, match=f"{name}: expected a text that is not empty"):
        main([str(tmp_path / "s.yaml"), str(tmp_path / "out"), "--dry-run", *options])
