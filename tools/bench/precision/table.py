"""What `tools.bench.precision` measures, and the table it prints."""

from __future__ import annotations

import importlib.metadata
import itertools
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from stylize.stylizers import find
from stylize.stylizers._runtimes.sessions import PRECISIONS, RUNTIMES, TORCH, fastest, installed


@dataclass(frozen=True)
class Setting:
    """One line of the table. Layout and form are torch's."""

    method: str
    precision: str
    channels_last: bool = True
    folded: bool = True
    compile: bool = False
    published: bool = False
    runtime: str = TORCH

    @property
    def from_file(self) -> bool:
        """Return whether the runtime has this precision only as a file that `stylize export` wrote."""
        return self.runtime != TORCH and self.precision not in PRECISIONS[self.runtime]

    def options(self) -> dict[str, Any]:
        """Return what `stylize.load` takes, but for the runtime."""
        given: dict[str, Any] = {"channels_last": self.channels_last, "compile": self.compile}
        if self._folds():
            given["folded"] = self.folded
        return given | {"precision": self.precision}

    def cells(self, default: str) -> tuple[str, str, str, str, str]:
        """Return runtime, precision, layout, form, compiled, as text."""
        runtime = fastest(self.method, default)
        mine = self == Setting(self.method, default, folded=self._folds(), runtime=runtime)
        precision = self.precision + (" (default)" if mine else "")
        compiled = "yes" if self.compile else ""
        if self.runtime != TORCH:
            return self.runtime, precision, "", "exported file" if self.from_file else "", compiled
        form = "as published" if self.published else "folded" if self.folded else "plain"
        layout = "channels last" if self.channels_last else "contiguous"
        return self.runtime, precision, layout, form, compiled

    def _folds(self) -> bool:
        return "folded" in find(self.method).settings_type.model_fields


@dataclass
class Line:
    """What was measured of a setting; None for what could not be."""

    setting: Setting
    times_s: list[float] = field(default_factory=list)
    cpu_times_s: list[float] = field(default_factory=list)
    ssim: float | None = None
    psnr_db: float | None = None
    weights_bytes: int | None = None
    image_bytes: int | None = None
    file_bytes: int | None = None
    skipped: str | None = None
    release: Callable[[], None] = field(default=lambda: None, repr=False)
    """Gives back what the runtime keeps for the next image."""

    def stylize_s(self) -> float | None:
        """Return the median call."""
        return statistics.median(self.times_s) if self.times_s else None

    def cpu_s(self) -> float | None:
        """Return the median call's CPU time, of all threads of this process."""
        return statistics.median(self.cpu_times_s) if self.cpu_times_s else None

    def row(self) -> dict[str, Any]:
        """Return the line for a JSON file."""
        kept = {name: value for name, value in vars(self).items() if name != "release"}
        return kept | {"setting": vars(self.setting), "stylize_s": self.stylize_s(), "cpu_s": self.cpu_s()}


def table(lines: list[Line], given: Any) -> str:
    """Return the lines as Markdown."""
    head = ("method", "runtime", "precision", "layout", "form", "compiled", "stylize_s", "times as fast", "CPU s",
            "SSIM", "PSNR dB", "memory for one more image", "weights", "file")  # fmt: skip
    with_runtimes = [f"{name} {importlib.metadata.version(name)}" for name in RUNTIMES if installed(name)]
    held = f"held to {given.isa} but for onnxruntime, which has no switch for it, " if given.isa else ""
    where = f"{given.size}, {given.device}, {torch.get_num_threads()} threads, {', '.join(with_runtimes)}, {held}"
    rows = [f"{where}median of {given.turns} calls", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for method, group in itertools.groupby(lines, key=lambda line: line.setting.method):
        same = list(group)
        base = next((line.stylize_s() for line in same if line.times_s), None)
        default = find(method).default_precision(torch.device(given.device))
        rows += ["| " + " | ".join(_cells(line, method, default, base)) + " |" for line in same]
    return "\n".join(rows)


def _cells(line: Line, method: str, default: str, base: float | None) -> list[str]:
    start = [f"`{method}`", *line.setting.cells(default)]
    if line.skipped is not None:
        return [*start, f"skipped: {line.skipped}", *[""] * 7]
    seconds = line.stylize_s()
    assert seconds is not None
    return [
        *start, f"{seconds:.4f}", f"{base / seconds:.2f}" if base else "", _text(line.cpu_s(), ".4f"),
        _text(line.ssim, ".4f"), _text(line.psnr_db, ".1f"), *map(_megabytes, _sizes(line)),
    ]  # fmt: skip


def _sizes(line: Line) -> tuple[int | None, int | None, int | None]:
    return line.image_bytes, line.weights_bytes, line.file_bytes


def _text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _megabytes(value: int | None) -> str:
    return "" if value is None else f"{value / 1e6:.1f} MB"
