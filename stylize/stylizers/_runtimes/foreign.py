"""ONNX files of unknown origin: what no network from picture to picture needs is refused before a runtime has it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.errors import WeightsError, one_line

if TYPE_CHECKING:
    import onnx

SIDE_PX = 64
"""Of the picture for which a network's tensors are counted."""
MOST_VALUES = 2**27
"""Of a tensor then: 2,000 times what the widest layers of such networks have."""
MOST_LEAST_PX = 4096
_REPEATING = ("Loop", "Scan")


def refuse_odd(model: onnx.ModelProto, path: Path) -> None:
    """Raise WeightsError for a network that makes another size, or could run for ever or fill the memory.

    Some hundred bytes can ask for a tensor of gigabytes, or for a loop without end. Shapes that depend on
    pixels are not known and pass.
    """
    import onnx

    if any(node.op_type in _REPEATING for node in _nodes(model.graph)):
        raise WeightsError(f"{path}: holds a loop, which no such network needs")
    sized = onnx.ModelProto()
    sized.CopyFrom(model)
    for size, value in zip(sized.graph.input[0].type.tensor_type.shape.dim, (1, 3, SIDE_PX, SIDE_PX), strict=True):
        size.dim_value = value
    for other in (sized.graph.output, sized.graph.value_info):
        for told in other:  # what the file says of them does not count
            told.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(sized, data_prop=True)
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        shape = [size.dim_value for size in value.type.tensor_type.shape.dim]
        if math.prod(shape) > MOST_VALUES:
            of = f"{one_line(value.name)} would be {shape} of {SIDE_PX} px"
            raise WeightsError(f"{path}: {of}, which no such network needs")
    sides = [size.dim_value or SIDE_PX for size in inferred.graph.output[0].type.tensor_type.shape.dim[2:]]
    if any(side != SIDE_PX for side in sides):  # of a larger one the first corner would pass for the picture
        made = " x ".join(map(str, reversed(sides)))
        raise WeightsError(f"{path}: makes {made} px of {SIDE_PX} x {SIDE_PX}; expected a picture of the same size")


def least_px_of(told: dict[str, str]) -> int:
    """Return the shortest side that a network says it takes. Raises ValueError for none that a picture has."""
    least = int(told.get("stylize.least_px", 1))
    if not 0 < least <= MOST_LEAST_PX:
        raise ValueError(f"it takes sides from {least} px")
    return least


def _nodes(graph: onnx.GraphProto) -> Iterable[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)
