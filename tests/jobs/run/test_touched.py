"""Which row stands for a task whose files have new times, and which results are still there."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from jobs.run.pictures import everything, pictures_in
from jobs.run.touched import TouchedFiles
from stylize.config import JobConfig
from stylize.results.read import read_rows
from stylize.results.schema import key_of
from stylize.tasks import pairing
from stylize.tasks.task import Task
from tests.support.samples import finished_run


@pytest.fixture
def config(folders: tuple[Path, Path], tmp_path: Path) -> JobConfig:
    """That of a finished run of eight tasks."""
    finished_run(*folders, tmp_path / "out")
    return JobConfig(content=str(folders[0]), styles=str(folders[1]), out=str(tmp_path / "out"), stylizer="identity")


def tasks(config: JobConfig) -> list[Task]:
    return list(pairing.tasks(pairing.pairs(config), config.result_settings(), None, config.format))


def touched(config: JobConfig, weights_sha256: str | None = None) -> TouchedFiles:
    rows = read_rows(Path(config.out)).to_batches()
    return TouchedFiles(lambda: rows, config, weights_sha256, lambda key: True)


def test_a_row_stands_for_a_task_of_the_same_bytes_settings_and_weights(config: JobConfig) -> None:
    before = {(task.pair.content.uri, task.pair.style.uri): task.task_id for task in tasks(config)}
    photo = Path(tasks(config)[0].pair.content.uri)
    os.utime(photo, ns=(1, 1))
    new = next(task for task in tasks(config) if task.pair.content.uri == str(photo))
    old = before[new.pair.content.uri, new.pair.style.uri]
    assert old != new.task_id
    assert touched(config).earlier(new) == key_of(old)
    assert touched(config.model_copy(update={"seed": 5})).earlier(new) is None
    assert touched(config, hashlib.sha256(b"other").hexdigest()).earlier(new) is None
    photo.write_bytes(photo.read_bytes() + b"\0")
    assert touched(config).earlier(new) is None


def test_a_tasks_own_row_and_one_that_does_not_count_stand_for_none(config: JobConfig) -> None:
    assert [touched(config).earlier(task) for task in tasks(config)] == [None] * 8
    os.utime(tasks(config)[0].pair.content.uri, ns=(1, 1))
    rows = read_rows(Path(config.out)).to_batches()
    assert TouchedFiles(lambda: rows, config, None, lambda key: False).earlier(tasks(config)[0]) is None


def test_results_are_looked_for_by_their_names_below_images(tmp_path: Path) -> None:
    path = tmp_path / "out" / "images" / "Wash" / "cät.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    is_there = pictures_in(str(tmp_path / "out"))
    assert is_there(str(path))
    assert is_there("/elsewhere/images/old/images/Wash/cät.jpg")
    assert not is_there(str(path.with_suffix(".png")))
    assert not is_there(str(path.parent.with_name("Sea") / "cät.jpg"))


def test_of_no_folder_nothing_is_there_and_of_a_bucket_all_is(tmp_path: Path) -> None:
    assert not pictures_in(str(tmp_path / "nowhere"))("/nowhere/images/cat.jpg")
    assert pictures_in("s3://pictures/out") is everything
    assert everything("s3://pictures/out/images/cat.jpg")
