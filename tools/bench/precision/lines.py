"""How `tools.bench.precision` measures: all lines of a method in turns, memory in a fresh process for each."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylize.commands import export
from stylize.errors import StylizeError
from stylize.images import Pixels
from stylize.machine import devices
from stylize.stylizers import find, load
from stylize.stylizers._feedforward import FeedForward, into_range
from stylize.stylizers._runtimes.sessions import (
    OPENVINO,
    PRECISIONS,
    RUNTIMES,
    TORCH,
    Session,
    installed,
    kind_of_processor,
    open_model,
)
from stylize.stylizers.base import RANDOM, to_pixels, to_tensor
from tools.bench.models import reference_calls
from tools.bench.precision.table import Line, Setting

OF_FILES = ("fp32", "fp16", "int8")
"""What `stylize export` writes."""
Calls = list[Callable[[], Tensor]]


@dataclass(frozen=True)
class How:
    """What all lines have in common. `files` is the folder for what `stylize export` writes."""

    files: Path
    device: str = "cpu"
    turns: int = 7
    forms: bool = True
    """Whether other layouts than the default, unfolded and compiled networks have lines, too."""


class Method:
    """All lines of one method, in turns."""

    def __init__(self, name: str, weights: str | None, how: How, photos: list[Pixels], artworks: list[Pixels]) -> None:
        self.name, self.weights, self.how = name, weights, how
        self.photos, self.artworks = photos, artworks
        self.device = torch.device(how.device)

    def measure(self) -> list[Line]:
        """Return the lines, measured or skipped by name."""
        calls: list[tuple[Line, Calls]] = []
        lines = []
        for setting in self._settings():
            line = Line(setting)
            lines.append(line)
            try:
                if setting.runtime != TORCH and setting.precision in OF_FILES:
                    line.file_bytes = self._export(setting.precision)
                calls.append((line, self.calls(line)))
            except StylizeError as error:
                line.skipped = str(error)
        with torch.inference_mode():
            self._judge(calls)
            for turn in range(self.how.turns):
                for line, made in calls:
                    self._time(line, made[turn % len(made)])
        for line in lines:
            if line.skipped is None:
                line.image_bytes = self._memory(line.setting)
        return lines

    def _settings(self) -> Iterator[Setting]:
        folds = "folded" in find(self.name).settings_type.model_fields
        forms = self.how.forms
        if self.name in reference_calls.NETWORKS:
            yield Setting(self.name, "fp32", channels_last=False, folded=False, published=True)
        if folds and forms:
            yield Setting(self.name, "fp32", channels_last=False, folded=False)
        for precision in PRECISIONS[TORCH]:
            if precision == "fp16" and self.device.type == "cpu":
                yield Setting(self.name, precision, folded=folds)  # its line says why not
                continue
            if precision == "bf16" and not self._has_bf16():
                continue
            if forms:
                yield Setting(self.name, precision, channels_last=False, folded=folds)
            yield Setting(self.name, precision, folded=folds)
            if folds and forms:
                yield Setting(self.name, precision, folded=False)
            if forms:
                yield Setting(self.name, precision, folded=False, compile=True)
        if self.device.type == "cpu":
            for runtime in filter(installed, RUNTIMES[1:]):
                for precision in dict.fromkeys((*PRECISIONS[runtime], *OF_FILES[1:])):
                    if precision == "bf16" and not self._has_bf16():
                        continue
                    setting = Setting(self.name, precision, folded=folds, runtime=runtime)
                    yield setting
                    if runtime == OPENVINO and not setting.from_file:
                        yield replace(setting, compile=True)

    def _has_bf16(self) -> bool:
        # Of a CPU's flags alone OpenVINO would be asked for it where the process is held to fewer instructions.
        return devices.fast_bf16(self.device) and (self.device.type != "cpu" or kind_of_processor() == "bf16")

    def calls(self, line: Line) -> Calls:
        """Return one call per pair, inputs on the device, style codes made."""
        setting = line.setting
        if setting.published:
            return reference_calls.calls(
                self.name, self.weights, self._tensors(self.photos), self._tensors(self.artworks)
            )
        stylizer, session = self._loaded(setting), None
        if setting.runtime == TORCH:
            line.weights_bytes = _weights_bytes(stylizer)
        elif setting.from_file:
            session = self._session(setting)
        with torch.inference_mode():
            if stylizer.styles_are_weights:
                codes = [stylizer.code(None)]
            else:
                codes = [stylizer.encode_style(artwork) for artwork in self._tensors(self.artworks)]
        pairs = itertools.product(self._tensors(self.photos), codes)
        line.release = partial(stylizer.release, codes[0]) if session is None else session.release
        if session is None:
            return [partial(stylizer.stylize, photo, code) for photo, code in pairs]
        return [partial(_from_file, session, stylizer, photo, code) for photo, code in pairs]

    def _loaded(self, setting: Setting) -> Any:
        runtime, options = setting.runtime, setting.options()
        if setting.from_file:
            runtime, options = TORCH, options | {"precision": "fp32"}  # for its codes
        return load(self.name, weights=self.weights, device=self.how.device, runtime=runtime, **options)

    def _session(self, setting: Setting) -> Session:
        import onnx

        return open_model(onnx.load(str(self._file(setting.precision))), setting.runtime, "fp32")

    def _file(self, precision: str) -> Path:
        return self.how.files / f"{self.name}-{precision}.onnx"

    def _export(self, precision: str) -> int:
        """Write the method's file once, as `stylize export` does; returns its bytes, with the style encoder's."""
        path = self._file(precision)
        if not path.exists():
            words = [
                self.name,
                str(path),
                "--precision",
                precision,
                *(["--weights", self.weights] if self.weights else []),
            ]
            with contextlib.redirect_stdout(io.StringIO()):
                export.main(words)
        return sum(one.stat().st_size for one in path.parent.glob(f"{path.stem}*.onnx"))

    def _tensors(self, pictures: list[Pixels]) -> list[Tensor]:
        return [to_tensor(picture, self.device) for picture in pictures]

    def _judge(self, calls: list[tuple[Line, Calls]]) -> None:
        """Compare results with the first line's; it warms every line up, too."""
        from stylize.measure.ssim import ssim

        reference: list[Pixels] = []
        for line, made in calls:
            results = [to_pixels(call()) for call in made]
            reference = reference or results
            if self.weights == RANDOM:
                continue
            line.ssim = statistics.mean(ssim(a, b) or 0.0 for a, b in zip(reference, results, strict=True))
            same = all((a == b).all() for a, b in zip(reference, results, strict=True))
            if not same:
                line.psnr_db = statistics.mean(itertools.starmap(_psnr_db, zip(reference, results, strict=True)))

    def _time(self, line: Line, call: Callable[[], Tensor]) -> None:
        from stylize.measure.clock import timed

        spent = time.process_time()
        with timed(self.how.device) as clock:
            call()
        line.times_s.append(clock.seconds)
        line.cpu_times_s.append(time.process_time() - spent)

    def _memory(self, setting: Setting) -> int | None:
        # A fork of one that has imported all and computed nothing: as fresh, without seconds of imports for each line.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        with context.Pool(1) as pool:
            return pool.apply(memory_of, (setting, self.weights, self.how, self.photos[0], self.artworks[0]))


def memory_of(setting: Setting, weights: str | None, how: How, photo: Pixels, artwork: Pixels) -> int | None:
    """Return bytes that one more image takes at the highest, as sweeps measure it: on a GPU the device's own."""
    method, line = Method(setting.method, weights, how, [photo], [artwork]), Line(setting)
    (call,) = method.calls(line)
    with torch.inference_mode():
        call()
    if how.device != "cpu":
        return _peak(call, how.device)
    with ThreadPoolExecutor(1) as own:
        return own.submit(_exact_peak, line, call).result()


def _exact_peak(line: Line, call: Callable[[], Tensor]) -> int | None:
    from stylize.measure.memory import exact_peaks

    line.release()
    with exact_peaks():
        return _peak(call, "cpu")


def _peak(call: Callable[[], Tensor], device: str) -> int | None:
    from stylize.measure.memory import PeakMemory

    peak = PeakMemory(device)
    with torch.inference_mode():
        peak.start()
        call()
        found = peak.stop()
    return found.image_host_bytes if device == "cpu" else found.image_device_bytes


def _from_file(session: Session, stylizer: FeedForward, photo: Tensor, code: Any) -> Tensor:
    """Turn (3, H, W) into (3, H, W) by an exported file, in a code of torch's."""
    picture: Tensor = session(photo[None], stylizer.flat(code) if session.takes_code else None)
    return into_range(picture)[0]


def _psnr_db(a: Pixels, b: Pixels) -> float:
    """Return the PSNR of two pictures of 8 bits, 120 at most."""
    error = float(np.mean((a.astype(float) - b) ** 2))
    return min(120.0, 10 * math.log10(255**2 / error)) if error else 120.0


def _weights_bytes(stylizer: Any) -> int | None:
    net = stylizer.code(None) if stylizer.styles_are_weights else stylizer.net
    return int(sum(t.numel() * t.element_size() for t in (*net.parameters(), *net.buffers())))
