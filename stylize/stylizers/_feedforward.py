"""What every feed-forward method shares: one network pass in a precision and a memory layout, compiled on request."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import os
import shutil
import sysconfig
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from stylize.errors import UsageError, unknown
from stylize.machine.one_thread import on_this_thread_alone
from stylize.stylizers import base
from stylize.stylizers._pictures import check_code
from stylize.stylizers._runtimes import sessions
from stylize.stylizers._strips import bounded

TOGETHER_PX, TOGETHER_ON_ACCELERATORS_PX = 4 * 128 * 128, 6 * 2**20
"""Pixels in a batch up to which it is faster than its images one by one (docs/decisions.md)."""
MOST_BATCHED = 8
"""Images of a batch at most (docs/decisions.md)."""
MOST_COMPILED = 256
"""Sizes and precisions that torch compiles a kind of network for in a process, of all that it compiles there."""
OF_TORCH = {"channels_last": True, "compile": False, "folded": True}
"""Settings of how torch computes, with their defaults; `auto` stays with torch where another value is given."""


class Settings(base.Settings):
    """channels_last: activations with channels innermost. compile: torch.compile the network at its first image."""

    channels_last: bool = Field(True, description="activations with channels innermost")
    compile: bool = Field(False, description="compile the network at the first image of a size")


class FoldedSettings(Settings):
    """folded: run the layers behind an upsampling at the smaller size; the same sums in fewer passes."""

    folded: bool = Field(True, description="fold upsampling into the convolution behind it")


class FeedForward(bounded.Bounded):
    """A method whose `stylize` is one pass of a network. Subclasses call `prepare` on what they load."""

    precisions: ClassVar[tuple[str, ...]] = ("fp32", "bf16", "fp16", "int8")
    settings_type: ClassVar[type[base.Settings]] = Settings
    settings: Any
    bytes_per_pixel: ClassVar[float] = 200.0
    """What images take in OpenVINO, the most of the other runtimes; torch's are traced (docs/decisions.md)."""
    code_size: ClassVar[int] = 0
    """How many numbers a style's code is for the network's graph; 0: none, as each style is a network."""
    exact_in_8_bits: ClassVar[tuple[str, ...]] = ()
    """The beginnings of names of layers that stay in fp32 in int8, as measured (docs/decisions.md)."""
    kinds_in_8_bits: ClassVar[tuple[str, ...]] = ("Conv",)
    """The kinds of ONNX operators that int8 has in 8 bits, as measured, too."""
    half_in: ClassVar[tuple[str, ...]] = (sessions.TORCH, sessions.OPENVINO)
    """The runtimes in which bf16 keeps fp32's result (SSIM 0.98 or more)."""
    weights_license: str | None = None
    """SPDX name of the weights' licence; None where nobody here knows it, as of a user's own."""
    _anew = False
    """Whether any of the last call's passes, of which `alpha` takes two, compiled the network."""

    def prepare(self, net: nn.Module, *, keep: Sequence[nn.Module] = ()) -> Any:
        """Return the network ready to run: frozen, in this stylizer's precision and layout; `keep` stays in fp32."""
        net.requires_grad_(False).eval()
        if self.runtime == sessions.MODULES:
            return net
        if self.runtime != sessions.TORCH:
            session = self.open_graph(net)
            session.modules = net, keep
            return session
        with on_this_thread_alone():
            # Narrowed and widened again, a part would have lost its digits.
            exact = [{name: value.clone() for name, value in part.state_dict().items()} for part in keep]
            net = net.to(self.device, self.dtype)
            for part, state in zip(keep, exact, strict=True):
                part.float().load_state_dict(state)
            if self.settings.channels_last:
                net = net.to(memory_format=torch.channels_last)
        if self.settings.compile:
            check_compiler(self.device)
            # What is compiled for one style's network does the others of its kind.
            self._compiled_for: set[Any] = getattr(self, "_compiled_for", set())
            # Left to itself, torch goes over to free sizes at the second one, which it fails to compile.
            return torch.compile(net, dynamic=False)
        return net

    def open_graph(self, net: Any) -> sessions.Session:
        """Return a network's graph, which its own `graph` makes, loaded by this stylizer's runtime."""
        if not hasattr(net, "graph"):
            raise UsageError(f"{self.name} has no graph to run in {self.runtime}; give the runtime torch")
        from stylize.stylizers._runtimes import onnx_graph

        model = onnx_graph.network(net, self.code_size)
        if self.precision == "int8":
            from stylize.stylizers._runtimes import quantize

            model = quantize.in_8_bits(self, model)
        return sessions.open_model(model, self.runtime, self.precision, by_size=self.settings.compile)

    def in_torch(self, code: Any) -> tuple[Self, Any] | None:
        """Return this method and a code as torch runs them, for images in strips; None for a style that is a graph."""
        if self.runtime == sessions.TORCH:
            return None
        sessions_held = [one for one in (code, *vars(self).values()) if isinstance(one, sessions.Session)]
        if any(one.modules is None for one in sessions_held):
            return None
        other = self.twin()
        other.runtime, other.precision = sessions.TORCH, self.precision_in_strips
        other.dtype = base.DTYPES[other.precision]
        # It would be compiled for strips' sizes, of which each is taken once.
        other.settings = self.settings.model_copy(update={"compile": False})

        def module(value: Any) -> Any:
            net, keep = value.modules
            return other.prepare(net, keep=keep)

        for name, value in vars(self).items():
            if isinstance(value, sessions.Session):
                setattr(other, name, module(value))
        return other, module(code) if isinstance(code, sessions.Session) else code

    @classmethod
    def choose_runtime(cls, asked: str, precision: str, device: str, settings: Any) -> str:
        """Return the runtime to use on a kind of device. Raises UsageError for one that cannot be had."""
        cls.refuse_of_torch(asked, precision, settings)
        if asked == sessions.MODULES:
            return asked
        if asked not in ("auto", *sessions.RUNTIMES):
            raise UsageError(unknown("runtime", asked, ["auto", *sessions.RUNTIMES]))
        runtime = sessions.for_int8(asked, device) if precision == "int8" else asked
        if runtime == "auto":
            usual = device == "cpu" and not cls.of_torch(settings)
            return sessions.fastest(cls.name, precision) if usual else sessions.TORCH
        if runtime == sessions.TORCH:
            return runtime
        if device != "cpu":
            raise UsageError(f"runtime {runtime} runs on CPUs alone; give device cpu, or the runtime torch")
        sessions.check_installed(runtime, precision)
        return runtime

    @classmethod
    def of_torch(cls, settings: Any) -> list[str]:
        """Return the settings that only torch knows, with their values, where they are not what every runtime does."""
        given = {name: getattr(settings, name, usual) for name, usual in OF_TORCH.items()}
        return [f"{name}={str(value).lower()}" for name, value in given.items() if value != OF_TORCH[name]]

    @classmethod
    def refuse_of_torch(cls, runtime: str, precision: str, settings: Any) -> None:
        """Raise UsageError for settings that what is asked for would pass over."""
        if runtime == sessions.TORCH or (runtime == "auto" and precision != "int8"):
            return
        openvino = runtime in (sessions.OPENVINO, "auto")  # which int8 makes it
        had = sessions.PRECISIONS.get(runtime)
        if had and precision not in ("auto", "int8", *had):
            raise UsageError(f"{cls.name} does not run in {precision!r} in {runtime}; choose one of: {', '.join(had)}")
        if given := [one for one in cls.of_torch(settings) if not (openvino and one == "compile=true")]:
            of_runtime = "a file" if runtime == sessions.MODULES else f"the runtime {runtime}"
            what = precision if runtime == "auto" else of_runtime
            are = "is" if len(given) == 1 else "are"
            raise UsageError(f"{' and '.join(given)} {are} for torch, not for {what}; leave one of them out")

    def usable_precisions(self) -> tuple[str, ...]:
        """Return the precisions that the runtime has."""
        had = sessions.PRECISIONS.get(self.runtime, self.precisions)
        lacking = sessions.lacking(self.runtime)
        return tuple(name for name in self.precisions if name in had and name not in lacking)

    def _choices(self, runtime: str) -> tuple[str, ...]:
        auto = runtime == "auto" and sessions.has_int8(self.device.type)
        return (*super()._choices(runtime), *["int8"] * auto)

    def _default_precision(self) -> str:
        return super()._default_precision() if self.runtime in (*self.half_in, sessions.MODULES) else "fp32"

    def release(self, code: Any) -> None:
        """Give back what the runtime keeps for the next image."""
        session = self._session(code)
        if session is not None:
            session.release()

    def compiled_anew(self) -> bool:
        """Return whether the last call compiled the network, for the first image of its size."""
        return self._anew

    def _session(self, code: Any) -> sessions.Session | None:
        """Return what another runtime than torch has loaded for a code."""
        session = code if isinstance(code, sessions.Session) else getattr(self, "net", None)
        return session if isinstance(session, sessions.Session) else None

    @on_this_thread_alone()
    def in_fp32(self, part: nn.Module) -> Any:
        """Return a frozen copy in fp32, for the style: it is encoded once, and its statistics need the digits."""
        return copy.deepcopy(part).requires_grad_(False).eval().to(self.device)

    def to_batch(self, images: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Turn (3, H, W) or (N, 3, H, W) into a batch in this stylizer's layout and precision."""
        images = images if images.dim() == 4 else images[None]
        layout = torch.channels_last if self.settings.channels_last else torch.contiguous_format
        return images.to(dtype or self.dtype, memory_format=layout)

    def worth_batching(self, pixels: int) -> int:
        """Return how many images of this many pixels go faster together than one by one (docs/decisions.md)."""
        if self.settings.compile and self.device.type != "cpu":
            return 1  # torch compiles for each size of a batch anew, in a quarter of a minute
        together = TOGETHER_PX if self.device.type == "cpu" else TOGETHER_ON_ACCELERATORS_PX
        return max(1, min(MOST_BATCHED, together // pixels))

    def stylize(self, content: Tensor, code: Any) -> Tensor:
        """Turn (3, H, W) in [0, 1] and a code into (3, H, W) in [0, 1]."""
        return self.stylize_batch(content[None], code)[0]

    def stylize_batch(self, contents: Tensor, code: Any) -> Tensor:
        """Turn (N, 3, H, W) in [0, 1] and a code into (N, 3, H, W) in [0, 1]."""
        self._anew = False
        return into_range(self.picture(contents, code))

    def picture(self, contents: Tensor, code: Any) -> Tensor:
        """Turn (N, 3, H, W) in [0, 1] and a code into (N, 3, H, W), about [0, 1]."""
        if code is not None:  # which a method of one's own may have for its only style
            check_code(self.name, code)
        return self.run(contents, code)

    def run(self, contents: Tensor, code: Any) -> Tensor:
        """Return the network's picture of (N, 3, H, W) in [0, 1], in fp32, of the same size, about [0, 1]."""
        height, width = contents.shape[-2:]
        if (session := self._session(code)) is not None:
            picture = session(contents, self.flat(code) if session.takes_code else None)
            self._anew |= session.compiled_anew
            return picture
        # Nothing is compiled where a network is traced to plan strips.
        compiles = self.settings.compile and not contents.is_meta
        if compiles:
            kind = contents.shape, self.variant(code)
            self._anew |= kind not in self._compiled_for
            self._compiled_for.add(kind)
        with _compiled_for_each_size() if compiles else contextlib.nullcontext():
            image = self.forward(self.to_batch(contents), code)
        # The networks round a side up to a multiple of their stride.
        return image[..., :height, :width].float()

    def variant(self, code: Any) -> Any:
        """Return what else than the photos' size torch compiles the network anew for."""
        return None

    def flat(self, code: Any) -> Tensor:
        """Return a code, or one of a batch, as (N, K): its numbers in a row, as the graph takes them."""
        raise UsageError(f"{self.name} has no codes")

    @abstractmethod
    def forward(self, contents: Tensor, code: Any) -> Tensor:
        """Turn (N, 3, H, W) in [0, 1] in this precision into (N, 3, H', W'), about [0, 1], H' >= H and W' >= W."""


def into_range(image: Tensor) -> Tensor:
    """Clamp (N, 3, H, W) to [0, 1] in place; an image that holds NaN or an infinity becomes NaN."""
    # An infinity would be clamped to white and pass for a picture: times 0 it makes the whole image NaN.
    nothing = image.sum((1, 2, 3), keepdim=True) * 0
    return image.clamp_(0, 1).add_(nothing)


def _compiled_for_each_size() -> contextlib.AbstractContextManager[None]:
    """Let torch compile for as many sizes as come, up to MOST_COMPILED.

    Left to itself it stops at the eighth of a process, other precisions and a sweep's other variants among them, and
    runs further ones uncompiled, in rows that say `compile`.
    """
    from torch.compiler import config

    patched: contextlib.AbstractContextManager[None] = config.patch(  # type: ignore[attr-defined]
        recompile_limit=MOST_COMPILED
    )
    return patched


def check_compiler(device: torch.device) -> None:
    """Raise UsageError if `compile` lacks what it needs for a device, naming it.

    On a CPU that is C++; for an accelerator Triton makes the kernels and compiles small C programs that start them.
    """
    variable, names = ("CXX", ["g++", "clang++"]) if device.type == "cpu" else ("CC", ["gcc", "clang"])
    if device.type != "cpu" and importlib.util.find_spec("triton") is None:
        raise UsageError(f"compile on {device.type} needs triton: install it, or leave compile out")
    own = os.environ.get(variable)
    if not any(map(shutil.which, [own] if own else names)):
        one = f"a {'C++' if variable == 'CXX' else 'C'} compiler ({', '.join(names)}, or {variable} naming one)"
        raise UsageError(f"compile needs {one}: install one or leave it out")
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        raise UsageError(f"compile needs {header}: install this Python's development files, or leave it out")
