"""What a run's settings become before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.run import placement
from jobs.run.resolve import ResolvedConfig, check_scores, resolve, scheduler_options
from stylize.errors import UsageError, WeightsError
from stylize.measure import hardware
from tests.support.accelerators import Pretended
from tests.support.torchvisions import without_network

GIVEN = {"content": "c", "styles": "s", "out": "o"}


def resolved(**given: Any) -> ResolvedConfig:
    return resolve(GIVEN | given)


def test_paths_are_absolute_and_words_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job = resolved(weights="random", perceptual="vgg.pth").job
    assert (job.content, job.styles, job.out) == tuple(str(tmp_path / name) for name in ("c", "s", "o"))
    assert (job.weights, job.perceptual) == ("random", str(tmp_path / "vgg.pth"))
    assert resolved(content="s3://b/c").job.content == "s3://b/c"


def test_settings_that_no_row_could_be_read_with_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylize.results.settings_json._MAX_CHARS", 20)
    with pytest.raises(UsageError, match=r"^settings: rows cannot hold these \(settings_json: over 20 characters"):
        resolved(settings={"alpha": 0.125})


def test_isolated_mode_gives_a_worker_the_whole_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "joins_cluster", lambda address: False)
    isolated = {"measure_mode": "isolated"}
    monkeypatch.setattr(hardware, "usable_cores", lambda: 4)
    assert resolved(**isolated).job.cpus_per_actor == 4
    assert resolved(**isolated, cpus_per_actor=3).job.cpus_per_actor == 3
    with pytest.raises(UsageError, match="cpus_per_actor 2 lets 2 workers measure on one machine at once"):
        resolved(**isolated, cpus_per_actor=2)


@pytest.mark.parametrize("cards", [0, 2])
def test_cards_of_this_machine_are_used_unasked(cards: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "joins_cluster", lambda address: False)
    monkeypatch.setattr(hardware, "usable_cores", lambda: 16)
    monkeypatch.setattr(hardware, "device_name", lambda device: "NVIDIA L4")
    Pretended(count=cards).put(monkeypatch)
    whole = resolved()
    assert whole.job.device_name() == ("accelerator" if cards else "cpu")
    assert scheduler_options(whole.job).gpus == bool(cards)
    line = "2 workers on 2 NVIDIA L4, 8 CPUs each" if cards else "no GPU: 16 workers on 16 CPUs"
    assert whole.placement == (line,)
    assert resolved(device="cpu").placement[0].endswith("16 workers on 16 CPUs")


def test_checkpoints_of_a_method_whose_styles_they_are_serve_as_styles(tmp_path: Path) -> None:
    given = {"stylizer": "johnson", "content": "c", "out": "o", "weights": str(tmp_path)}
    alone = resolve(given)
    assert (alone.job.styles, alone.job.weights, alone.style_kind) == (str(tmp_path), None, "checkpoints")
    assert alone.notes == []
    both = resolve(given | {"styles": "art"})
    assert both.job.styles == str(tmp_path)
    assert both.notes == [f"johnson's styles are its checkpoints, {tmp_path}: art is not used"]
    with pytest.raises(UsageError, match="a manifest's style_uri names the checkpoint"):
        resolve({"stylizer": "johnson", "manifest": "m.csv", "out": "o", "weights": "w"})


def test_a_method_that_takes_images_needs_styles() -> None:
    with pytest.raises(UsageError, match="give content, styles and out, or manifest and out"):
        resolve({"content": "c", "out": "o", "weights": "w"})


def test_missing_judges_are_downloaded_before_ray_starts_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_network(tmp_path / "cache", monkeypatch)
    job, notes = resolved(scores="distances").job, list[str]()
    monkeypatch.setattr("jobs.run.resolve.joins_cluster", lambda address: False)
    with pytest.raises(WeightsError, match="no network"):
        check_scores(job, None, notes.append)
    assert notes == ["vgg19's weights, vgg19-dcbb9e9d.pth, will be downloaded"]
    check_scores(job, None, None)
    monkeypatch.setattr("jobs.run.resolve.joins_cluster", lambda address: True)
    check_scores(job, None, notes.append)
    told = "vgg19's weights, vgg19-dcbb9e9d.pth, would be downloaded by each machine that does not have it"
    assert notes[1:] == [told]
