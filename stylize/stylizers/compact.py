"""`compact`: the bundled arbitrary-style network; its weights ship in the package.

Conditional instance normalisation from a predicted style code: Dumoulin et al. 2017, section 2.2; Ghiasi et al. 2017,
section 2. The network is in `_compact_net`, how its weights were made in `weights/compact.md`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from stylize import weights as files
from stylize.stylizers import _arbitrary, base
from stylize.stylizers._compact_net import CODE_SIZE, LEAST_STYLE_PX, CompactNet
from stylize.stylizers._layers import at_least

if TYPE_CHECKING:
    from stylize.stylizers._runtimes.onnx_graph import Graph

BUNDLED = Path(__file__).parent / "weights" / "compact.safetensors"
LICENSE = "Apache-2.0"


class Compact(_arbitrary.ArbitraryStyle):
    """The bundled model: any style, one pass, about 1.6 million weights."""

    name = "compact"
    summary = "any style, one fast pass; the bundled model, needs no download"
    code_size = CODE_SIZE
    bytes_per_pixel = 215.0
    kinds_in_8_bits = ("Conv", "Pad", "Relu")

    def load(self, weights: Path | str | None) -> None:
        """Load safetensors of `_compact_net.CompactNet`; None means the bundled ones."""
        with files.unfilled(weights != base.RANDOM):
            net = CompactNet()
        if weights == base.RANDOM:
            self.weights_sha256 = base.RANDOM
        else:
            expected = "weights of the compact network, as jobs.train makes them"
            state = files.read(Path(weights or BUNDLED), expected)
            files.fill(net, state, expected)
            self.note([state])
            self.weights_license = LICENSE if weights is None else None
        self.style_encoder = self.in_fp32(net.style)
        self.net = self.prepare(net, keep=[net.to_affine])

    def encode(self, style: Tensor) -> Tensor:
        """Turn (3, H, W) in [0, 1] into a code (1, C)."""
        # Space-to-depth takes even sides.
        height, width = (n + n % 2 for n in style.shape[-2:])
        code: Tensor = self.style_encoder(
            self.to_batch(at_least(style, LEAST_STYLE_PX, (height, width)), torch.float32)
        )
        return code

    def encoder_graph(self, graph: Graph, style: str) -> str:
        """Add `encode` to a graph."""
        code: str = self.style_encoder.graph(graph, style)
        return code

    def forward(self, contents: Tensor, code: Tensor) -> Tensor:
        """Turn (N, 3, H, W) in [0, 1] into the same, about [0, 1]."""
        image: Tensor = self.net(contents, code)
        return image


STYLIZER = Compact
