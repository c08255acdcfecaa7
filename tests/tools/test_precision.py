from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import pytest

from stylize.errors import UsageError
from stylize.stylizers._runtimes import sessions
from tools.bench.models import reference_calls
from tools.bench.precision import __main__ as precision
from tools.bench.precision.lines import How, Method
from tools.bench.precision.table import Line, Setting, table


def test_an_isa_begins_anew_with_the_switches_of_torch_and_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[list[str], dict[str, str]]] = []

    def replace(path: str, words: list[str], environment: dict[str, str]) -> None:
        begun.append((words, environment))
        raise SystemExit(0)

    for name in precision.ISA["avx2"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "execve", replace)
    with pytest.raises(SystemExit):
        precision.main(["compact", "--isa", "avx2"])
    ((words, environment),) = begun
    assert words[1:] == ["-m", "tools.bench.precision", "compact", "--isa", "avx2"]
    assert (environment["ATEN_CPU_CAPABILITY"], environment["ONEDNN_MAX_CPU_ISA"]) == ("avx2", "AVX2")


def test_the_table_has_a_line_for_each_runtime_and_precision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sessions, "kind_of_processor", lambda: "other")
    of_torch = Line(Setting("compact", "fp32", folded=False), [0.4, 0.2, 0.2], [0.5, 0.4, 0.3], 1.0)
    eight = Line(Setting("compact", "int8", folded=False, runtime="onnxruntime"), [0.1], [0.2], 0.97, 30.0)
    eight.image_bytes, eight.file_bytes = 50_000_000, 2_200_000
    without = Line(Setting("compact", "fp16", folded=False, runtime="openvino"), skipped="no room")
    given = argparse.Namespace(size="8x8", device="cpu", isa="avx2", turns=3)
    head, *rows = table([of_torch, eight, without], given).splitlines()
    assert "held to avx2 but for onnxruntime" in head
    names, _, *cells = ([cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:])
    first, second, third = (dict(zip(names, one, strict=True)) for one in cells)
    assert (first["runtime"], first["layout"], first["stylize_s"], first["CPU s"]) == (
        "torch", "channels last", "0.2000", "0.4000",
    )  # fmt: skip
    assert (second["runtime"], second["precision"], second["form"]) == ("onnxruntime", "int8", "exported file")
    assert (second["times as fast"], second["SSIM"]) == ("2.00", "0.9700")
    assert (second["memory for one more image"], second["file"]) == ("50.0 MB", "2.2 MB")
    assert third["stylize_s"] == "skipped: no room"
    assert json.loads(json.dumps(eight.row()))["setting"]["runtime"] == "onnxruntime"
    assert not Setting("compact", "int8", folded=False, runtime="openvino").from_file


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_line_is_the_runtimes_picture(runtime: str, tmp_path: Path) -> None:
    if not sessions.installed(runtime):
        pytest.skip(f"{runtime} is not installed")
    import numpy as np

    pixels: list[Any] = [np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8) for seed in range(2)]
    method = Method("compact", None, How(tmp_path), pixels[:1], pixels[1:])
    wanted, got = (method.calls(Line(Setting("compact", "fp32", runtime=name))) for name in ("torch", runtime))
    assert (wanted[0]() - got[0]()).abs().max() < 2e-3


def test_a_published_network_without_weights_is_refused_in_a_line() -> None:
    with pytest.raises(UsageError, match=r"^johnson needs weights: give --weights johnson=PATH or johnson=random$"):
        reference_calls.calls("johnson", None, [], [])
