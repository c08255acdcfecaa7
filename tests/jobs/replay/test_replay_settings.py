"""`jobs.replay` of rows whose run had settings that decide what is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs import replay, stylize_folder
from stylize import images
from tests.support.samples import picture


def test_a_photo_that_was_cut_is_accepted_again(
    worker_here: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = images.encode(picture(1), "jpg", 95)
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) * 2 // 3])
    (tmp_path / "style.png").write_bytes(images.encode(picture(2), "png", 95))
    given: dict[str, Any] = {"content": tmp_path / "cut.jpg", "styles": tmp_path / "style.png", "out": tmp_path / "out"}
    result = stylize_folder.run(**given, stylizer="identity", truncated="accept")
    assert result.counts == {"ok": 1}
    assert replay.main([str(tmp_path / "out"), result.rows()["task_id"].item(), "--trust-paths"]) == 0
    assert "image: the same bytes" in capsys.readouterr().out
