"""Nodes with several cards, beside one without: who runs where. Ray hands cards out by number, real or not."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from tests.support.forked_workers import forked_workers
from tests.support.jobs_apart import jobs_apart
from tests.support.main_job import plain, rows

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def address(own_ray: None) -> Iterator[str]:
    """A head without work, a node with two cards, a node with CPUs only."""
    node = {"include_log_monitor": False}
    head = {**node, "num_cpus": 0, "num_gpus": 0, "include_dashboard": False, "no_monitor": True}
    with forked_workers():
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            with pytest.MonkeyPatch.context() as patch:
                # Ray pretends no card where this says that there is none.
                patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
                cluster.add_node(**node, num_cpus=2, num_gpus=2)
            cluster.add_node(**node, num_cpus=1, num_gpus=0)
            yield cluster.address
        finally:
            cluster.shutdown()


@pytest.fixture(scope="module")
def done(address: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done, Done]:
    """OUT, a dry run that asks for nothing, and a run with half a card for each worker."""
    folder = tmp_path_factory.mktemp("cards")
    for number in range(40):
        plain(folder / "content" / f"{number}.png", (number, 100, 30))
    plain(folder / "styles" / "s.png", (9, 9, 9))
    words = (folder / "content", folder / "styles", folder / "out", "--address", address)
    halves = (
        "--progress", "plain", "--gpus-per-actor", 0.5, "--cpus-per-actor", 0.5, "--device", "cpu",
        "--stylizer", "tests.support.stylizers:Slow", "--set", "seconds=0.3",
    )  # fmt: skip
    dry, run = jobs_apart([(*words, "--dry-run"), (*words, *halves)])
    return folder / "out", dry, run


def test_cards_are_taken_unasked(done: tuple[Path, Done, Done]) -> None:
    assert "2 workers on 2 GPUs, 1 CPU each; 1 machine without a GPU not used" in done[1].stdout


def test_halves_of_two_cards_are_four_workers_and_rows_name_the_card(done: tuple[Path, Done, Done]) -> None:
    out, _, run = done
    assert run.returncode == 0, run.stderr
    told = sorted(line.partition(": ")[2] for line in run.stdout.splitlines() if line.endswith((" workers", " worker")))
    assert told == ["0 CPU: no workers", "1 CPU: no workers", "2 CPU, 2 GPU: 4 workers"]
    assert "4 workers on 2 GPUs, 0.5 CPUs each; 1 machine without a GPU not used" in run.stdout
    placed = json.loads((out / "run.json").read_text())["workers"]
    assert len({place["node_id"] for place in placed.values()}) == 1
    assert Counter(card for place in placed.values() for card in place["gpu_ids"]) == {"0": 2, "1": 2}
    frame = rows(out)
    assert len(frame) == 40
    assert {name: tuple(ids.split(",")) for name, ids in zip(frame["worker_id"], frame["gpu_ids"], strict=True)} == {
        name: tuple(placed[name]["gpu_ids"]) for name in set(frame["worker_id"])
    }
