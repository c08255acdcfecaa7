"""Tombstones and merges, without a store of rows around them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from stylize.io import parquet_files
from stylize.results import compaction, parts
from stylize.results.compaction import Compactor
from stylize.results.part_folder import PartFolder
from stylize.results.schema import key_of
from tests.support.numbered_rows import rows, task_id


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PartFolder:
    monkeypatch.setattr(compaction, "MANY_PARTS", 2)
    return PartFolder(tmp_path, "run")


def write(folder: PartFolder, *numbers: int) -> str:
    name = folder.new_name()
    folder.write(name, [rows(numbers)], len(numbers))
    return name


def seeds(folder: PartFolder) -> dict[str, list[int]]:
    there = parts.part_paths(folder.path)
    assert {path.name: parts.facts(path).rows for path in there} == folder.rows
    return {path.name: [s for b in folder.batches(path.name) for s in b.column("seed").to_pylist()] for path in there}


def test_buried_rows_go_and_a_part_without_others_goes_too(folder: PartFolder) -> None:
    first, second = write(folder, 1, 2, 3), write(folder, 4)
    compactor = Compactor(folder)
    compactor.bury(first, key_of(task_id(2)))
    compactor.bury(second, key_of(task_id(4)))
    compactor.purge(now=True)
    assert seeds(folder) == {first: [1, 3]}


def test_rewriting_takes_a_small_share_of_the_time(folder: PartFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    name = write(folder, 1, 2, 3)
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    real = folder.drop

    def slow(*args: object) -> None:
        real(*args)  # type: ignore[arg-type]
        clock[0] += 1

    monkeypatch.setattr(folder, "drop", slow)
    compactor = Compactor(folder)
    compactor.bury(name, key_of(task_id(1)))
    compactor.purge()
    assert seeds(folder) == {name: [2, 3]}
    compactor.bury(name, key_of(task_id(2)))
    clock[0] += 19
    compactor.purge()
    assert seeds(folder) == {name: [2, 3]}  # a second of every twenty at most
    clock[0] += 2
    compactor.purge()
    assert seeds(folder) == {name: [3]}


def test_parts_that_are_kept_or_have_tombstones_are_not_merged(folder: PartFolder) -> None:
    names = [write(folder, n) for n in range(5)]
    compactor = Compactor(folder)
    compactor.bury(names[0], key_of(task_id(0)))
    compactor.merge_if_many(9, keep=[names[1]])
    there = seeds(folder)
    assert [there.pop(name) for name in names[:2]] == [[0], [1]]
    assert list(there.values()) == [[2, 3, 4]]


def test_parts_that_could_not_be_read_as_one_stay_as_they_are(
    folder: PartFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "MOST_BYTES", 35_000)
    monkeypatch.setattr(parquet_files, "MOST_ROW_BYTES", 1)
    for first in (0, 2):
        folder.write(folder.new_name(), [rows((first, first + 1), error="x" * 10_000)], 2)
    compactor, before = Compactor(folder), seeds(folder)
    compactor.merge_if_many(9)
    assert seeds(folder) == before
    monkeypatch.setattr(folder, "write", None)
    compactor.merge_if_many(9)  # which does not try once more
