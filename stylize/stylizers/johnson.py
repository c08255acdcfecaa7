"""`johnson`: one network per style (Johnson, Alahi, Fei-Fei 2016, section 3.1), with instance normalisation.

The network is that of the PyTorch examples (fast_neural_style): its state dicts load as they are.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylize import weights as files
from stylize.errors import UsageError, WeightsError
from stylize.machine.one_thread import on_this_thread_alone
from stylize.stylizers import _feedforward, base
from stylize.stylizers._building import as_by_default
from stylize.stylizers._folded import Conv9, UpConv
from stylize.stylizers._layers import conv, normalize
from stylize.stylizers._pictures import check_code
from stylize.stylizers._runtimes import style_files

if TYPE_CHECKING:
    from stylize.stylizers._runtimes.onnx_graph import Graph

RUNNING = re.compile(r"in\d+\.(running_(mean|var)|num_batches_tracked)$")
"""Statistics that torch < 0.4 saved with a checkpoint and nothing ever used."""


class Norm(nn.Module):
    """Instance normalisation with a learnt scale and shift; of an image's four phases together where they are given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(Tensor(channels).fill_(1))
        self.bias = nn.Parameter(Tensor(channels).zero_())

    def forward(self, x: Tensor) -> Tensor:
        phases = x.shape[1] // self.weight.shape[0]
        gain, shift = (p.float().repeat_interleave(phases).view(1, -1, 1, 1) for p in (self.weight, self.bias))
        return normalize(x, gain, shift, phases=phases)

    def graph(self, graph: Graph, x: str) -> str:
        """Add the same to a graph, without phases."""
        return graph.normalize(x, graph.const(self.weight), graph.const(self.bias))


class Residual(nn.Module):
    """Two 3x3 convolutions with normalisation, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.in1 = conv(channels, channels, 3), Norm(channels)
        self.conv2, self.in2 = conv(channels, channels, 3), Norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.in2(self.conv2(torch.relu_(self.in1(self.conv1(x)))))
        return y

    def graph(self, graph: Graph, x: str) -> str:
        """Add the same to a graph."""
        y = graph.relu(self.in1.graph(graph, graph.conv(x, self.conv1)))
        return graph.add(x, self.in2.graph(graph, graph.conv(y, self.conv2)))


class TransformerNet(nn.Module):
    """Turns (N, 3, H, W) in [0, 255] into (N, 3, H', W'), about [0, 255], H' and W' rounded up to multiples of 4."""

    deconv1: nn.Module
    deconv2: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.in1 = conv(3, 32, 9), Norm(32)
        self.conv2, self.in2 = conv(32, 64, 3, stride=2), Norm(64)
        self.conv3, self.in3 = conv(64, 128, 3, stride=2), Norm(128)
        for i in range(1, 6):
            setattr(self, f"res{i}", Residual(128))
        self.deconv1, self.in4 = conv(128, 64, 3), Norm(64)
        self.deconv2, self.in5 = conv(64, 32, 3), Norm(32)
        self.deconv3: nn.Module = conv(32, 3, 9)
        self.folded = False

    @on_this_thread_alone()
    def fold(self) -> None:
        """Run the layers behind the upsamplings at the smaller size."""
        self.deconv1, self.deconv2 = UpConv(self.deconv1, "nearest"), UpConv(self.deconv2, "nearest")
        self.deconv3 = Conv9(self.deconv3)
        self.folded = True

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu_(self.in1(self.conv1(x)))
        x = torch.relu_(self.in2(self.conv2(x)))
        x = torch.relu_(self.in3(self.conv3(x)))
        for i in range(1, 6):
            x = getattr(self, f"res{i}")(x)
        if self.folded:
            x = F.pixel_shuffle(torch.relu_(self.in4(self.deconv1(x))), 2)
            x = torch.relu_(self.in5(self.deconv2(x)))
            return F.pixel_shuffle(self.deconv3(x), 2)
        x = torch.relu_(self.in4(self.deconv1(F.interpolate(x, scale_factor=2, mode="nearest"))))
        x = torch.relu_(self.in5(self.deconv2(F.interpolate(x, scale_factor=2, mode="nearest"))))
        result: Tensor = self.deconv3(x)
        return result

    def graph(self, graph: Graph, content: str) -> str:
        """Add the network that is not folded to a graph, of images in [0, 1]."""
        x = graph.mul(content, graph.const(255.0))
        for layer, norm in ((self.conv1, self.in1), (self.conv2, self.in2), (self.conv3, self.in3)):
            x = graph.relu(norm.graph(graph, graph.conv(x, layer)))
        for i in range(1, 6):
            x = getattr(self, f"res{i}").graph(graph, x)
        for up, norm in ((self.deconv1, self.in4), (self.deconv2, self.in5)):
            x = graph.relu(norm.graph(graph, graph.enlarged_conv(x, up)))
        return graph.mul(graph.conv9(x, self.deconv3), graph.const(1 / 255))


class Johnson(_feedforward.FeedForward):
    """One small network per style: the fastest of the classics. A style is a checkpoint, not a picture.

    From Python, `weights` is one checkpoint or a folder of them, and a style is a checkpoint's name without suffix:
    `stylize.load("johnson", weights="styles/")(photo, "mosaic")`.
    """

    name = "johnson"
    summary = "one network per style, one pass (Johnson et al. 2016); a folder of checkpoints is a folder of styles"
    needs: ClassVar[str] = (
        "a state dict of the PyTorch examples' TransformerNet (.pth, .model, .safetensors), or a folder of them"
    )
    styles_are_weights = True
    bytes_per_pixel = 350.0
    kinds_in_8_bits = ("Conv", "Pad", "Relu")
    least_px = 16
    settings_type: ClassVar[type[base.Settings]] = _feedforward.FoldedSettings

    def load(self, weights: Path | str | None) -> None:
        """Read a checkpoint or a folder of them; None leaves it to `read_style`."""
        self._styles: dict[str, Any] = {}
        if weights == base.RANDOM:
            self.weights_sha256 = base.RANDOM
            self._styles[base.RANDOM] = self._ready(TransformerNet())
        elif weights is not None:
            states = []
            for path in _checkpoints(Path(weights)):
                data = files.file_bytes(path, self.needs)
                self._styles[_style_name(path)] = self.read_style(data, path)
                states.append(files.State(path, {}, hashlib.sha256(data).hexdigest()))
            if len(self._styles) < len(states):
                raise UsageError(f"{weights}: two checkpoints of one name, which is what a style is called; rename one")
            self.note(states)

    def read_style(self, data: bytes, path: Path) -> Any:
        """Turn a checkpoint's bytes, or those of an ONNX file, into its network."""
        if path.suffix.lower() == files.GRAPH_SUFFIX:
            return style_files.open_file(data, path, self.runtime, self.precision, by_size=self.settings.compile)
        return self._network(files.parse(data, path, self.needs))

    def code(self, style: Any = None) -> Any:
        """Return the network of a style's name; with one checkpoint, of anything."""
        if len(self._styles) == 1 and not isinstance(style, str):
            return next(iter(self._styles.values()))
        if isinstance(style, str) and (name := unicodedata.normalize("NFC", style)) in self._styles:
            return self._styles[name]
        if not self._styles:
            raise WeightsError(f"johnson needs --weights, a checkpoint per style: give {self.needs}, or `random`")
        known = ", ".join(sorted(self._styles))
        raise UsageError(f"johnson: a style is a checkpoint's name, not {style!r:.80}; its styles: {known}")

    def encode_style(self, style: Tensor) -> nn.Module:
        """Return the one network there is: a picture says nothing here. Raises UsageError if there are several."""
        network: nn.Module = self.code()
        return network

    def forward(self, contents: Tensor, code: nn.Module) -> Tensor:
        """Turn (N, 3, H, W) in [0, 1] into (N, 3, H', W') of multiples of 4."""
        check_code(self.name, code)
        image: Tensor = code(contents * 255)
        return image.float() / 255

    def _network(self, state: files.State) -> nn.Module:
        with as_by_default():
            with files.unfilled():
                net = TransformerNet()
            files.fill(net, state, self.needs, plain_name)
            return self._ready(net)

    def _ready(self, net: TransformerNet) -> nn.Module:
        if self.settings.folded and self.runtime == "torch":
            net.fold()
        ready: nn.Module = self.prepare(net)
        return ready


def plain_name(name: str) -> str | None:
    """Turn a published state dict's name into TransformerNet's own; None for what nothing uses."""
    return None if RUNNING.search(name) else name.replace(".conv2d.", ".")


def _style_name(path: Path) -> str:
    """Return what a checkpoint's style is called: accents are one character, however the file's name has them."""
    return unicodedata.normalize("NFC", path.name.removesuffix(".tar").rsplit(".", 1)[0])


def _checkpoints(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    checkpoints = sorted(p for p in path.iterdir() if p.suffix.lower() in files.SUFFIXES)
    if not checkpoints:
        kinds = ", ".join(files.SUFFIXES)
        raise WeightsError(f"{path}: no checkpoints in this folder (looked for {kinds}); expected {Johnson.needs}")
    return checkpoints


STYLIZER = Johnson
