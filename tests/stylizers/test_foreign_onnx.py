"""ONNX files from strangers, as styles: one line for what no network from picture to picture needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stylize
from stylize.errors import WeightsError
from stylize.stylizers._runtimes import sessions

onnx = pytest.importorskip("onnx", reason="pip install 'stylize[onnx]'")
if not sessions.installed("onnxruntime"):
    pytest.skip("onnxruntime is not installed", allow_module_level=True)


def tensor(name: str, *values: Any) -> Any:
    return onnx.numpy_helper.from_array(np.array(values if len(values) > 1 else values[0]), name)


def elsewhere(location: str) -> Any:
    weight = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[1], data_location="EXTERNAL")
    weight.external_data.add(key="location", value=location)
    return weight


def node(kind: str, inputs: list[str], outputs: list[str], **told: Any) -> Any:
    return onnx.helper.make_node(kind, inputs, outputs, **told)


def model(nodes: list[Any], weights: list[Any], **metadata: str) -> bytes:
    make, number = onnx.helper, onnx.TensorProto.FLOAT
    x, y = (make.make_tensor_value_info(name, number, [None, 3, None, None]) for name in "xy")
    made = make.make_model(make.make_graph(nodes, "g", [x], [y], weights), opset_imports=[make.make_opsetid("", 17)])
    made.ir_version = 8
    for name, value in metadata.items():
        made.metadata_props.add(key=f"stylize.{name}", value=value)
    return bytes(made.SerializeToString())


def loop(inside: bool = False) -> list[Any]:
    make, truth = onnx.helper, onnx.TensorProto.BOOL
    c, out = (make.make_tensor_value_info(name, truth, []) for name in ("c", "co"))
    i = make.make_tensor_value_info("i", onnx.TensorProto.INT64, [])
    body = make.make_graph([node("Identity", ["c"], ["co"])], "b", [i, c], [out])
    again = node("Loop", ["", "t", "x"], ["y"], body=body)
    if not inside:
        return [again]
    branch = make.make_graph([again], "i", [], [make.make_tensor_value_info("y", 1, None)])
    return [node("If", ["t"], ["y"], then_branch=branch, else_branch=branch)]


PLAIN = [node("Identity", ["x"], ["y"])]
BIG = [node("ReduceMax", ["b"], ["m"], keepdims=0), node("Add", ["x", "m"], ["y"])]
CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a vast constant": (
        lambda: model([node("ConstantOfShape", ["n"], ["b"]), *BIG], [tensor("n", [20_000_000_000])]),
        r"b would be \[20000000000\] of 64 px",
    ),
    "a vast margin": (
        lambda: model([node("Pad", ["x", "p"], ["b"]), *BIG], [tensor("p", 0, 0, 10**6, 0, 0, 0, 0, 0)]),
        r"b would be \[1, 3, 1000064, 64\]",
    ),
    "vast tiles": (
        lambda: model([node("Tile", ["x", "n"], ["b"]), *BIG], [tensor("n", 1, 10**6, 1, 1)]), "b would be "
    ),
    "a vast scale": (
        lambda: model(
            [node("Resize", ["x", "", "s"], ["b"]), *BIG], [tensor("s", *map(np.float32, (1, 1, 1e5, 1)))]
        ),
        "b would be ",
    ),
    "a smaller picture": (
        lambda: model([node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])], []),
        "makes 32 x 32 px of 64 x 64; expected a picture of the same size",
    ),
    "a larger picture": (
        lambda: model(
            [node("Resize", ["x", "", "s"], ["y"])], [tensor("s", *map(np.float32, (1, 1, 2, 4)))]
        ),
        "makes 256 x 128 px of 64 x 64",
    ),
    "a loop": (lambda: model(loop(), [tensor("t", True)]), "holds a loop"),
    "a loop in a branch": (lambda: model(loop(inside=True), [tensor("t", True)]), "holds a loop"),
    "other files": (lambda: model([node("Add", ["x", "w"], ["y"])], [elsewhere("w.bin")]), "in another file"),
    "files above": (lambda: model([node("Add", ["x", "w"], ["y"])], [elsewhere("../w.bin")]), "in another file"),
    "a vast least side": (lambda: model(PLAIN, [], least_px="1000000000"), "takes sides from 1000000000 px"),
    "a side below 1": (lambda: model(PLAIN, [], least_px="-5"), "takes sides from -5 px"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_no_such_network_needs_is_one_line(case: str, tmp_path: Path) -> None:
    make, said = CASES[case]
    (path := tmp_path / "style.onnx").write_bytes(make())
    with pytest.raises(WeightsError, match=said) as raised:
        stylize.load("johnson", weights=path, runtime="onnxruntime", device="cpu")
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_a_plain_one_is_loaded(tmp_path: Path) -> None:
    (path := tmp_path / "style.onnx").write_bytes(model(PLAIN, [], least_px="16"))
    stylize.load("johnson", weights=path, runtime="onnxruntime", device="cpu")
