"""What is decided and refused of a sweep before it runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.sweep.resolve import resolve, with_paths
from stylize.errors import UsageError
from stylize.stylizers._runtimes import sessions
from stylize.tasks.sweep import Sweep
from tests.support.accelerators import none_here
from tests.support.made_rows import GivenRows, row


def sweep(*methods: dict[str, Any], **more: Any) -> Sweep:
    return Sweep.model_validate({"title": "t", "methods": list(methods)} | more)


def test_weights_of_a_sweep_file_are_found_by_workers_of_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = sweep({"name": "microast", "weights": "w"}, {"name": "adain", "weights": "random"}, {"name": "identity"})
    for words, first in (([], "w"), (["microast=other"], "other")):
        weights = [method.weights for method in with_paths(plan, words).methods]
        assert weights == [str(tmp_path / first), "random", None]


def test_a_device_that_this_machine_has_not_is_a_wrong_call_unless_a_cluster_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none_here(monkeypatch)
    monkeypatch.setattr("jobs.run.resolve.joins_cluster", lambda address: address is not None)
    plan = sweep({"name": "identity"}, device="cuda", cpus_per_actor=1, gpus_per_actor=0)
    with pytest.raises(UsageError, match="torch sees no cuda device here; give device cpu, or address of a cluster"):
        resolve(plan, str(tmp_path / "out"), None)
    assert resolve(plan, str(tmp_path / "out"), "head:6379").gpus == 0


def test_a_runtime_that_this_machine_has_not_is_a_wrong_call_unless_a_cluster_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.sweep.resolve.joins_cluster", lambda address: address is not None)
    monkeypatch.setattr(sessions, "installed", lambda runtime: runtime == "torch")
    plan = sweep({"name": "compact", "runtime": "openvino"}, device="cpu", cpus_per_actor=1, gpus_per_actor=0)
    with pytest.raises(UsageError, match="runtime openvino is not installed"):
        resolve(plan, str(tmp_path / "out"), None)
    assert set(resolve(plan, str(tmp_path / "out"), "head:6379").weights_sha256.values()) != {None}


def test_rows_of_other_weights_or_settings_are_told(tmp_path: Path) -> None:
    plan = sweep({"name": "identity"}, precisions=["auto"], resolutions_px=[64], cpus_per_actor=1, gpus_per_actor=0)
    resolved = resolve(plan, str(tmp_path / "out"), None)
    ((name, config),) = resolved.configs.items()
    now = json.dumps(config.result_settings() | {"stylizer_settings": {}})
    then = json.dumps(config.result_settings() | {"quality": 80})
    same = [row(1, variant=name, settings_json=now), row(2, variant="of another sweep", weights_sha256="cafe")]
    others = [row(3, variant=name, settings_json=now, weights_sha256="cafe"), row(4, variant=name, settings_json=then)]
    assert resolved.other_work(GivenRows(same)) == []
    (told,) = resolved.other_work(GivenRows([*same, *others]))
    assert told.startswith("2 rows of OUT have other weights or settings than the variant of that name has now")
    unknown = replace(resolved, absent=["its weights would be downloaded"])
    (told,) = unknown.other_work(GivenRows(others))
    assert told.startswith("1 row of OUT has other weights or settings")
