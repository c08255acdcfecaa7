"""A network's ONNX graph, built layer by layer from loaded modules: sizes and batch stay free, weights are theirs.

torch's own exporters were tried first (docs/decisions.md): each needs seconds, and freezes or refuses sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from stylize.stylizers._folded import UpConv
from stylize.stylizers._layers import EPS

OPSET = 18
IR_VERSION = 9
"""Of opset 18's time, so that older runtimes read the files, too."""
CONTENT, CODE, PICTURE, STYLE = "content", "code", "picture", "style"
"""The names of inputs and outputs: (N, 3, H, W) in [0, 1]; (1, K); (N, 3, H, W), about [0, 1]; (1, 3, H, W)."""
Shape = Sequence[int | str]
"""The sizes of an input or output; one by a name is free."""
_PAD_MODES = {"reflect": "reflect", "replicate": "edge"}


class Graph:
    """Nodes and weights so far. A value in it is a name; methods add what computes a value and return its name."""

    def __init__(self, net: nn.Module | None = None) -> None:
        """`net` names the nodes of its layers' convolutions as its modules are named."""
        self._names = {} if net is None else {id(module): name for name, module in net.named_modules()}
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._known: dict[bytes, str] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        return self.ops(kind, *inputs, outputs=1, **attributes)[0]

    def ops(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs."""
        names = [f"{kind}_{len(self.nodes)}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=f"{kind}_{len(self.nodes)}", **attributes))
        return names

    def const(self, value: Any) -> str:
        """Add a constant: a tensor, floats or whole numbers."""
        if isinstance(value, Tensor):
            value = value.detach().float().cpu().numpy()
        array = np.asarray(value)
        array = np.ascontiguousarray(array, np.int64 if array.dtype.kind == "i" else np.float32).reshape(array.shape)
        key = repr((array.dtype, array.shape)).encode() + array.tobytes()
        if key not in self._known:
            self._known[key] = f"{'weight' if array.size > 16 else 'constant'}_{len(self.weights)}"
            self.weights.append(numpy_helper.from_array(array, self._known[key]))
        return self._known[key]

    def relu(self, x: str) -> str:
        return self.op("Relu", x)

    def add(self, a: str, b: str) -> str:
        return self.op("Add", a, b)

    def mul(self, a: str, b: str) -> str:
        return self.op("Mul", a, b)

    def size(self, x: str) -> str:
        """Return height and width as two whole numbers."""
        return self.op("Shape", x, start=2)

    def pad(self, x: str, by: int, mode: str) -> str:
        """Pad (N, C, H, W) on all sides."""
        return self.op("Pad", x, self.const([0, 0, by, by] * 2), mode=_PAD_MODES[mode])

    def conv(self, x: str, conv: nn.Conv2d, *, weight: Tensor | None = None) -> str:
        """Add a convolution with its padding; `weight` in place of the module's own."""
        sides = conv.padding[0]
        assert isinstance(sides, int)
        if sides and conv.padding_mode != "zeros":
            x, sides = self.pad(x, sides, conv.padding_mode), 0
        weight = conv.weight if weight is None else weight
        bias = [] if conv.bias is None else [self.const(conv.bias)]
        result = self.op(
            "Conv", x, self.const(weight), *bias,
            kernel_shape=list(weight.shape[2:]), strides=list(conv.stride), pads=[sides] * 4, group=conv.groups,
        )  # fmt: skip
        self._name_last(conv)
        return result

    def _name_last(self, module: nn.Module) -> None:
        if id(module) in self._names:
            self.nodes[-1].name = self._names[id(module)]

    def linear(self, x: str, linear: nn.Linear) -> str:
        """Add a fully connected layer on (1, C)."""
        return self.op("Gemm", x, self.const(linear.weight), self.const(linear.bias), transB=1)

    def module(self, x: str, module: nn.Module) -> str:
        """Add a layer, or a sequence of them. A network of another kind says itself how, by a method `graph`."""
        if isinstance(module, nn.Sequential):
            for part in module:
                x = self.module(x, part)
            return x
        if isinstance(module, nn.Conv2d):
            return self.conv(x, module)
        if isinstance(module, nn.Linear):
            return self.linear(x, module)
        if isinstance(module, nn.ReLU):
            return self.relu(x)
        if isinstance(module, nn.Upsample):
            return self.enlarge(x, module.mode)
        if isinstance(module, nn.MaxPool2d):
            return self.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=int(module.ceil_mode))
        if isinstance(module, nn.AdaptiveAvgPool2d):
            return self.op("GlobalAveragePool", x)
        if isinstance(module, nn.Identity):
            return x
        result: str = module.graph(self, x)  # type: ignore[operator]
        return result

    def enlarged_conv(self, x: str, conv: nn.Module) -> str:
        """Add a `nearest` upsampling by 2 folded into the convolution behind it."""
        return self.to_space(self.conv(x, UpConv(conv, "nearest").folded))

    def conv9(self, x: str, conv: nn.Module) -> str:
        """Add a 9x9 convolution with few outputs: computed for four pixels at once, which fills vector lanes."""
        assert isinstance(conv, nn.Conv2d)
        outputs, inputs = conv.weight.shape[:2]
        weight = conv.weight.new_zeros(outputs, 2, 2, inputs, 10, 10)
        for p in range(2):
            for q in range(2):
                weight[:, p, q, :, p : p + 9, q : q + 9] = conv.weight
        x = self.pad(x, 4, conv.padding_mode)
        assert conv.bias is not None
        bias = self.const(conv.bias.repeat_interleave(4))
        phases = self.op("Conv", x, self.const(weight.reshape(4 * outputs, inputs, 10, 10)), bias, strides=[2, 2])
        self._name_last(conv)
        return self.to_space(phases)

    def unshuffled_conv(self, x: str, conv: nn.Conv2d) -> str:
        """Add `pixel_unshuffle` by 2 and a convolution; ONNX orders the channels otherwise, so the weights follow."""
        outputs, inputs, *size = conv.weight.shape
        weight = conv.weight.reshape(outputs, inputs // 4, 4, *size).transpose(1, 2).reshape(conv.weight.shape)
        return self.conv(self.op("SpaceToDepth", x, blocksize=2), conv, weight=weight)

    def enlarge(self, x: str, mode: str) -> str:
        """Add an upsampling by 2, `nearest` or `bilinear`."""
        how, places = {"nearest": ("nearest", "asymmetric"), "bilinear": ("linear", "half_pixel")}[mode]
        scales = self.const([1.0, 1.0, 2.0, 2.0])
        return self.op("Resize", x, "", scales, mode=how, coordinate_transformation_mode=places, nearest_mode="floor")

    def resized(self, x: str, size: str) -> str:
        """Add `bilinear` interpolation of (1, 3, H, W) to a size of two whole numbers."""
        whole = self.op("Concat", self.const([1, 3]), size, axis=0)
        return self.op("Resize", x, "", "", whole, mode="linear", coordinate_transformation_mode="half_pixel")

    def at_least(self, x: str, side: int, size: str = "") -> str:
        """Add `_layers.at_least` for (1, 3, H, W)."""
        return self.resized(x, self.op("Max", size or self.size(x), self.const([side, side])))

    def to_space(self, x: str) -> str:
        """Add `pixel_shuffle` by 2."""
        return self.op("DepthToSpace", x, blocksize=2, mode="CRD")

    def split(self, x: str, sizes: Sequence[int], axis: int = 1) -> list[str]:
        """Cut a value into parts along an axis."""
        return self.ops("Split", x, self.const(list(sizes)), outputs=len(sizes), axis=axis)

    def flat(self, x: str) -> str:
        """Return all of a value's numbers in a row."""
        return self.op("Reshape", x, self.const([-1]))

    def normalize(self, x: str, gain: str, shift: str) -> str:
        """Add an instance normalisation; gain and shift are (C,), the same for each image."""
        return self.op("InstanceNormalization", x, gain, shift, epsilon=EPS)

    def centred(self, x: str) -> str:
        """Subtract each channel's mean.

        Before `normalize` it takes out what runtimes' fused operation misses of the mean, which a large gain makes
        another colour where a channel is constant. It costs memory, most at full size.
        """
        return self.op("Sub", x, self.op("ReduceMean", x, self.const([2, 3]), keepdims=1))

    def mean_std(self, x: str, correction: int = 1) -> tuple[str, str]:
        """Turn (1, C, H, W) into means and deviations, (1, C, 1, 1)."""
        mean = self.op("ReduceMean", x, self.const([2, 3]), keepdims=1)
        centred = self.op("Sub", x, mean)
        var = self.op("ReduceMean", self.mul(centred, centred), self.const([2, 3]), keepdims=1)
        if correction:
            var = self.op("Div", var, self.unbiased(x))
        return mean, self.op("Sqrt", self.add(var, self.const(EPS)))

    def unbiased(self, x: str) -> str:
        """Return (n - 1) / n of the n pixels of a channel, which turns the mean square into the variance."""
        count = self.op("Cast", self.op("ReduceProd", self.size(x), keepdims=0), to=TensorProto.FLOAT)
        return self.op("Div", self.op("Sub", count, self.const(1.0)), count)

    def at_most(self, x: str, most: int) -> str:
        """Return 1 where a whole number is at most another, else 0."""
        return self.op("Cast", self.op("LessOrEqual", x, self.const([most])), to=TensorProto.INT64)

    def crop(self, x: str, begin: str, size: str) -> str:
        """Cut (N, C, H, W) down to `size`, from `begin` on; both are two whole numbers."""
        return self.op("Slice", x, begin, self.add(begin, size), self.const([2, 3]))

    def model(self, inputs: dict[str, Shape], value: str, name: str, shape: Shape) -> onnx.ModelProto:
        """Return the whole as a model. inputs: name to shape; its one output: the value, under a name."""
        self.nodes.append(helper.make_node("Identity", [value], [name], name=f"{name}_out"))
        described = [helper.make_tensor_value_info(n, TensorProto.FLOAT, of) for n, of in inputs.items()]
        result = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, "stylize", described, [result], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        model.producer_name = "stylize"
        return model


IMAGE = ("batch", 3, "height", "width")


def network(net: Any, code_size: int = 0, code: Tensor | None = None, *, clip: bool = False) -> onnx.ModelProto:
    """Return the model of a network that runs once per image.

    code_size: K of its second input (1, K); 0: none, or a `code` (1, K) that is made part of the model.
    clip: bring the picture into [0, 1], NaN or not.
    """
    graph = Graph(net)
    inputs: dict[str, Shape] = {CONTENT: IMAGE}
    extra = []
    if code is not None:
        extra = [graph.const(code)]
    elif code_size:
        inputs[CODE], extra = (1, code_size), [CODE]
    with torch.inference_mode():
        picture = graph.crop(net.graph(graph, CONTENT, *extra), graph.const([0, 0]), graph.size(CONTENT))
    if clip:
        picture = graph.op("Clip", picture, graph.const(0.0), graph.const(1.0))
    return graph.model(inputs, picture, PICTURE, IMAGE)


def encoder(encode: Callable[[Graph, str], str], code_size: int) -> onnx.ModelProto:
    """Return the model that turns an artwork (1, 3, H, W) in [0, 1] into a code (1, K)."""
    graph = Graph()
    with torch.inference_mode():
        code = graph.op("Reshape", encode(graph, STYLE), graph.const([1, code_size]))
    return graph.model({STYLE: (1, 3, "height", "width")}, code, CODE, (1, code_size))


def half_weights(model: onnx.ModelProto) -> None:
    """Keep weights in fp16, half the size; runtimes widen them once and compute as ever."""
    for weight in model.graph.initializer:
        array = numpy_helper.to_array(weight)
        if array.dtype != np.float32 or array.size <= 16:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(array.astype(np.float16), f"{name}_fp16"))
        cast = helper.make_node("Cast", [f"{name}_fp16"], [name], name=f"{name}_wide", to=TensorProto.FLOAT)
        model.graph.node.insert(0, cast)
