"""Wrong calls of `jobs.replay`."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylize.errors import UsageError
from tests.jobs.replay.test_replay import a_row, kept, main, out

__all__ = ["kept", "out"]


@pytest.mark.parametrize("option", ["--content", "--style"])
def test_a_file_that_is_given_and_not_there_is_a_wrong_call(
    out: Path, tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = a_row(out)
    for path, why in ((tmp_path / "gone.png", "no such file"), (tmp_path, "is no file"), ("", "expected a path")):
        with pytest.raises(UsageError, match=f"^{option}: .*{why}"):
            main([str(out), row["task_id"], option, str(path)])
    with pytest.raises(UsageError, match="weights: expected a path"):
        main([str(out), row["task_id"], "--weights", ""])
    there = Path(row["content_uri" if option == "--content" else "style_uri"])
    monkeypatch.setenv("HOME", str(there.parent))
    assert main([str(out), row["task_id"], option, f"~/{there.name}"]) == 0


def test_another_method_than_the_rows_is_a_wrong_call(out: Path) -> None:
    with pytest.raises(UsageError, match="--stylizer identity: the row's is compact; leave it out"):
        main([str(out), a_row(out)["task_id"], "--stylizer", "identity"])
    assert main([str(out), a_row(out)["task_id"], "--stylizer", "compact"]) == 0


def test_an_unknown_task_or_folder_is_a_wrong_call(out: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no row of task_id 'abcdef'"):
        main([str(out), "abcdef"])
    with pytest.raises(UsageError, match="give more digits"):
        main([str(out), ""])
    with pytest.raises(UsageError, match="no rows folder"):
        main([str(tmp_path), "abc"])
