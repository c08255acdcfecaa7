"""Which checkpoint a training goes on from where the newest, or the list of them, is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from jobs.training.ray_train import LIST, _plain, checkpoint_to_begin_with
from stylize.errors import UsageError

NAMES = ("checkpoint_2026-01-01_10-00-00.1", "checkpoint_2026-01-01_10-00-00.2")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An OUT with two checkpoints, as Ray Train leaves it."""
    for step, name in enumerate(NAMES):
        folder = tmp_path / "checkpoints" / name
        folder.mkdir(parents=True)
        torch.save({"step": step}, folder / "state.pt")
    results = [{"checkpoint_dir_name": name} for name in NAMES]
    (tmp_path / "checkpoints" / LIST).write_text(json.dumps({"checkpoint_results": results}))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "compact.safetensors").touch()
    return tmp_path


def state(out: Path, number: int) -> Path:
    return out / "checkpoints" / NAMES[number] / "state.pt"


def test_what_ray_train_finds_is_left_to_it(out: Path) -> None:
    assert checkpoint_to_begin_with(out, pytest.fail) is None
    assert (out / "checkpoints" / LIST).exists()


@pytest.mark.parametrize("left", [b"", b"PK\x03\x04", None], ids=["empty", "cut", "gone"])
def test_the_one_before_a_damaged_newest_is_gone_on_from_and_told(out: Path, left: bytes | None) -> None:
    newest = state(out, 1)
    newest.unlink() if left is None else newest.write_bytes(left)
    told: list[str] = []
    assert checkpoint_to_begin_with(out, told.append) == state(out, 0)
    assert told == [f"{newest} cannot be read: going on from {state(out, 0)}"]
    assert not (out / "checkpoints" / LIST).exists()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"checkpoint_results": [{}]}', '{"checkpoint_results": [{"checkpoint_dir_name": 3}]}', "3"]
)
def test_checkpoints_are_found_without_a_readable_list(out: Path, text: str) -> None:
    (out / "checkpoints" / LIST).write_text(text)
    told: list[str] = []
    assert checkpoint_to_begin_with(out, told.append) == state(out, 1)
    assert "cannot be read: going on from" in told[0]


def test_an_older_one_that_is_gone_does_not_keep_the_newest_from_use(out: Path) -> None:
    state(out, 0).unlink()
    state(out, 0).parent.rmdir()
    assert checkpoint_to_begin_with(out, lambda line: None) == state(out, 1)


def test_where_none_can_be_read_the_way_to_the_weights_is_told(out: Path) -> None:
    for number in (0, 1):
        state(out, number).write_bytes(b"")
    with pytest.raises(UsageError, match=r"an empty file.*begin in another OUT: --start-from and a file of .*weights"):
        checkpoint_to_begin_with(out, pytest.fail)


def test_weights_without_a_checkpoint_are_not_written_over_without_a_word(out: Path, tmp_path: Path) -> None:
    (out / "checkpoints").rename(tmp_path / "elsewhere")
    told: list[str] = []
    assert checkpoint_to_begin_with(out, told.append) is None
    assert "beginning at step 1, and writing over the weights in" in told[0]
    told.clear()
    assert checkpoint_to_begin_with(tmp_path / "new", told.append) is None
    assert not told


def test_of_ray_trains_own_errors_the_last_line_is_told() -> None:
    error = RuntimeError("Training failed due to controller error:\n  File x.py\nOSError: No space left on device\n")
    told = "training stopped: OSError: No space left on device; put that right, then the same command resumes"
    assert str(_plain(error)) == told
    assert "training stopped: RuntimeError; " in str(_plain(RuntimeError()))
