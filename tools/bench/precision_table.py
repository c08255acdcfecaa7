"""What `tools.bench.precision` measures, and the table it prints."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass, field
from typing import Any

import torch

from stylize.stylizers import find


@dataclass(frozen=True)
class Setting:
    """One line of the table."""

    method: str
    precision: str
    channels_last: bool = True
    folded: bool = True
    compile: bool = False
    published: bool = False

    def options(self) -> dict[str, Any]:
        """What `stylize.load` takes."""
        given: dict[str, Any] = {"channels_last": self.channels_last, "compile": self.compile}
        if "folded" in find(self.method).settings_type.model_fields:
            given["folded"] = self.folded
        return given | {"precision": self.precision}

    def cells(self, default: str) -> tuple[str, str, str, str]:
        """precision, layout, form, compiled, as text."""
        mine = self == Setting(self.method, default, folded=self._folds())
        form = "as published" if self.published else "folded" if self.folded else "plain"
        layout = "channels last" if self.channels_last else "contiguous"
        return self.precision + (" (default)" if mine else ""), layout, form, "yes" if self.compile else ""

    def _folds(self) -> bool:
        return "folded" in find(self.method).settings_type.model_fields


@dataclass
class Line:
    """What was measured of a setting; None for what could not be."""

    setting: Setting
    times_s: list[float] = field(default_factory=list)
    ssim: float | None = None
    psnr_db: float | None = None
    weights_bytes: int | None = None
    peak_bytes: int | None = None
    skipped: str | None = None

    def stylize_s(self) -> float | None:
        """The median call."""
        return statistics.median(self.times_s) if self.times_s else None


def table(lines: list[Line], given: Any) -> str:
    """The lines as Markdown."""
    head = ("method", "precision", "layout", "form", "compiled", "stylize_s", "times as fast", "SSIM", "PSNR dB",
            "peak memory", "weights")  # fmt: skip
    where = f"{given.size}, {given.device}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
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
        return [*start, f"skipped: {line.skipped}", "", "", "", "", ""]
    seconds = line.stylize_s()
    assert seconds is not None
    return [
        *start, f"{seconds:.4f}", f"{base / seconds:.2f}" if base else "", _text(line.ssim, ".4f"),
        _text(line.psnr_db, ".1f"), _megabytes(line.peak_bytes), _megabytes(line.weights_bytes),
    ]  # fmt: skip


def _text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _megabytes(value: int | None) -> str:
    return "" if value is None else f"{value / 1e6:.1f} MB"
