"""A program of its own, run as a file: brings an ONNX model into 8 bits by ONNX Runtime's tool.

    python quantize_apart.py FOLDER

FOLDER has whole.onnx, how.json, and the inputs to find ranges with, N.npz; small.onnx is written there. Its memory and
ONNX Runtime itself are thus not left in a worker.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static


class Inputs(CalibrationDataReader):  # type: ignore[misc]
    """The inputs of the model by name, one call after another."""

    def __init__(self, folder: Path) -> None:
        self._paths = iter(sorted(folder.glob("*.npz")))

    def get_next(self) -> dict[str, Any] | None:
        """Return the next call's, None after the last."""
        path = next(self._paths, None)
        return None if path is None else dict(np.load(path))


class OneThread(onnxruntime.SessionOptions):  # type: ignore[misc]
    """Options of a session that computes in the thread that calls it."""

    def __init__(self) -> None:
        super().__init__()
        self.intra_op_num_threads = 1


def main(folder: Path) -> None:
    """Write small.onnx: weights of 7 bits per output channel, activations of 8 per tensor."""
    how = json.loads((folder / "how.json").read_text())

    # The tool has no setting for it, and would take all of a machine's cores in each of its workers.
    onnxruntime.SessionOptions = OneThread
    # It advises a preparation that changes nothing here.
    logging.disable(logging.WARNING)
    quantize_static(
        str(folder / "whole.onnx"),
        str(folder / "small.onnx"),
        Inputs(folder),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        # Without VNNI x86 adds pairs of products in 16 bits, which 8-bit weights would overflow.
        reduce_range=True,
        op_types_to_quantize=how["kinds"],
        nodes_to_exclude=how["kept"],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
