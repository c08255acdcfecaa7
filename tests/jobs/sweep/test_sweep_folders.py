"""What a sweep says of its folders before it measures."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from jobs.benchmark import main
from jobs.sweep import inputs
from jobs.sweep.resolve import resolve, with_paths
from stylize import images
from stylize.errors import UsageError
from stylize.pipeline.failures import task_columns
from stylize.tasks import sweep
from stylize.tasks.sweep import Sweep
from tests.support.samples import picture


def test_a_sweep_says_what_it_leaves_out_of_its_folders(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders[0] / "notes.txt").write_text("who and where")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no picture")
    plan = {"title": "t", "methods": [{"name": "identity"}], "cpus_per_actor": 1, "device": "cpu"}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(plan | {"styles": str(folders[1])}))
    words = [str(tmp_path / "sweep.yaml"), str(tmp_path / "out"), "--dry-run", "--content"]
    assert main([*words, str(folders[0])]) == 0
    assert "CONTENT: 1 skipped: 1 .txt (no image)" in capsys.readouterr().out
    with pytest.raises(UsageError, match=r"texts: no images in this folder; 1 skipped: 1 .txt \(no image\)"):
        main([*words, str(tmp_path / "texts")])


def test_photos_and_artworks_are_called_by_their_paths_below_the_sweeps_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photos/day/1.jpg", "photos/night/1.jpg", "art/ink/1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(images.encode(picture(1, 48, 32), "jpg", 90))
    where = {"content": "photos", "styles": "art"}
    plan = {"title": "t", "methods": [{"name": "identity"}], "cpus_per_actor": 1, "device": "cpu", "repeats": 1}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(plan | where))
    resolved = resolve(with_paths(sweep.read(tmp_path / "sweep.yaml", {}), []), str(tmp_path / "out"), None)
    pairs, _ = inputs.inputs(resolved.plan, inputs.Own("", ""))
    (config,) = resolved.configs.values()
    rows = [task_columns(config, one) for one in resolved.tasks(resolved.blocks[0], pairs)]
    assert {(row["photo"], row["style"]) for row in rows} == {("day/1", "ink/1"), ("night/1", "ink/1")}


@pytest.mark.parametrize(
    ("count", "artworks"), [(1, "0"), (2, "03"), (3, "024"), (4, "0234"), (5, "01234"), (9, "01234")]
)
def test_few_photos_are_of_each_type_and_few_artworks_from_all_over(tmp_path: Path, count: int, artworks: str) -> None:
    for name in ("photos/day/a", "photos/day/b", "photos/day/c", "photos/night/d", *(f"art/{n}" for n in range(5))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.png").write_bytes(images.encode(picture(1), "png", 95))
    given = {"title": "x", "methods": [{"name": "identity"}], "photos_per_type": 2, "artworks": count}
    plan = Sweep.model_validate(given | {"content": str(tmp_path / "photos"), "styles": str(tmp_path / "art")})
    pairs, survey = inputs.inputs(plan, inputs.Own("", ""))
    names = [(Path(pair.content.uri).stem, Path(pair.style.uri).stem) for pair in pairs]
    assert names == [(photo, artwork) for artwork in artworks for photo in "abd"]
    assert survey.pairs == len(names)


@pytest.mark.parametrize("own", [True, False])
def test_the_line_of_the_report_trusts_no_paths_where_all_lies_in_out(
    own: bool, folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("jobs.sweep.measure.measure", lambda *_, **more: {"ok": 1})
    plan = {"title": "t", "methods": [{"name": "identity"}], "cpus_per_actor": 1, "device": "cpu"}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(plan if own else plan | {"content": str(folders[0])}))
    assert main([str(tmp_path / "sweep.yaml"), str(tmp_path / "out")]) == 0
    (line,) = (one for one in capsys.readouterr().out.splitlines() if one.startswith("report:"))
    assert line.endswith("--out REPORT" if own else "--out REPORT --trust-paths")
