"""Jobs and sweeps on Ray whose networks run in ONNX Runtime and OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from jobs import benchmark, stylize_folder
from stylize.results.read import read_rows
from stylize.stylizers._runtimes import sessions
from tests.support.main_job import call, plain, rows

RUNTIMES = ("onnxruntime", "openvino")

pytestmark = pytest.mark.skipif(
    not all(map(sessions.installed, RUNTIMES)), reason="needs stylize[onnx] and stylize[openvino]"
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two photos and one artwork."""
    root = tmp_path_factory.mktemp("in")
    for number in range(2):
        plain(root / "content" / f"{number}.png", (number * 50, 100, 30))
    plain(root / "styles" / "a.png", (200, 10, 10))
    return root / "content", root / "styles"


def of_runtime(frame: pd.DataFrame, runtime: str) -> dict[str, Any]:
    """Task keys of a runtime's rows by photo."""
    chosen = frame[frame["runtime"] == runtime]
    return dict(zip(chosen["content_uri"], chosen["task_id"], strict=True))


@pytest.mark.usefixtures("worker_here")
def test_resumed_with_another_runtime_all_is_another_task(folders: tuple[Path, Path], tmp_path: Path) -> None:
    words = (*folders, tmp_path / "out", "--precision", "fp32", "--runtime")
    for runtime in (*RUNTIMES, RUNTIMES[0]):
        done = call(stylize_folder.main, *words, runtime)
        assert done.returncode == 0, done.stderr
    frame = rows(tmp_path / "out")
    assert set(frame["status"]) == {"ok"}
    keys = [of_runtime(frame, runtime) for runtime in RUNTIMES]
    assert keys[0].keys() == keys[1].keys()
    assert [len(one) for one in keys] == [2, 2]
    assert not set(keys[0].values()) & set(keys[1].values())
    # The third call found the first one's rows and made none.
    assert frame["run_id"].nunique() == 2
    assert frame["output_uri"].is_unique


def test_a_sweeps_methods_have_runtimes(folders: tuple[Path, Path], local_ray: str, tmp_path: Path) -> None:
    methods = [{"name": "compact", "runtime": runtime, "precisions": ["fp32"]} for runtime in ("torch", *RUNTIMES)]
    methods.append({"name": "compact", "label": "none such", "runtime": "onnxruntime", "precisions": ["int8"]})
    methods.append({"name": "compact", "label": "8 bits", "precisions": ["int8"]})
    sweep = {"title": "Runtimes", "methods": methods, "resolutions_px": [48], "repeats": 1, "cpus_per_actor": 1}
    sweep |= {"device": "cpu", "content": str(folders[0]), "styles": str(folders[1])}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    done = call(benchmark.main, tmp_path / "sweep.yaml", tmp_path / "out", "--address", local_ray)
    frame = read_rows(tmp_path / "out").to_pandas()
    assert done.returncode == 3, done.stderr
    ok = frame[frame["status"] == "ok"]
    assert ok.groupby("runtime").size().to_dict() == {"onnxruntime": 3, "openvino": 6, "torch": 3}
    eight = ok["variant"].str.startswith("8 bits")
    assert set(ok.loc[eight, "precision"]) == {"int8"}
    ok = ok[~eight]
    assert all(runtime in variant for runtime, variant in zip(ok["runtime"], ok["variant"], strict=True))
    assert (ok["image_host_bytes"] > 0).all()
    assert set(frame.loc[frame["status"] != "ok", "status"]) == {"unsupported"}
