"""What is often claimed of style transfer, beside what was measured here, with a verdict for this hardware."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stylize.report import analysis
from stylize.report.units import digits, seconds, size

HOLDS, PARTLY, FAILS, UNKNOWN = "holds here", "holds in part", "does not hold here", "not measured"
SIDE_PX = 768
"""Of a 768x512 photo."""
LINEAR = (0.9, 1.1)
FAST = ("johnson", "adain", "microast", "compact")


@dataclass(frozen=True)
class Claim:
    """A claim, what was measured of it, and the verdict."""

    text: str
    measured: str
    verdict: str


def check(rows: pd.DataFrame) -> list[Claim]:
    """Return every claim, held to the rows of a `claims` sweep; what its rows do not tell is not measured."""
    measured = analysis.measures(rows[rows["clean"] | ~rows["ok"]])
    measured = measured[measured["n"] > 0]
    measured = measured.assign(
        stylizer=_known(rows, measured, "stylizer"), backbone=_known(rows, measured, "backbone"),
        whole_bytes=measured["memory_p50_bytes"] + measured["model_bytes"].fillna(0),
    )  # fmt: skip
    return [
        _gatys_time(measured),
        _gatys_memory(measured),
        _fast_time(measured),
        _linear(analysis.growth(rows)),
        _against(
            "MobileNet is lighter than VGG19 as an optimisation's backbone",
            _gatys(measured, "mobilenet"), _gatys(measured, "vgg19"), np.less,
        ),
        _against(
            "ResNet, as an optimisation's backbone, is heavier than compact networks",
            _gatys(measured, "resnet"), measured[measured["stylizer"] == "compact"], np.greater,
        ),
        _precision(rows, ("fp16", "bf16"), "Half precision (FP16, or BF16 where that is what a CPU has) saves memory"),
        _precision(rows, ("int8",), "Quantisation to INT8 saves memory"),
    ]  # fmt: skip


def _known(rows: pd.DataFrame, measured: pd.DataFrame, column: str) -> pd.Series:
    """Return a method's stylizer or backbone."""
    known = rows.dropna(subset=[column]).drop_duplicates("method").set_index("method")[column]
    return measured["method"].map(known)


def _gatys(measured: pd.DataFrame, backbone: str) -> pd.DataFrame:
    """Return an optimisation's lines with a backbone of that family."""
    named = measured["backbone"].map(lambda name: str(name).startswith(backbone)).astype(bool)
    return measured[(measured["stylizer"] == "gatys") & named]


def _at_side(measured: pd.DataFrame) -> pd.DataFrame:
    return measured[measured["resolution_px"] == SIDE_PX]


def _named(lines: pd.DataFrame, column: str, form: Callable[[float], str]) -> str:
    return "; ".join(f"{line['method']} {line['precision']} {form(line[column])}" for _, line in lines.iterrows())


def _judge(outcomes: Iterable[bool]) -> str:
    held = list(outcomes)
    if not held:
        return UNKNOWN
    return HOLDS if all(held) else PARTLY if any(held) else FAILS


def _gatys_time(measured: pd.DataFrame) -> Claim:
    here = _gatys(_at_side(measured), "vgg19")
    verdict = _judge(10 <= value < 100 for value in here["stylize_p50_s"])
    text = "VGG19 optimisation at 768x512 takes tens of seconds"
    return Claim(text, _named(here, "stylize_p50_s", seconds), verdict)


def _gatys_memory(measured: pd.DataFrame) -> Claim:
    here = _gatys(_at_side(measured), "vgg19").dropna(subset=["memory_p50_bytes"])
    verdict = _judge(3e9 <= value <= 5e9 for value in here["whole_bytes"])
    text = "VGG19 optimisation at 768x512 takes about 4 GB"
    return Claim(text, _named(here, "whole_bytes", size) + (" (model and image)" if len(here) else ""), verdict)


def _fast_time(measured: pd.DataFrame) -> Claim:
    here = _at_side(measured)
    here = here[here["stylizer"].isin(FAST)].sort_values("stylize_p50_s")
    verdict = _judge(value < 0.1 for value in here["stylize_p50_s"])
    return Claim(
        "Fast style transfer at 768x512 takes tens of milliseconds", _named(here, "stylize_p50_s", seconds), verdict
    )


def _linear(fits: pd.DataFrame) -> Claim:
    text = "Memory grows linearly with pixels"
    if fits.empty:
        return Claim(text, "", UNKNOWN)
    here = fits[fits["memory_exponent"].notna() & (fits["method"] != analysis.FLOOR)]
    told = "; ".join(
        f"{line['method']} {line['precision']} {line['memory_exponent']:.2f} "
        f"({line['memory_low']:.2f} to {line['memory_high']:.2f})"
        for _, line in here.iterrows()
    )
    # Its interval must be consistent with growth close to proportional.
    verdict = _judge(
        low <= LINEAR[1] and high >= LINEAR[0]
        for low, high in zip(here["memory_low"], here["memory_high"], strict=True)
    )
    return Claim(text, f"exponents with 95 % intervals: {told}" if told else "", verdict)


def _against(text: str, ours: pd.DataFrame, others: pd.DataFrame, better: np.ufunc) -> Claim:
    """Return model, memory and time of one kind against another's, at the same resolution and precision."""
    keys = ["setup", "precision", "resolution_px", "workers"]
    told, outcomes = [], []
    for _, line in ours.merge(others, on=keys, suffixes=("", "_other")).iterrows():
        words = []
        for column, word, form in (
            ("model_bytes", "model", size), ("memory_p50_bytes", "one more image", size),
            ("stylize_p50_s", "time", seconds),
        ):  # fmt: skip
            one, other = line[column], line[f"{column}_other"]
            if pd.notna(one) and pd.notna(other):
                outcomes.append(bool(better(one, other)))
                words.append(f"{word} {form(one)} against {form(other)}")
        told.append(f"{line['resolution_px']:.0f} px {line['precision']}: {', '.join(words)}")
    return Claim(text, "; ".join(told), _judge(outcomes))


def _range(values: pd.Series, form: Callable[[Any], str] = digits) -> str:
    low, high = form(values.min()), form(values.max())
    return low if low == high else f"{low} to {high}"


def _precision(rows: pd.DataFrame, names: tuple[str, ...], text: str) -> Claim:
    ratios = analysis.precisions(rows)
    if ratios.empty:
        return Claim(text, "", UNKNOWN)
    here = ratios[ratios["precision"].isin(names) & ratios["memory"].notna() & (ratios["method"] != analysis.FLOOR)]
    told = "; ".join(
        f"{method} {precision} {_range(part['memory'])}x of fp32's, {_range(part['speed'])}x as fast"
        f" ({_range(part['resolution_px'], '{:.0f}'.format)} px)"
        for (method, precision), part in here.groupby(["method", "precision"])
    )
    return Claim(text, told, _judge(here["memory"] < 0.95))
