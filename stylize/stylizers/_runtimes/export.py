"""What a loaded stylizer's network is as a file: ONNX models, with what made them in their metadata."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import onnx
import torch
from onnx import helper

from stylize import __version__
from stylize.errors import UsageError
from stylize.stylizers._arbitrary import ArbitraryStyle
from stylize.stylizers._feedforward import OF_TORCH, FeedForward
from stylize.stylizers._runtimes import onnx_graph

PREFIX = "stylize."
"""Of the keys in a file's metadata."""


@dataclass(frozen=True)
class Exported:
    """The network of a method; `encoder` makes its second input of an artwork, None where it has no such input."""

    network: onnx.ModelProto
    encoder: onnx.ModelProto | None


def export(stylizer: FeedForward, code: Any = None, **facts: Any) -> Exported:
    """Return the models of a stylizer that was loaded with the runtime `modules`.

    code: a style to make part of the network; None leaves it as the second input, where styles are pictures.
    facts: more to say in the metadata. Raises UsageError for settings that no file can hold.
    """
    settings = {name: value for name, value in stylizer.settings.as_json().items() if name not in OF_TORCH}
    if isinstance(stylizer, ArbitraryStyle):
        if stylizer.settings.preserve_color:
            raise UsageError("preserve_color changes the artwork for each photo, which one file cannot; leave it out")
        if stylizer.blends_codes and stylizer.settings.alpha != 1:
            raise UsageError(f"{stylizer.name}'s alpha takes two passes, which one file has not; leave it out")
    net: Any = code if stylizer.styles_are_weights else getattr(stylizer, "net", None)
    if not hasattr(net, "graph"):
        raise UsageError(f"{stylizer.name}'s network has no `graph`, of which a file is made; it runs in torch alone")
    encoder, size = None, 0
    with torch.inference_mode():
        baked = None if code is None or stylizer.styles_are_weights else stylizer.flat(code)
        if isinstance(stylizer, ArbitraryStyle) and baked is None:
            size = stylizer.code_size
            encoder = onnx_graph.encoder(stylizer.encoder_graph, size)
    network = onnx_graph.network(net, size, baked, clip=True)
    told = {
        "version": __version__, "method": stylizer.name, "weights_sha256": stylizer.weights_sha256,
        "weights_files": stylizer.weights_files or None, "license": stylizer.weights_license, "settings": settings,
        "least_px": stylizer.least_px, "range": [0, 1],
    } | facts  # fmt: skip
    for part, model in (("network", network), ("encoder", encoder)):
        if model is not None:
            known = {name: value for name, value in told.items() if value is not None} | {"part": part}
            texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in known.items()}
            helper.set_model_props(model, {PREFIX + name: text for name, text in texts.items()})
    return Exported(network, encoder)
