"""ONNX files of other programs as styles: which are run, and what is said of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stylize
from stylize.errors import WeightsError
from stylize.stylizers._runtimes import sessions
from tests.support.samples import picture

onnx = pytest.importorskip("onnx", reason="pip install 'stylize[onnx]'")
INSTALLED = [one for one in (sessions.ONNXRUNTIME, sessions.OPENVINO) if sessions.installed(one)]


DTYPES = {"FLOAT": np.float32, "FLOAT16": np.float16, "UINT8": np.uint8}
FREE = ("n", 3, "h", "w")


def write(path: Path, shape: Any = FREE, kind: str = "FLOAT", *, old: bool = False) -> Any:
    """Write a network that inverts pictures in [0, 255]; `old`: its weight is among the inputs, as before ONNX 1.4."""
    code = getattr(onnx.TensorProto, kind)
    made, taken = (onnx.helper.make_tensor_value_info(name, code, shape) for name in ("out:0", "an image"))
    white = onnx.numpy_helper.from_array(np.full((1, 1, 1, 1), 255, DTYPES[kind]), "white")
    weights = [onnx.helper.make_tensor_value_info("white", code, [1, 1, 1, 1])] if old else []
    nodes = [onnx.helper.make_node("Sub", ["white", "an image"], ["out:0"])]
    graph = onnx.helper.make_graph(nodes, "g", [taken, *weights], [made], [white])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 8 if old else 17)])
    model.ir_version = 3 if old else 8
    onnx.save(model, path)
    return model


@pytest.mark.parametrize("runtime", INSTALLED)
@pytest.mark.parametrize("more", [{}, {"shape": [1, 3, "h", "w"]}, {"old": True}])
def test_networks_of_other_programs_are_run_in_0_to_255(runtime: str, more: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path / "invert.onnx", **more)
    restyle = stylize.load("johnson", weights=tmp_path / "invert.onnx", runtime=runtime, device="cpu")
    photos = [picture(seed, 31, 17) for seed in range(3)]
    for photo, result in zip(photos, restyle.batch(photos), strict=True):
        np.testing.assert_array_equal(result, 255 - photo)


@pytest.mark.parametrize("runtime", INSTALLED)
@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"shape": ["n", "h", "w", 3]}, r"its input is \(N, H, W, 3\)"),
        ({"shape": [1, 3, "h", 48]}, "it takes 48 x any px alone"),
        ({"shape": [4, 3, "h", "w"]}, "its batch is of 4 alone"),
        ({"kind": "FLOAT16"}, "an image is in FLOAT16; expected FLOAT, which is fp32"),
        ({"kind": "UINT8"}, "an image is in UINT8"),
    ],
)
def test_others_are_refused_as_they_are_loaded(runtime: str, more: dict[str, Any], told: str, tmp_path: Path) -> None:
    write(tmp_path / "other.onnx", **more)
    with pytest.raises(WeightsError, match=f"other.onnx: {told}"):
        stylize.load("johnson", weights=tmp_path / "other.onnx", runtime=runtime, device="cpu")


@pytest.mark.parametrize("runtime", INSTALLED)
def test_weights_in_another_file_are_named(runtime: str, tmp_path: Path) -> None:
    """As torch's exporter writes them unless asked otherwise."""
    model = write(tmp_path / "a.onnx")
    onnx.save_model(model, tmp_path / "a.onnx", save_as_external_data=True, location="a.data", size_threshold=0)
    with pytest.raises(WeightsError, match=r"its weights are in another file, a\.data; write both as one"):
        stylize.load("johnson", weights=tmp_path / "a.onnx", runtime=runtime, device="cpu")


def test_what_a_file_is_in_place_of_onnx_is_told_before_a_runtime_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(WeightsError, match=r"a\.onnx: a Git LFS pointer.*`git lfs pull`; expected an ONNX file"):
        stylize.load("johnson", weights=tmp_path / "a.onnx", device="cpu", runtime="torch")
