"""Nodes with several cards, beside one without: who runs where. Ray hands cards out by number, real or not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from tests.support.main_job import job, plain, rows


@pytest.fixture(scope="module")
def address(own_ray: None) -> Iterator[str]:
    """A head without work, a node with two cards, a node with CPUs only."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "num_gpus": 0, "include_dashboard": False})
    try:
        with pytest.MonkeyPatch.context() as patch:
            # Ray pretends no card where this says that there is none.
            patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
            cluster.add_node(num_cpus=2, num_gpus=2)
        cluster.add_node(num_cpus=1, num_gpus=0)
        yield cluster.address
    finally:
        cluster.shutdown()


def test_cards_are_taken_unasked(address: str, tmp_path: Path) -> None:
    plain(tmp_path / "content" / "c.png", (1, 100, 30))
    plain(tmp_path / "styles" / "s.png", (9, 9, 9))
    told = job(tmp_path / "content", tmp_path / "styles", tmp_path / "out", "--address", address, "--dry-run").stdout
    assert "2 workers on 2 GPUs, 1 CPU each; 1 machine without a GPU not used" in told


def test_halves_of_two_cards_are_four_workers_and_rows_name_the_card(address: str, tmp_path: Path) -> None:
    for number in range(40):
        plain(tmp_path / "content" / f"{number}.png", (number, 100, 30))
    plain(tmp_path / "styles" / "s.png", (9, 9, 9))
    done = job(
        tmp_path / "content", tmp_path / "styles", tmp_path / "out", "--address", address, "--progress", "plain",
        "--gpus-per-actor", 0.5, "--cpus-per-actor", 0.5, "--device", "cpu",
        "--stylizer", "tests.support.stylizers:Slow", "--set", "seconds=0.3",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = sorted(
        line.partition(": ")[2] for line in done.stdout.splitlines() if line.endswith((" workers", " worker"))
    )
    assert told == ["0 CPU: no workers", "1 CPU: no workers", "2 CPU, 2 GPU: 4 workers"]
    assert "4 workers on 2 GPUs, 0.5 CPUs each; 1 machine without a GPU not used" in done.stdout
    placed = json.loads((tmp_path / "out" / "run.json").read_text())["workers"]
    assert len({place["node_id"] for place in placed.values()}) == 1
    assert Counter(card for place in placed.values() for card in place["gpu_ids"]) == {"0": 2, "1": 2}
    frame = rows(tmp_path / "out")
    assert len(frame) == 40
    assert {name: tuple(ids.split(",")) for name, ids in zip(frame["worker_id"], frame["gpu_ids"], strict=True)} == {
        name: tuple(placed[name]["gpu_ids"]) for name in set(frame["worker_id"])
    }
