"""A network's graph in 8 bits: static quantisation by ONNX Runtime's own tool, calibrated on a few pictures."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static


class _Pictures(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: Iterator[dict[str, Any]]) -> None:
        self._feeds = feeds

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)


def quantized(
    model: onnx.ModelProto, feeds: Iterator[dict[str, Any]], exact: tuple[str, ...], kinds: tuple[str, ...]
) -> onnx.ModelProto:
    """Return the model with operators of some kinds in 8 bits: weights per output channel, activations per tensor.

    feeds: inputs by name, to find the activations' ranges with. exact: beginnings of the names of layers that stay in
    fp32. kinds: ONNX's names of operators. The normalisations' statistics need the digits, and stay in fp32.
    """
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    kept = {name for name in convolutions if exact and name.startswith(exact)}
    # What an exact layer is given must be exact, too: its padding.
    given = {node.input[0] for node in model.graph.node if node.name in kept}
    kept |= {node.name for node in model.graph.node if node.op_type == "Pad" and node.output[0] in given}
    # It asks the root logger to advise a preparation that changes nothing here.
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as folder:
            whole, small = Path(folder) / "whole.onnx", Path(folder) / "small.onnx"
            onnx.save(model, str(whole))
            quantize_static(
                str(whole),
                str(small),
                _Pictures(feeds),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                op_types_to_quantize=list(kinds),
                nodes_to_exclude=sorted(kept),
            )
            result = onnx.load(str(small))
    finally:
        logging.disable(before)
    del result.metadata_props[:]
    result.metadata_props.extend(model.metadata_props)
    return result
