"""A network's graph in 8 bits: static quantisation by ONNX Runtime's own tool, calibrated on the shipped artworks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from stylize.errors import WeightsError, one_line
from stylize.gallery import styles_folder
from stylize.images import MAX_PIXELS, decode_safely
from stylize.machine.one_thread import on_this_thread_alone
from stylize.stylizers._runtimes import onnx_graph
from stylize.stylizers._runtimes.loading import SILENT
from stylize.stylizers.base import to_tensor

CALIBRATION_PX = 256
_APART = Path(__file__).with_name("quantize_apart.py")


def in_8_bits(stylizer: Any, model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model of a loaded feed-forward stylizer's network in 8 bits, the same for the same weights.

    Raises WeightsError for one that cannot be brought into them.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Sums of other numbers of threads differ in their last digit, and ranges with them.
        with on_this_thread_alone():
            for number, inputs in enumerate(_calibration(stylizer, len(model.graph.input) > 1)):
                np.savez(folder / f"{number:03}.npz", **inputs)
        onnx.save(model, str(folder / "whole.onnx"))
        how = {"kinds": stylizer.kinds_in_8_bits, "kept": _kept(model, stylizer.exact_in_8_bits)}
        (folder / "how.json").write_text(json.dumps(how))
        paths = os.pathsep.join(path for path in sys.path if path)
        # Without -P the modules beside the file could be taken for others of their names.
        command = [sys.executable, "-P", str(_APART), str(folder)]
        environment = SILENT | os.environ | {"PYTHONPATH": paths}
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        if done.returncode != 0:
            said = (done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}").splitlines()[-1]
            raise WeightsError(f"{stylizer.name}'s weights cannot be brought into 8 bits: {one_line(said)}")
        result = onnx.load(str(folder / "small.onnx"))
    del result.metadata_props[:]
    result.metadata_props.extend(model.metadata_props)
    return result


def _calibration(stylizer: Any, with_codes: bool) -> Iterator[dict[str, Any]]:
    """Yield inputs of the network by name: shipped artworks as photos, each in the full style of the next one."""
    # Settings that each image may have for itself must not change the network.
    stylizer = stylizer.with_settings(alpha=1.0) if "alpha" in stylizer.per_image else stylizer
    cpu = torch.device("cpu")
    paths = sorted(styles_folder().rglob("*.jpg"))
    decoded = (decode_safely(p.read_bytes(), long_side_px=CALIBRATION_PX, max_pixels=MAX_PIXELS) for p in paths)
    pictures = [to_tensor(one.pixels, cpu) for one in decoded]
    for photo, artwork in zip(pictures, [*pictures[1:], pictures[0]], strict=True):
        inputs = {onnx_graph.CONTENT: photo[None].numpy()}
        if with_codes:
            with torch.inference_mode():
                inputs[onnx_graph.CODE] = stylizer.flat(stylizer.encode(artwork)).numpy()
        yield inputs


def _kept(model: onnx.ModelProto, exact: tuple[str, ...]) -> list[str]:
    """Return the names of operators that stay in fp32: convolutions whose names begin so, and their paddings.

    The normalisations' statistics need the digits, too; they are of no kind that is brought into 8 bits.
    """
    convolutions = {node.name for node in model.graph.node if node.op_type == "Conv"}
    exactly = {name for name in convolutions if exact and name.startswith(exact)}
    # What an exact layer is given must be exact, too.
    given = {node.input[0] for node in model.graph.node if node.name in exactly}
    pads = {node.name for node in model.graph.node if node.op_type == "Pad" and node.output[0] in given}
    return sorted(exactly | pads)
