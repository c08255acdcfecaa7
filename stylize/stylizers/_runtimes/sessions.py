"""What runs a network's graph on a CPU in place of torch: ONNX Runtime and OpenVINO, in this worker's threads."""

from __future__ import annotations

import functools
import importlib.util
import platform
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylize.errors import UnsupportedImageError, UsageError, named_message, one_line
from stylize.machine import devices
from stylize.stylizers._runtimes.loading import load_onnxruntime, load_openvino

if TYPE_CHECKING:
    import onnx

TORCH, ONNXRUNTIME, OPENVINO = "torch", "onnxruntime", "openvino"
RUNTIMES = (TORCH, ONNXRUNTIME, OPENVINO)
MODULES = "modules"
"""In place of a runtime: networks stay torch's modules, as published, to make graphs of."""
PRECISIONS = {TORCH: ("fp32", "bf16", "fp16"), ONNXRUNTIME: ("fp32",), OPENVINO: ("fp32", "bf16", "int8")}
FASTEST: dict[str, dict[str, str]] = {
    "avx2": {"compact": ONNXRUNTIME, "johnson": OPENVINO, "adain": OPENVINO},
}
"""Kind of processor to method to the runtime that measured fastest there in the default precision; else torch."""
SIZES_KEPT = 4
"""For how many sizes of image a network stays compiled: two shapes of photo, upright and lying."""
_NO_MEMORY = ("bad_alloc", "Failed to allocate")
"""What the runtimes say where memory runs out."""
_NEEDS = {ONNXRUNTIME: ("onnx", "onnxruntime"), OPENVINO: ("onnx", "openvino")}
_EXTRAS = {ONNXRUNTIME: "onnx", OPENVINO: "openvino"}


def installed(runtime: str) -> bool:
    """Return whether a runtime and what makes graphs for it are on this machine."""
    return all(importlib.util.find_spec(name) is not None for name in _NEEDS.get(runtime, ()))


def lacking(runtime: str) -> tuple[str, ...]:
    """Return the precisions that a runtime takes on this processor and then computes in fp32 all the same."""
    has_bf16 = runtime != OPENVINO or "BF16" in _openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return () if has_bf16 else ("bf16",)


def kind_of_processor() -> str:
    """Return bf16, avx512, avx2 or other: what torch uses of this machine's instructions."""
    capability = torch.backends.cpu.get_cpu_capability()
    if capability == "AVX512" and devices.fast_bf16(torch.device("cpu")):
        return "bf16"
    return {"AVX512": "avx512", "AVX2": "avx2"}.get(capability, "other")


def fastest(method: str, precision: str) -> str:
    """Return the runtime for a method where none is asked for: of the table, if it is installed and has the precision.

    It is a matter of the kind of processor alone, never timed: so that a machine's results are the same each time.
    """
    runtime = FASTEST.get(kind_of_processor(), {}).get(method, TORCH)
    usable = runtime != TORCH and precision in ("auto", *PRECISIONS[runtime]) and installed(runtime)
    usable = usable and (precision != "bf16" or "bf16" not in lacking(runtime))
    return runtime if usable else TORCH


def check_installed(runtime: str, precision: str = "fp32") -> None:
    """Raise UsageError naming the extra that brings what is missing."""
    install = f"pip install 'stylize[{_EXTRAS.get(runtime)}]'"
    if precision == "int8" and not (installed(runtime) and installed(ONNXRUNTIME)):
        raise UsageError(f"int8 needs {runtime}, and {ONNXRUNTIME} to make 8 bits of weights: {install}")
    if not installed(runtime):
        raise UsageError(f"runtime {runtime} is not installed: {install}")


def has_int8(device: str) -> bool:
    """Return whether a runtime computes in 8 bits on a kind of device."""
    return device == "cpu" and platform.machine().lower() in ("x86_64", "amd64")


def for_int8(asked: str, device: str) -> str:
    """Return the runtime that computes in 8 bits on a kind of device. Raises UsageError where none does."""
    if not has_int8(device):
        raise UsageError("int8 runs on x86 CPUs alone; give another precision")
    if asked not in ("auto", OPENVINO):
        raise UsageError(f"int8 runs in {OPENVINO} alone; leave the runtime {one_line(asked)} out")
    return OPENVINO


class Session(ABC):
    """A network's graph, loaded by a runtime. One call at a time."""

    def __init__(self, model: onnx.ModelProto, least_px: int = 1) -> None:
        """`least_px`: the shortest side that the graph takes; smaller images repeat their edge up to it."""
        self.least_px = least_px
        self.modules: tuple[nn.Module, Sequence[nn.Module]] | None = None
        """The same network for torch, and what of it stays in fp32; None for a graph that came as a file."""
        self.scale, self.one_by_one = 1.0, False
        self.compiled_anew = False
        """Whether the last call compiled the network, for the first image of its size."""
        self.takes_code = len(model.graph.input) > 1
        self._finite = all(_is_finite(weight) for weight in model.graph.initializer)

    def __call__(self, contents: Tensor, codes: Tensor | None = None) -> Tensor:
        """Turn (N, 3, H, W) in [0, 1], with a code (1, K) for all or (N, K), into (N, 3, H, W), fp32, not clamped."""
        if len(contents) > 1 and (self.one_by_one or (codes is not None and len(codes) > 1)):
            each = [None] * len(contents) if codes is None else codes[:, None].expand(len(contents), -1, -1)
            pictures, anew = [], False
            for pair in zip(contents[:, None], each, strict=True):
                pictures.append(self(*pair))
                anew |= self.compiled_anew
            self.compiled_anew = anew
            return torch.cat(pictures)
        height, width = contents.shape[-2:]
        right, down = max(0, self.least_px - width), max(0, self.least_px - height)
        if right or down:
            contents = F.pad(contents, (0, right, 0, down), mode="replicate")
        contents = contents if self.scale == 1 else contents * self.scale
        inputs = [contents] if codes is None else [contents, codes]
        picture = torch.from_numpy(self._run([one.to(torch.float32).contiguous().numpy() for one in inputs]))
        if picture.shape[:2] != contents.shape[:2] or picture.shape[-2] < height or picture.shape[-1] < width:
            raise UnsupportedImageError(f"the network makes {tuple(picture.shape)} of {width} x {height} px")
        # A runtime's ReLU turns what is no number into 0, and a picture would seem to come of it.
        sound = self._finite and (codes is None or bool(torch.isfinite(codes.sum())))
        picture[~(torch.isfinite(contents.sum((1, 2, 3))) & sound)] = float("nan")
        return picture[..., :height, :width] if self.scale == 1 else picture[..., :height, :width] / self.scale

    def _run(self, inputs: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        try:
            return self.run(inputs)
        except Exception as error:  # each runtime has errors of its own
            if any(words in str(error) for words in _NO_MEMORY):
                self.release()  # what was allocated by then
                raise MemoryError(named_message(error)) from None
            raise

    @abstractmethod
    def run(self, inputs: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """Return the picture, in memory of its own."""

    def release(self) -> None:  # noqa: B027
        """Give back what is kept for the next image, so that its memory can be measured."""


def onnxruntime_options() -> Any:
    """Return options of ONNX Runtime with as many threads as torch has, which sleep while they wait."""
    options = load_onnxruntime().SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    # Threads that wait must not take the core from reading and scoring, as OpenMP's must not.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


class OnnxRuntime(Session):
    """In ONNX Runtime, on as many threads as torch has."""

    def __init__(self, model: onnx.ModelProto, least_px: int = 1) -> None:
        super().__init__(model, least_px)
        options = onnxruntime_options()
        # Its own arena would keep the largest image's memory; glibc, which workers have set up for that, does as well.
        options.enable_cpu_mem_arena = False
        # Its plan of memory, from the second image of a size on, takes up to 1.7 times what the first one took.
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        self._names = [one.name for one in model.graph.input]
        self._session = load_onnxruntime().InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def run(self, inputs: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """Return the picture, in memory of its own."""
        (picture,) = self._session.run(None, dict(zip(self._names, inputs, strict=True)))
        result: np.ndarray[Any, Any] = picture
        return result


@functools.cache
def _openvino_core() -> Any:
    """Return the process's one core of OpenVINO, which is never let go.

    A core gives the thread that makes it a stack for signals, and frees that with itself: with two of them let go in
    the order they were made, the next signal, such as Ctrl-C, ended the process by a segmentation fault.
    """
    return load_openvino().Core()


class OpenVino(Session):
    """In OpenVINO, on as many threads as torch has, which may run on any core."""

    def __init__(
        self, model: onnx.ModelProto, least_px: int = 1, precision: str = "fp32", *, by_size: bool = False
    ) -> None:
        """`by_size`: compile the network anew for each size of image, not once for all of them.

        That takes less time and memory per image, and some tenths of a second for a size; SIZES_KEPT stay compiled.
        """
        super().__init__(model, least_px)
        self._core = _openvino_core()
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            # Pinned, all workers of a machine would sit on the same cores.
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        }
        self._model = self._core.read_model(model.SerializeToString())
        self._by_size = by_size
        self._compiled: dict[tuple[int, ...], Any] = {}
        """What is compiled, by the shape that it takes, () for any; the one that was used last is the last."""
        self._request: Any = None
        self._one_call = threading.RLock()
        """Held by a call: OpenVINO refuses a second one of the same request, as from another thread."""
        if not by_size:
            self._use(())

    def run(self, inputs: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """Return the picture, in memory of its own."""
        shape = inputs[0].shape if self._by_size else ()
        with self._one_call:
            self.compiled_anew = shape not in self._compiled
            if self._request is None or shape != next(reversed(self._compiled)):
                self._use(shape)
            # Were outputs shared, too, the next image would be written over this one.
            picture: np.ndarray[Any, Any] = self._request.infer(inputs, share_inputs=True)[0]
        return picture

    def _use(self, shape: tuple[int, ...]) -> None:
        """Make the next call one of images of a shape, () for any."""
        self.release()
        compiled = self._compiled.pop(shape, None)
        if compiled is None:
            model = self._model.clone()
            if shape:
                model.reshape({model.inputs[0]: list(shape)})
            compiled = self._core.compile_model(model, "CPU", self._settings)
        self._compiled[shape] = compiled
        if len(self._compiled) > SIZES_KEPT:
            del self._compiled[next(iter(self._compiled))]
        self._request = compiled.create_infer_request()

    def release(self) -> None:
        """Give back what is kept for the next image."""
        with self._one_call:
            self._request = None
            if self._compiled:
                self._compiled[next(reversed(self._compiled))].release_memory()


def _is_finite(weight: onnx.TensorProto) -> bool:
    from onnx import numpy_helper

    return bool(np.isfinite(numpy_helper.to_array(weight)).all())


def open_model(
    model: onnx.ModelProto, runtime: str, precision: str, least_px: int = 1, *, by_size: bool = False
) -> Session:
    """Return a model loaded by a runtime. Raises UsageError if that is not installed."""
    check_installed(runtime)
    if runtime == ONNXRUNTIME:
        return OnnxRuntime(model, least_px)
    return OpenVino(model, least_px, precision, by_size=by_size)
