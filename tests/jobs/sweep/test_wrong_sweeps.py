"""Sweeps that would pass over what was asked for are wrong calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.benchmark import main
from stylize.errors import UsageError


def test_another_runs_rows_are_for_a_dry_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--from goes with --dry-run"):
        main(["quick", str(tmp_path / "out"), "--from", str(tmp_path)])
    for there, said in ((str(tmp_path / "nowhere"), "nowhere is not there: give the OUT of a run"), ("", "empty text")):
        with pytest.raises(UsageError, match=said):
            main(["quick", str(tmp_path / "out"), "--dry-run", "--from", there])
    for option in ("--content", "--styles", "--perceptual"):
        with pytest.raises(UsageError, match=f"^{option}: expected a text that is not empty"):
            main(["quick", str(tmp_path / "out"), option, ""])
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_a_variant_would_pass_over_is_named_with_it(tmp_path: Path) -> None:
    (tmp_path / "layout.yaml").write_text(
        "title: t\nmethods: [{name: compact, settings: {channels_last: false}}]\nprecisions: [fp32, int8]\n"
    )
    with pytest.raises(
        UsageError, match=r"layout\.yaml: compact \(channels_last=False\) int8 .*: channels_last=false is for torch"
    ):
        main([str(tmp_path / "layout.yaml"), str(tmp_path / "out"), "--dry-run"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("method", "more", "told"),
    [
        (
            "name: compact, settings: {alpha: 7}",
            "",
            "compact (alpha=7) auto 64 px x1: compact: alpha: expected 1 or less",
        ),
        ("name: kompact", "", "kompact auto 64 px x1: unknown stylizer 'kompact'; did you mean compact?"),
        ("name: compact, weights: /none", "", "compact auto 64 px x1: /none: no such file or directory"),
        ("name: compact, weights: 's3x://a'", "", "methods: weights of compact: s3x:// is not supported"),
        ("name: identity}, {name: identity, settings: {}, weights: a", "", "the sweep calls two methods 'identity'"),
        ("name: identity", "styles: s3x://a", "styles: s3x:// is not supported"),
        ("name: identity", "styles: /none", "styles: no such folder: /none"),
        ("name: identity, weights: ''", "", "methods.0.weights: expected a text that is not empty"),
        ("name: identity", "gpus_per_actor: 1.5", "gpus_per_actor: give 0, a fraction"),
        ("name: identity", "workers: [1, 1e9]\nmode: throughput", "workers.1: expected 10000 or less (got 1000000000"),
    ],
)
def test_what_is_wrong_is_told_with_the_sweeps_file_and_the_variant(
    tmp_path: Path, method: str, more: str, told: str
) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(f"title: t\nmethods: [{{{method}}}]\nresolutions_px: [64]\n{more}\n")
    with pytest.raises(UsageError) as refused:
        main([str(file), str(tmp_path / "out"), "--dry-run"])
    assert str(refused.value).startswith(f"{file}: {told}")


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_workers_that_find_no_room_are_told_as_such_before_out_is_made(tmp_path: Path, dry: list[str]) -> None:
    (tmp_path / "many.yaml").write_text(
        "title: t\nmethods: [{name: identity}]\nmode: throughput\nworkers: [1, 9000]\ncpus_per_actor: 2\n"
    )
    told = "has 18000 CPU and 0 GPU for 9000 workers .*; lower workers or cpus_per_actor or gpus_per_actor"
    with pytest.raises(UsageError, match=told):
        main([str(tmp_path / "many.yaml"), str(tmp_path / "out"), *dry])
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_what_it_would_download_and_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("stylize.backbones.cached_file", lambda name: tmp_path / f"{name}-1.pth")
    (tmp_path / "s.yaml").write_text("title: t\nmethods: [{name: gatys}, {name: gatys, settings: {iterations: 9}}]\n")
    assert main([str(tmp_path / "s.yaml"), str(tmp_path / "out"), "--dry-run"]) == 0
    assert capsys.readouterr().out.count("vgg19's weights, vgg19-1.pth, would be downloaded\n") == 1


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


def test_a_dry_run_refuses_a_record_that_the_run_would_refuse(folders: tuple[Path, Path], tmp_path: Path) -> None:
    given = f"content: {folders[0]}\nstyles: {folders[1]}\n"
    (tmp_path / "s.yaml").write_text(f"title: t\nmethods: [{{name: identity}}]\n{given}")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.json").write_text("[")
    with pytest.raises(UsageError, match=r"run\.json is not the record of a run"):
        main([str(tmp_path / "s.yaml"), str(tmp_path / "out"), "--dry-run"])
