"""Images that wait for an accelerator at the same time, and results that wait for their scores."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stylize import images
from stylize.measure import on_device
from stylize.pipeline.runner import Runner
from stylize.pipeline.scored import DeviceScores
from stylize.pipeline.transfers import Transfers
from stylize.tasks.task import Task
from tests.support.accelerators import Pretended
from tests.support.card_runs import Recorded
from tests.support.card_runs import card as card
from tests.support.inline_runs import make
from tests.support.samples import picture


class Together(Recorded):
    """Is faster with several images."""

    def worth_batching(self, pixels: int) -> int:
        return 8


def run_read(runner: Runner, tasks: list[Task]) -> list[dict[str, Any]]:
    """The rows of a run whose device begins when all photos have been read."""
    submit, reads, begin = runner._readers.submit, [], threading.Event()

    def noted(*given: Any) -> Any:
        reads.append(submit(*given))
        return reads[-1]

    runner._readers.submit = noted  # type: ignore[method-assign, assignment]
    runner._device_thread.submit(begin.wait)
    rows = runner.submit(tasks)
    wait(reads)
    begin.set()
    return list(rows().to_pylist())


def test_images_that_have_been_read_go_through_the_network_together(
    folders: tuple[Path, Path], tmp_path: Path, card: Pretended
) -> None:
    (folders[0] / "night" / "a.jpg").write_bytes(images.encode(picture(9, 40, 40), "jpg", 95))
    runner, tasks = make(folders, tmp_path / "out", Together())
    rows = run_read(runner, tasks)
    assert [row["task_id"] for row in rows] == [task.task_id for task in tasks]
    assert {row["status"] for row in rows} == {"ok"}
    # Of each style two neighbours of one size, one of another, and the last.
    assert [row["batch_size"] for row in rows] == [2, 2, 1, 1] * 2
    alone, _ = make(folders, tmp_path / "alone", Together(), batch_size=1)
    assert [row["output_sha256"] for row in alone.run(tasks).to_pylist()] == [row["output_sha256"] for row in rows]


def test_nobody_waits_for_images_that_have_not_been_read(
    folders: tuple[Path, Path], tmp_path: Path, card: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, made = Transfers.upload, threading.Event()
    first = images.decode((folders[0] / "day" / "a.jpg").read_bytes()).pixels

    def held(self: Transfers, pixels: Any) -> Any:
        if threading.current_thread().name.startswith("read") and not np.array_equal(pixels, first):
            assert made.wait(30)
        return upload(self, pixels)

    class Noted(Together):
        def stylize(self, content: torch.Tensor, code: Any) -> torch.Tensor:
            made.set()
            return super().stylize(content, code)

    monkeypatch.setattr(Transfers, "upload", held)
    runner, tasks = make(folders, tmp_path / "out", Noted())
    rows = runner.run(tasks).to_pylist()
    assert [row["status"] for row in rows] == ["ok"] * 8
    assert rows[0]["batch_size"] == 1


def test_batches_are_of_1_2_4_or_8_and_halved_where_memory_runs_out(
    folders: tuple[Path, Path], tmp_path: Path, card: Pretended
) -> None:
    class Small(Together):
        most = 4
        asked: tuple[int, ...] = ()

        def stylize_batch(self, contents: torch.Tensor, code: Any) -> torch.Tensor:
            self.asked += (len(contents),)
            if len(contents) > self.most:
                raise torch.OutOfMemoryError("no room")
            return contents

    for number in range(3):
        (folders[0] / f"{number}.jpg").write_bytes((folders[0] / "day" / "a.jpg").read_bytes())
    for most, sizes in ((4, [4, 4, 4, 4, 2, 2, 1] * 2), (2, [1] * 4 + [2, 2, 1] + [2] * 6 + [1])):
        stylizer = Small()
        stylizer.most = most
        runner, tasks = make(folders, tmp_path / str(most), stylizer, io_threads=4)
        rows = run_read(runner, tasks)
        assert [row["status"] for row in rows] == ["ok"] * 14
        assert [row["batch_size"] for row in rows] == sizes
        assert stylizer.asked[0] == 4


def test_one_whose_turn_it_is_takes_along_those_whose_scores_wait(
    card: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, sizes, room = on_device.scores, [], 8

    def noted(photos: torch.Tensor, results: torch.Tensor) -> torch.Tensor:
        sizes.append(len(photos))
        if len(photos) > room:
            raise torch.OutOfMemoryError("no room")
        return scores(photos, results)

    monkeypatch.setattr(on_device, "scores", noted)
    on_card, transfers = DeviceScores(torch.device("cpu")), Transfers(torch.device("cpu"))
    pictures = [picture(number) for number in range(5)]
    alone = [on_card.compare(transfers.upload(one), pictures[0]) for one in pictures]
    for room, expected in ((8, [5]), (4, [5, 1, 1, 1, 1, 1])):  # noqa: B007
        sizes.clear()
        with ThreadPoolExecutor(5) as threads:
            with on_card._turn:
                together = [threads.submit(on_card.compare, transfers.upload(one), pictures[0]) for one in pictures]
                while len(on_card._waiting) < 5:
                    time.sleep(0.01)
            for one, future in zip(alone, together, strict=True):
                assert future.result() == pytest.approx(one, abs=1e-5)
        assert sizes == expected
