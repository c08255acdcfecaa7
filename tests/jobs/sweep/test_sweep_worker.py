"""What a sweep's worker tells of itself."""

from __future__ import annotations

import time
import weakref
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from jobs.run.resolve import scheduler_options
from jobs.scheduler.worker import WORKER_ENV, LoadError, Worker
from jobs.scheduler.worker_pool import WINDOW
from jobs.sweep.resolve import _weights_sha256
from jobs.sweep.worker import MakeSweeper
from stylize import config as configs
from stylize.config import JobConfig
from stylize.errors import DeviceLostError, NoDeviceError
from stylize.results.schema import Row
from stylize.stylizers.identity import Identity
from stylize.tasks import pairing
from stylize.tasks.sweep import Method, Sweep, variants
from tests.support.accelerators import Pretended, none_here


@pytest.mark.parametrize(("gpus", "device"), [(1.0, "auto"), (0.5, "cuda"), (0.0, "auto"), (1.0, "cpu")])
def test_a_sweeps_record_names_the_card_and_its_software(
    gpus: float, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    Pretended().put(monkeypatch)
    config = JobConfig(content="c", styles="s", out="o", gpus_per_actor=gpus, device=device)
    told = MakeSweeper({"v": config}, "run", None)("worker-1").accelerator
    if gpus and device != "cpu":
        assert (told["device"], told["torch"], told["tf32"]) == ("cuda:0", torch.__version__, False)
    else:
        assert told is None


class Knot(Identity):
    """Refers to itself, as a network with hooks does."""

    alive: ClassVar[list[weakref.ref[Knot]]] = []

    def load(self, weights: Path | str | None) -> None:
        self.myself = self
        self.alive.append(weakref.ref(self))


def test_only_one_method_is_in_memory_at_a_time_even_if_it_refers_to_itself(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    config = configs.build(
        {
            "content": str(folders[0]), "styles": str(folders[1]), "out": str(tmp_path / "out"),
            "stylizer": f"{__name__}:Knot", "measure_mode": "isolated",
        }
    )  # fmt: skip
    one = next(pairing.tasks(pairing.pairs(config), config.result_settings(), None, config.format))
    sweeper, began = MakeSweeper({"v": config}, "run", None)("worker-1"), time.monotonic()
    assert sweeper.loading_s == 0
    for repeat in (1, 2, 3):
        (row,) = sweeper.submit([replace(one, variant="v", repeat=repeat)])().to_pylist()
        assert row["status"] == "ok"
        assert len([made for made in Knot.alive if made() is not None]) == 1
        assert 0 < sweeper.loading_s < time.monotonic() - began
    assert len(Knot.alive) == 3


class Unloadable(Identity):
    """Ends its load with what a test says."""

    error: ClassVar[BaseException] = SystemExit(1)

    def load(self, weights: Path | str | None) -> None:
        raise self.error


def _first_block(folders: tuple[Path, Path], out: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> Row:
    """The row that a sweep's worker makes of a method whose load ends so."""
    monkeypatch.setattr(Unloadable, "error", error)
    values = {"content": str(folders[0]), "styles": str(folders[1]), "out": str(out)}
    config = configs.build(values | {"stylizer": f"{__name__}:Unloadable"})
    one = next(pairing.tasks(pairing.pairs(config), config.result_settings(), None, config.format))
    sweeper = MakeSweeper({"v": config}, "run", None)("worker-1")
    (row,) = sweeper.submit([replace(one, variant="v", repeat=1)])().to_pylist()
    made: Row = row
    return made


def test_a_method_that_ends_the_process_as_it_loads_leaves_rows_and_the_worker(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = _first_block(folders, tmp_path / "out", monkeypatch, SystemExit("no licence"))
    assert (row["status"], row["error"]) == ("failed", "SystemExit: no licence")


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
        DeviceLostError("an illegal memory access"),
        NoDeviceError("in place of an illegal memory access torch sees no card"),
    ],
)
def test_a_card_that_is_lost_as_a_method_loads_ends_the_worker_and_not_each_block(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with pytest.raises(DeviceLostError, match="illegal memory access"):
        _first_block(folders, tmp_path / "out", monkeypatch, error)


def test_a_sweeps_worker_that_finds_no_card_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    none_here(monkeypatch)
    config = JobConfig(content="c", styles="s", out="o", gpus_per_actor=1.0)
    _, problem = Worker(MakeSweeper({"v": config}, "run", None), "worker-1").start()
    assert isinstance(problem, LoadError)
    assert "torch sees no accelerator here" in str(problem)


@pytest.mark.parametrize(("mode", "window", "env"), [("isolated", 1, {}), ("throughput", WINDOW, WORKER_ENV)])
def test_one_by_one_a_worker_holds_one_task_and_keeps_no_memory_for_the_next(
    mode: str, window: int, env: dict[str, str]
) -> None:
    plan = Sweep.model_validate({"title": "x", "methods": [{"name": "identity"}], "mode": mode})
    options = scheduler_options(variants(plan)[0].config(plan, "/out", {}))
    assert (options.actors, options.window, options.env) == (1, window, env)


def test_variants_of_other_weights_have_other_hashes() -> None:
    plain = {"content": "c", "styles": "s", "out": "o", "stylizer": "compact", "device": "cpu"}
    configs_ = {name: configs.build(plain | more) for name, more in (("own", {}), ("none", {"weights": "random"}))}
    hashes = _weights_sha256(Sweep(title="t", methods=[Method(name="compact")]), configs_, [], elsewhere=False)
    assert hashes["none"] == "random"
    assert len(hashes["own"] or "") == 64
