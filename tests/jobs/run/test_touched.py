"""Which row stands for a task whose files have new times, and which results are still there."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from jobs.run import pictures
from jobs.run.pictures import Pictures
from jobs.run.stored_rows import StoredRows
from jobs.run.touched import TouchedFiles
from stylize import images
from stylize.config import JobConfig
from stylize.results.read import read_rows
from stylize.results.schema import key_of
from stylize.tasks import pairing
from stylize.tasks.task import Task
from tests.support.inline_runs import make
from tests.support.made_rows import GivenRows
from tests.support.s3 import bucket
from tests.support.samples import finished_run


def silent(text: str) -> None:
    """Nobody reads it."""


@pytest.fixture
def config(folders: tuple[Path, Path], tmp_path: Path) -> JobConfig:
    """That of a finished run of eight tasks."""
    finished_run(*folders, tmp_path / "out")
    return JobConfig(content=str(folders[0]), styles=str(folders[1]), out=str(tmp_path / "out"), stylizer="identity")


def tasks(config: JobConfig) -> list[Task]:
    return list(pairing.tasks(pairing.pairs(config), config.result_settings(), None, config.format))


def touched(config: JobConfig, weights_sha256: str | None = None) -> TouchedFiles:
    return TouchedFiles(StoredRows(Path(config.out)), config, weights_sha256, lambda key: True)


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
    none_counts = TouchedFiles(StoredRows(Path(config.out)), config, None, lambda key: False)
    assert none_counts.earlier(tasks(config)[0]) is None


def old_and_touched(config: JobConfig) -> tuple[str, Task]:
    """The key of a task's row, and the task that it is since its photo was touched."""
    (old, *_) = tasks(config)
    os.utime(old.pair.content.uri, ns=(1, 1))
    pair = (old.pair.content.uri, old.pair.style.uri)
    return old.task_id, next(one for one in tasks(config) if (one.pair.content.uri, one.pair.style.uri) == pair)


def of_rows(config: JobConfig, **changes: str) -> TouchedFiles:
    """What finds the rows of OUT, each with some changes."""
    rows = GivenRows([row | changes for row in read_rows(Path(config.out)).to_pylist()])
    return TouchedFiles(rows, config, None, lambda key: True)


def test_a_row_that_is_not_ok_stands_for_no_task_of_touched_files(config: JobConfig) -> None:
    _, new = old_and_touched(config)
    assert of_rows(config, status="oom").earlier(new) is None


def test_a_row_of_any_weights_stands_where_no_weights_are_known(config: JobConfig) -> None:
    old, new = old_and_touched(config)
    assert of_rows(config, weights_sha256="a" * 64).earlier(new) == key_of(old)


def test_a_picture_is_there_however_its_accents_are_written(tmp_path: Path) -> None:
    path = tmp_path / "out" / "images" / "ca\u0308t.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    assert Pictures(str(tmp_path / "out"), silent)("/elsewhere/images/c\u00e4t.jpg")


@pytest.mark.parametrize("format", images.FORMATS)
def test_a_result_without_a_row_is_known_as_its_own_tasks(
    folders: tuple[Path, Path], tmp_path: Path, format: str
) -> None:
    runner, (task, *_) = make(folders, tmp_path / "out", format=format)
    name = str(Path(runner.run_one(task)["output_uri"]).relative_to(tmp_path / "out" / "images"))
    there = Pictures(str(tmp_path / "out"), silent)
    assert [there.is_foreign(name, one) for one in (task.task_id, "f" * 64)] == [False, True]


def test_pictures_are_not_looked_for_through_links(tmp_path: Path) -> None:
    images = tmp_path / "out" / "images"
    images.mkdir(parents=True)
    (images / "a.jpg").write_bytes(b"")
    (images / "loop").symlink_to(images)
    is_there = Pictures(str(tmp_path / "out"), silent)
    assert is_there("/out/images/a.jpg")
    assert not is_there("/out/images/loop/a.jpg")


def test_results_are_looked_for_by_their_names_below_images(tmp_path: Path) -> None:
    path = tmp_path / "out" / "images" / "Wash" / "cät.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    is_there = Pictures(str(tmp_path / "out"), silent)
    assert is_there(str(path))
    assert is_there("/elsewhere/images/old/images/Wash/cät.jpg")
    assert not is_there(str(path.with_suffix(".png")))
    assert not is_there(str(path.parent.with_name("Sea") / "cät.jpg"))


def test_of_no_folder_nothing_is_there(tmp_path: Path) -> None:
    assert not Pictures(str(tmp_path / "nowhere"), silent)("/nowhere/images/cat.jpg")


def test_a_picture_has_one_name_below_images_or_none_is_told(tmp_path: Path) -> None:
    for name in ("cat.jpg", "images/cat.jpg", "dog.jpg"):
        path = tmp_path / "out" / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    there = Pictures(str(tmp_path / "out"), silent)
    assert there.name_of("/moved/from/images/dog.jpg") == "dog.jpg"
    assert there.name_of("/in/images/old/images/cat.jpg") == "cat.jpg"
    assert there.name_of("/out/images/images/cat.jpg") is None
    assert there.name_of("/out/images/none.jpg") is None


def test_a_bucket_is_listed_when_it_is_first_asked_and_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    with bucket() as s3:
        there = Pictures("s3://pictures/out", told.append)
        for name in ("a/1.jpg", "a/2.jpg"):
            s3.put(f"out/images/{name}", b"x")
        assert there("s3://pictures/out/images/a/1.jpg")
        assert not there("s3://pictures/out/images/a/3.jpg")
        monkeypatch.setattr(pictures, "LISTED", 1)
        large = Pictures("s3://pictures/out", told.append)
        assert large("s3://pictures/out/images/a/3.jpg")
    assert told == ["OUT holds more than 1 results: whether one was deleted is not looked for"]
