"""Runtimes are loaded in one place, and keep and send no list of what they run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stylize.errors import WeightsError
from stylize.stylizers._runtimes import sessions
from tests.support.samples import ROOT

LOADS = ("loading.py", "quantize_apart.py")
"""The second is a program of its own, which is started with the environment that it needs."""


@pytest.mark.skipif(not sessions.installed("onnxruntime"), reason="onnxruntime is not installed")
def test_it_leaves_nothing_in_the_users_home(tmp_path: Path) -> None:
    code = "from stylize.stylizers._runtimes.loading import load_onnxruntime as load; load().SessionOptions()"
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=plain | {"HOME": str(tmp_path)}, check=True)
    assert list(tmp_path.rglob("*onnxruntime*")) == []


@pytest.mark.skipif(not sessions.installed("openvino"), reason="openvino is not installed")
def test_openvino_counts_no_use_and_asks_no_one(tmp_path: Path) -> None:
    """With its own package for that it keeps `intel/` in the user's home, and sends to a public collector."""
    code = """if True:
        import sys
        from stylize.stylizers._runtimes.loading import load_openvino as load
        load().Core()
        assert load() is sys.modules["openvino"]
        sys.exit("openvino_telemetry" in sys.modules)
    """
    plain = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=plain | {"HOME": str(tmp_path)}, check=False)
    assert (done.returncode, list(tmp_path.rglob("intel*"))) == (0, [])


def test_nothing_else_imports_them() -> None:
    files = [path for room in ("stylize", "jobs", "tools") for path in (ROOT / room).rglob("*.py")]
    loads = re.compile(
        r'^ *(import|from) (onnxruntime|openvino)\b|import_module\("(onnxruntime|openvino)', re.MULTILINE
    )
    assert sorted(path.name for path in files if loads.search(path.read_text())) == sorted(LOADS)


@pytest.mark.skipif(not sessions.installed("onnxruntime"), reason="onnxruntime is not installed")
def test_the_program_that_makes_8_bits_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnx

    from stylize.stylizers._runtimes import quantize

    told: dict[str, str] = {}

    def run(command: list[str], env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        told.update(env)
        return subprocess.CompletedProcess(command, 1, b"", b"no")

    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(quantize, "_calibration", lambda *_: iter(()))
    stylizer = SimpleNamespace(name="any", kinds_in_8_bits=(), exact_in_8_bits=())
    with pytest.raises(WeightsError):
        quantize.in_8_bits(stylizer, onnx.ModelProto())
    assert told["ORT_DISABLE_TELEMETRY"] == "1"
