"""What a sweep says of its folders before it measures."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from jobs.benchmark import main
from stylize.errors import UsageError


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
